package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// normalizer rewrites a text before it is cut into words.
type normalizer interface {
	normalize(p piece) piece
	grow(g *growth) // before the step, from what is after it
}

// normalizers applies several in turn.
type normalizers []normalizer

func (n normalizers) normalize(p piece) piece {
	for _, step := range n {
		p = step.normalize(p)
	}
	return p
}

// prependText puts a text before any text that is not empty.
type prependText string

func (n prependText) normalize(p piece) piece {
	if p.s == "" {
		return p
	}
	e := newEdit(p)
	e.prepend(string(n))
	e.keep(0, len(p.s))
	return e.piece()
}

// replaceText replaces a fixed text.
type replaceText struct{ old, new string }

func (n replaceText) normalize(p piece) piece {
	if !p.track && n.new != "" {
		p.s = strings.ReplaceAll(p.s, n.old, n.new)
		return p
	}
	if !strings.Contains(p.s, n.old) {
		return p
	}
	e := newEdit(p)
	done := 0
	literal(n.old).matches(p.s, func(i, j int) {
		e.keep(done, i)
		e.put(n.new, i, j)
		done = j
	})
	e.keep(done, len(p.s))
	return e.piece()
}

// replacePattern replaces the matches of a pattern.
type replacePattern struct {
	pattern pattern
	new     string
	source  string // of the pattern, for setKinds
}

func (n replacePattern) normalize(p piece) piece {
	e := newEdit(p)
	done := 0
	n.pattern.matches(p.s, func(i, j int) {
		e.keep(done, i)
		e.put(n.new, i, j)
		done = j
	})
	e.keep(done, len(p.s))
	return e.piece()
}

// literal is the pattern that matches a fixed, non-empty text.
type literal string

func (l literal) matches(s string, yield func(i, j int)) {
	for i := 0; ; {
		k := strings.Index(s[i:], string(l))
		if k < 0 {
			return
		}
		yield(i+k, i+k+len(l))
		i += k + len(l)
	}
}

// mapRunes rewrites character by character.
type mapRunes func(r rune) string

func (f mapRunes) normalize(p piece) piece {
	e := newEdit(p)
	for i := 0; i < len(p.s); {
		r, n := utf8.DecodeRuneInString(p.s[i:])
		if s := f(r); s == p.s[i:i+n] {
			e.keep(i, i+n)
		} else {
			e.put(s, i, i+n)
		}
		i += n
	}
	return e.piece()
}

// lowercase is Rust's char::to_lowercase for each character: the full mapping without context. It
// differs from unicode.ToLower in one character, and in 55 letters that Unicode has since version 16
// and Go does not know yet.
func lowercase(r rune) string {
	if r == 'İ' {
		return "i\u0307"
	}
	return string(unicode.ToLower(r))
}

func without(table *unicode.RangeTable) mapRunes {
	return func(r rune) string {
		if unicode.Is(table, r) {
			return ""
		}
		return string(r)
	}
}

// stripSpace removes white space from the ends.
type stripSpace struct{ left, right bool }

func (n stripSpace) normalize(p piece) piece {
	i, j := 0, len(p.s)
	if n.right {
		j = trimSpaceRight(p.s)
	}
	if n.left {
		i = leadingSpace(p.s[:j])
	}
	return p.sub(i, j)
}

// cleanBERT removes control characters and makes all white space a space.
func cleanBERT(r rune) string {
	switch {
	case r == '\t' || r == '\n' || r == '\r':
		return " "
	case unicode.Is(oldControl, r):
		return ""
	case unicode.IsSpace(r):
		return " "
	}
	return string(r)
}

// cleanNmt removes control characters and makes spaces of others, as the normalizer Nmt.
func cleanNmt(r rune) string {
	switch {
	case 0x1 <= r && r <= 0x8, r == 0xB, 0xE <= r && r <= 0x1F, r == 0x7F, r == 0x8F, r == 0x9F:
		return ""
	case r == '\t', r == '\n', r == '\f', r == '\r', r == 0x1680, 0x200B <= r && r <= 0x200F, r == 0x2028, r == 0x2029,
		r == 0x2581, r == 0xFEFF, r == 0xFFFD:
		return " "
	}
	return string(r)
}

// spaceCJK puts spaces around ideographs.
func spaceCJK(r rune) string {
	if isIdeograph(r) {
		return " " + string(r) + " "
	}
	return string(r)
}

// isIdeograph is BERT's notion of a Chinese character.
func isIdeograph(r rune) bool {
	switch {
	case 0x4E00 <= r && r <= 0x9FFF, 0x3400 <= r && r <= 0x4DBF, 0x20000 <= r && r <= 0x2A6DF,
		0x2A700 <= r && r <= 0x2B73F, 0x2B740 <= r && r <= 0x2B81F, 0x2B920 <= r && r <= 0x2CEAF,
		0xF900 <= r && r <= 0xFAFF, 0x2F800 <= r && r <= 0x2FA1F:
		return true
	}
	return false
}
