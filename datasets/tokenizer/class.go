package tokenizer

import (
	"slices"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Classes of characters that the pre-tokenizers' patterns speak of.
const (
	letter = 1 << iota // \p{L}
	number             // \p{N}
	space              // \s: White_Space
	mark               // \p{M}
	upper              // [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]
	lower              // [\p{Ll}\p{Lm}\p{Lo}\p{M}]
	symbol             // [\p{P}\p{S}]

	// text is what [^\s\p{L}\p{N}] leaves out.
	text = letter | number | space
)

// classes holds the class of every character of the basic plane; 64 KiB buy one load in the place
// of three binary searches for each character of a text.
var classes = sync.OnceValue(func() *[1 << 16]byte {
	t := new([1 << 16]byte)
	for _, c := range classTables {
		for _, r := range c.tables {
			setClass(t, r, c.class)
		}
	}
	return t
})

// classTables say which characters are in which classes.
var classTables = []struct {
	class  byte
	tables []*unicode.RangeTable
}{
	{letter, letters}, {number, numbers}, {space, []*unicode.RangeTable{unicode.White_Space}}, {mark | upper | lower, marks},
	{upper, []*unicode.RangeTable{unicode.Lu, newLu, unicode.Lt}}, {lower, []*unicode.RangeTable{unicode.Ll, newLl}},
	{upper | lower, []*unicode.RangeTable{unicode.Lm, newLm, unicode.Lo, newLo}},
	{symbol, []*unicode.RangeTable{unicode.P, newP, unicode.S, newS}},
}

func setClass(t *[1 << 16]byte, r *unicode.RangeTable, class byte) {
	for _, g := range r.R16 {
		for c := int(g.Lo); c <= int(g.Hi); c += int(g.Stride) {
			t[c] |= class
		}
	}
}

// letters, marks and numbers are \p{L}, \p{M} and \p{N}.
var (
	letters = []*unicode.RangeTable{unicode.L, newLu, newLl, newLm, newLo}
	marks   = []*unicode.RangeTable{unicode.M, newM}
	numbers = []*unicode.RangeTable{unicode.N, newNd}
)

// classOf returns the classes of a character above the basic plane.
func classOf(r rune) (class byte) {
	for _, c := range classTables {
		if unicode.In(r, c.tables...) {
			class |= c.class
		}
	}
	return class
}

// wordTables are what all notions of \w share: letters, marks, decimal digits, connectors, and the
// letter numbers and symbols that count as alphabetic.
var wordTables = slices.Concat(letters, marks, []*unicode.RangeTable{
	unicode.Nl, unicode.Other_Alphabetic, unicode.Nd, newNd, unicode.Pc,
})

// isWord is \w of Rust's regex, which tokenizers use outside of patterns: the zero-width joiners
// count too.
func isWord(r rune) bool {
	if r < utf8.RuneSelf {
		return r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	}
	return r == '\u200C' || r == '\u200D' || unicode.In(r, wordTables...)
}

// patternWord is \w in a pattern. Oniguruma takes it for Latin-1 from a table in which superscript
// digits and fractions are word characters.
var patternWord = sync.OnceValue(func() *charset {
	var latin []interval
	for _, r := range "²³¹¼½¾" {
		latin = append(latin, interval{r, r})
	}
	return tableSet(wordTables...).union(newCharset(latin))
})

// isPunctuation is what tokenizers call punctuation: ASCII's, symbols included, and Unicode's P.
func isPunctuation(r rune) bool {
	if r < utf8.RuneSelf {
		return '!' <= r && r <= '/' || ':' <= r && r <= '@' || '[' <= r && r <= '`' || '{' <= r && r <= '~'
	}
	return unicode.Is(oldPunctuation, r)
}
