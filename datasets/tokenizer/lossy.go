package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// lossy returns s with every maximal part that cannot begin a character replaced by U+FFFD, the
// practice that Unicode recommends (chapter 3.9) and Rust's from_utf8_lossy follows. It differs
// from strings.ToValidUTF8, which writes one U+FFFD for a whole run.
func lossy(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 8)
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r != utf8.RuneError || n > 1 {
			b.WriteString(s[:n])
		} else {
			b.WriteRune(utf8.RuneError)
			n = badPrefix(s)
		}
		s = s[n:]
	}
	return b.String()
}

// badPrefix returns the length of the maximal part of a character that s begins with, or 1.
func badPrefix(s string) int {
	for n := min(3, len(s)); n > 1; n-- {
		if startsChar(s[:n]) {
			return n
		}
	}
	return 1
}

// startsChar reports whether s is a proper beginning of some character's encoding.
func startsChar(s string) bool {
	return !utf8.FullRuneInString(s)
}
