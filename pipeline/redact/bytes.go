package redact

import (
	"unicode"
	"unicode/utf8"
)

// Character classes of bytes.
const (
	classDigit = 1 << iota
	classUpper
	classLower
	classHigh      // part of a rune that is not ASCII
	classBase64URL // letters, digits, "_", "-"
)

var classes = func() (t [256]byte) {
	for c := range t {
		switch {
		case c >= '0' && c <= '9':
			t[c] = classDigit | classBase64URL
		case c >= 'A' && c <= 'Z':
			t[c] = classUpper | classBase64URL
		case c >= 'a' && c <= 'z':
			t[c] = classLower | classBase64URL
		case c == '_' || c == '-':
			t[c] = classBase64URL
		case c >= utf8.RuneSelf:
			t[c] = classHigh
		}
	}
	return t
}()

func is(c byte, class byte) bool { return classes[c]&class != 0 }

func alnum(c byte) bool { return is(c, classDigit|classUpper|classLower) }

// at returns the byte at i, or 0 outside of the text.
func at(s string, i int) byte {
	if i < 0 || i >= len(s) {
		return 0
	}
	return s[i]
}

// wordBefore reports whether the rune that ends at i would be of one word with a letter or digit at i.
func wordBefore(s string, i int) bool {
	c := at(s, i-1)
	if c < utf8.RuneSelf {
		return alnum(c) || c == '_'
	}
	r, _ := utf8.DecodeLastRuneInString(s[:i])
	return isLetter(r)
}

// wordAfter reports whether the rune at i would be of one word with a letter or digit before it.
func wordAfter(s string, i int) bool {
	c := at(s, i)
	if c < utf8.RuneSelf {
		return alnum(c) || c == '_'
	}
	r, _ := utf8.DecodeRuneInString(s[i:])
	return isLetter(r)
}

// isLetter reports whether r is a letter of a script that sets its words apart. Han, kana and Thai do
// not, and a number may stand right beside them.
func isLetter(r rune) bool {
	return r < 0x2e80 && (r < 0x0e00 || r > 0x0eff) && (unicode.IsLetter(r) || unicode.IsMark(r))
}

// digitsOf appends the digits of s.
func digitsOf(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if is(s[i], classDigit) {
			dst = append(dst, s[i])
		}
	}
	return dst
}
