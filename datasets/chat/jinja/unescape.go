package jinja

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

var simpleEscapes = map[byte]string{
	'\n': "", '\\': `\`, '\'': "'", '"': `"`, 'a': "\a", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t", 'v': "\v",
}

// unescape reads the escapes of a Python string literal. Unknown ones stay as they are.
func unescape(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			i++
			continue
		}
		c := s[i+1]
		if text, ok := simpleEscapes[c]; ok {
			b.WriteString(text)
			i += 2
			continue
		}
		r, n, err := codeEscape(s[i+1:])
		if err != nil {
			return "", err
		}
		if n == 0 {
			b.WriteByte('\\')
			i++
			continue
		}
		b.WriteRune(r)
		i += 1 + n
	}
	return b.String(), nil
}

// codeEscape reads x00, u0000, U00000000 or up to three octal digits at the start of s; n is 0
// when there is no such escape.
func codeEscape(s string) (r rune, n int, err error) {
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[0]]
	base := 16
	switch {
	case digits > 0 && len(s) > digits:
		s, n = s[1:1+digits], 1+digits
	case digits > 0:
		return 0, 0, fmt.Errorf("truncated escape \\%c", s[0])
	case '0' <= s[0] && s[0] <= '7':
		base = 8
		for n < 3 && n < len(s) && '0' <= s[n] && s[n] <= '7' {
			n++
		}
		s = s[:n]
	case s[0] == 'N':
		return 0, 0, fmt.Errorf(`escape \N is not supported`)
	default:
		return 0, 0, nil
	}
	v, err := strconv.ParseUint(s, base, 32)
	if err != nil || !utf8.ValidRune(rune(v)) {
		return 0, 0, fmt.Errorf("bad character escape %q", s)
	}
	return rune(v), n, nil
}
