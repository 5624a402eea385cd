package train

import (
	"unicode"
	"unicode/utf8"
)

// Pattern is the pre-tokenizer regular expression of the written tokenizer.json, the one of
// Llama 3 and GPT-4 (cl100k_base). split implements it by hand: Go's regexp has no look-ahead.
const Pattern = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`

// split calls yield with each piece of text that Pattern matches, in order; the pieces cover
// text completely. Bytes that are not UTF-8 count as symbols.
func split(text string, yield func(piece string)) {
	for len(text) > 0 {
		n := contraction(text)
		if n == 0 {
			n = word(text)
		}
		if n == 0 {
			n = number(text)
		}
		if n == 0 {
			n = symbols(text)
		}
		if n == 0 {
			n = spaces(text)
		}
		yield(text[:n])
		text = text[n:]
	}
}

// contraction matches (?i:'s|'t|'re|'ve|'m|'ll|'d). Under (?i) the long s (U+017F) folds to s.
func contraction(s string) int {
	if len(s) < 2 || s[0] != '\'' {
		return 0
	}
	switch s[1] | 0x20 {
	case 's', 't', 'm', 'd':
		return 2
	}
	if len(s) < 3 {
		return 0
	}
	if s[1:3] == "\u017f" {
		return 3
	}
	switch string(s[1]|0x20) + string(s[2]|0x20) {
	case "re", "ve", "ll":
		return 3
	}
	return 0
}

// word matches [^\r\n\p{L}\p{N}]?\p{L}+: a run of letters and the one character before it.
func word(s string) int {
	r, first := utf8.DecodeRuneInString(s)
	n := 0
	if !unicode.IsLetter(r) {
		if r == '\r' || r == '\n' || unicode.IsNumber(r) {
			return 0
		}
		n = first
	}
	letters := run(s[n:], unicode.IsLetter)
	if letters == 0 {
		return 0
	}
	return n + letters
}

// number matches \p{N}{1,3}.
func number(s string) int {
	n := 0
	for i := 0; i < 3; i++ {
		r, size := utf8.DecodeRuneInString(s[n:])
		if size == 0 || !unicode.IsNumber(r) {
			break
		}
		n += size
	}
	return n
}

// symbols matches " ?[^\s\p{L}\p{N}]+[\r\n]*".
func symbols(s string) int {
	n := 0
	if s[0] == ' ' {
		n = 1
	}
	body := run(s[n:], isSymbol)
	if body == 0 {
		return 0
	}
	n += body
	return n + run(s[n:], isNewline)
}

// spaces matches \s*[\r\n]+|\s+(?!\S)|\s+. It is reached only when s begins with white space,
// since everything else has matched before.
func spaces(s string) int {
	all := run(s, unicode.IsSpace)
	for i := all; i > 0; i-- {
		if isNewline(rune(s[i-1])) {
			return i // \s* is greedy: the match ends at the last line end of the run
		}
	}
	if all == len(s) {
		return all
	}
	_, last := utf8.DecodeLastRuneInString(s[:all])
	if all > last {
		return all - last // leave one space for the piece that follows
	}
	return all
}

func run(s string, is func(rune) bool) int {
	for i, r := range s {
		if !is(r) {
			return i
		}
	}
	return len(s)
}

func isSymbol(r rune) bool {
	return !unicode.IsSpace(r) && !unicode.IsLetter(r) && !unicode.IsNumber(r)
}

func isNewline(r rune) bool { return r == '\r' || r == '\n' }
