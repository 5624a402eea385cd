package jinja

import (
	"strings"
	"unicode"
)

// nameLen returns the length of the identifier that s begins with, 0 when there is none.
func nameLen(s string) int {
	for i, c := range s {
		if c == '_' || unicode.IsLetter(c) || unicode.Is(unicode.Nl, c) {
			continue
		}
		if i > 0 && unicode.In(c, unicode.M, unicode.Nd, unicode.Pc) {
			continue
		}
		return i
	}
	return len(s)
}

// digitsLen returns the length of a run of digits in which single underscores may stand between two.
func digitsLen(s, digits string) int {
	n := 0
	for n < len(s) {
		switch {
		case strings.IndexByte(digits, s[n]) >= 0:
			n++
		case s[n] == '_' && n > 0 && n+1 < len(s) && strings.IndexByte(digits, s[n+1]) >= 0:
			n += 2
		default:
			return n
		}
	}
	return n
}

const decimal = "0123456789"

// numberLen returns the length and the kind of the number that s begins with, 0 when there is none.
func numberLen(s string) (int, tokenKind) {
	if len(s) > 2 && s[0] == '0' {
		if digits, ok := map[byte]string{'b': "01", 'o': "01234567", 'x': decimal + "abcdefABCDEF"}[s[1]|0x20]; ok {
			if n := digitsLen(s[2:], digits); n > 0 {
				return 2 + n, tokInt
			}
		}
	}
	whole := digitsLen(s, decimal)
	if whole == 0 {
		return 0, 0
	}
	n := whole
	if n+1 < len(s) && s[n] == '.' {
		if d := digitsLen(s[n+1:], decimal); d > 0 {
			n += 1 + d
		}
	}
	if e := exponentLen(s[n:]); e > 0 {
		n += e
	}
	if n > whole {
		return n, tokFloat
	}
	if s[0] == '0' {
		whole = len(s[:whole]) - len(strings.TrimLeft(s[:whole], "0_")) // 0 and 00 are, 01 is not
	}
	return whole, tokInt
}

// exponentLen returns the length of e, a sign and digits.
func exponentLen(s string) int {
	if s == "" || s[0]|0x20 != 'e' {
		return 0
	}
	n := 1
	if n < len(s) && (s[n] == '+' || s[n] == '-') {
		n++
	}
	d := digitsLen(s[n:], decimal)
	if d == 0 {
		return 0
	}
	return n + d
}
