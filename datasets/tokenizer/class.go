package tokenizer

import (
	"sync"
	"unicode"
)

// Classes of characters that the pre-tokenizers' patterns speak of.
const (
	letter = 1 << iota // \p{L}
	number             // \p{N}
	space              // \s: White_Space
)

// classes holds the class of every character of the basic plane; 64 KiB buy one load in the place
// of three binary searches for each character of a text.
var classes = sync.OnceValue(func() *[1 << 16]byte {
	t := new([1 << 16]byte)
	mark(t, unicode.L, letter)
	mark(t, unicode.N, number)
	mark(t, unicode.White_Space, space)
	return t
})

func mark(t *[1 << 16]byte, r *unicode.RangeTable, bit byte) {
	for _, g := range r.R16 {
		for c := int(g.Lo); c <= int(g.Hi); c += int(g.Stride) {
			t[c] |= bit
		}
	}
}

// classOf returns the class of a character above the basic plane, where no white space is.
func classOf(r rune) byte {
	switch {
	case unicode.IsLetter(r):
		return letter
	case unicode.Is(unicode.N, r):
		return number
	}
	return 0
}

// isWord is \w of Oniguruma and of Rust's regex: letters, marks, decimal digits, connectors.
func isWord(r rune) bool {
	if r < 0x80 {
		return r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	}
	return unicode.In(r, wordTables...)
}

// wordTables make up \w. Alphabetic is derived: letters, letter numbers and Other_Alphabetic.
var wordTables = []*unicode.RangeTable{unicode.L, unicode.M, unicode.Nl, unicode.Other_Alphabetic, unicode.Nd, unicode.Pc}

// isPunctuation is what HF calls punctuation: ASCII's, symbols included, and Unicode's P.
func isPunctuation(r rune) bool {
	if r < 0x80 {
		return '!' <= r && r <= '/' || ':' <= r && r <= '@' || '[' <= r && r <= '`' || '{' <= r && r <= '~'
	}
	return unicode.Is(unicode.P, r)
}
