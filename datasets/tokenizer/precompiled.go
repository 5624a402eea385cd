package tokenizer

import (
	"encoding/json"
	"unicode"
	"unicode/utf8"
)

// precompiled is the normalizer Precompiled: a SentencePiece charsmap as Hugging Face tokenizers
// apply it, which is not as SentencePiece does. A grapheme of less than six bytes is replaced whole
// by what the shortest entry that it begins with stands for; of others, and of those with no entry,
// each character is looked up by itself.
type precompiled struct{ charsmap *charsmap }

func precompiledNormalizer(data json.RawMessage) (normalizer, error) {
	var v struct {
		typed
		Charsmap []byte `json:"precompiled_charsmap"`
	}
	if err := strict(data, &v); err != nil {
		return nil, err
	}
	m, err := parseCharsmap(v.Charsmap)
	return precompiled{m}, err
}

func (n precompiled) normalize(p piece) piece {
	e := newEdit(p)
	for i := 0; i < len(p.s); {
		if j := n.charsmap.plainRun(p.s, i); j > i {
			e.keep(i, j)
			i = j
			continue
		}
		end := i + graphemeLen(p.s[i:])
		if end-i < 6 && n.replace(e, i, end) {
			i = end
			continue
		}
		for i < end {
			next := i + firstRune(p.s[i:])
			if !n.replace(e, i, next) {
				e.keep(i, next)
			}
			i = next
		}
	}
	return e.piece()
}

// replace writes what the bytes i to j become, and reports whether they have an entry.
func (n precompiled) replace(e *edit, i, j int) bool {
	text, ok := n.charsmap.shortest(e.from.s[i:j])
	if ok {
		e.put(text, i, j)
	}
	return ok
}

// graphemeLen returns the length of the grapheme cluster that s begins with (Unicode, annex 29).
// Rules about syllables, flags and joined emoji are left out: they only join clusters that are six
// bytes long without.
func graphemeLen(s string) int {
	r, n := utf8.DecodeRuneInString(s)
	if r == '\r' && len(s) > 1 && s[1] == '\n' {
		return 2
	}
	if isControl(r) {
		return n
	}
	for prepends(r) && n < len(s) {
		next, w := utf8.DecodeRuneInString(s[n:])
		if isControl(next) {
			return n
		}
		r, n = next, n+w
	}
	for n < len(s) {
		r, w := utf8.DecodeRuneInString(s[n:])
		if !extends(r) {
			break
		}
		n += w
	}
	return n
}

const (
	zeroWidthNonJoiner = '\u200C'
	zeroWidthJoiner    = '\u200D'
)

func isControl(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return r < ' ' || r == 0x7F
	case r == zeroWidthNonJoiner, r == zeroWidthJoiner, prepends(r), extends(r):
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// prepends reports whether r belongs to the character after it.
func prepends(r rune) bool {
	return r >= 0x600 && (unicode.Is(unicode.Prepended_Concatenation_Mark, r) || unicode.Is(prepend, r))
}

// extends reports whether r belongs to the character before it: Extend, SpacingMark and ZWJ.
func extends(r rune) bool {
	if r < 0x300 {
		return false
	}
	switch {
	case r == zeroWidthJoiner, r == 0xE33, r == 0xEB3, 0x1F3FB <= r && r <= 0x1F3FF, 0xE0020 <= r && r <= 0xE007F:
		return true
	case unicode.Is(looseMarks, r):
		return false
	}
	return unicode.In(r, marks...) || unicode.Is(marks17, r) || unicode.Is(unicode.Other_Grapheme_Extend, r)
}

// prepend are the characters of GCB=Prepend beside Prepended_Concatenation_Mark.
var prepend = &unicode.RangeTable{
	R16: []unicode.Range16{{0xD4E, 0xD4E, 1}},
	R32: []unicode.Range32{
		{0x111C2, 0x111C3, 1}, {0x113D1, 0x113D1, 1}, {0x1193F, 0x1193F, 1}, {0x11941, 0x11941, 1},
		{0x11A84, 0x11A89, 1}, {0x11D46, 0x11D46, 1}, {0x11F02, 0x11F02, 1},
	},
}

// marks17 are the marks of Unicode 17, which graphemes are cut by and nothing else here knows.
var marks17 = &unicode.RangeTable{
	R16: []unicode.Range16{{0x1ACF, 0x1ADD, 1}, {0x1AE0, 0x1AEB, 1}},
	R32: []unicode.Range32{
		{0x10EFA, 0x10EFB, 1}, {0x11B60, 0x11B67, 1}, {0x1E6E3, 0x1E6E3, 1}, {0x1E6E6, 0x1E6E6, 1}, {0x1E6EE, 0x1E6EF, 1}, {0x1E6F5, 0x1E6F5, 1},
	},
}

// looseMarks are the marks that stand alone: those of Mc that are not GCB=SpacingMark.
var looseMarks = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x102B, 0x102C, 1}, {0x1038, 0x1038, 1}, {0x1062, 0x1064, 1}, {0x1067, 0x106D, 1}, {0x1083, 0x1083, 1}, {0x1087, 0x108C, 1},
		{0x108F, 0x108F, 1}, {0x109A, 0x109C, 1}, {0x1A61, 0x1A61, 1}, {0x1A63, 0x1A64, 1}, {0xAA7B, 0xAA7B, 1}, {0xAA7D, 0xAA7D, 1},
	},
	R32: []unicode.Range32{{0x11720, 0x11721, 1}},
}
