package tokenizer

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// unicodeForm is NFC, NFD, NFKC or NFKD.
type unicodeForm norm.Form

func (f unicodeForm) normalize(p piece) piece {
	form := norm.Form(f)
	if form.IsNormalString(p.s) {
		return p
	}
	e := newEdit(p)
	for i := 0; i < len(p.s); {
		n := segment(form, p.s[i:])
		old := p.s[i : i+n]
		if isUnnormalized(old) || form.IsNormalString(old) {
			e.keep(i, i+n)
		} else {
			e.put(normalString(form, old), i, i+n)
		}
		i += n
	}
	return e.piece()
}

// segment returns the length of the leading part of s that normalizes independently of the rest.
func segment(form norm.Form, s string) int {
	n := 0
	for n < len(s) {
		r, w := utf8.DecodeRuneInString(s[n:])
		opaque := unicode.Is(unnormalized, r)
		if n > 0 && (opaque || form.PropertiesString(s[n:]).BoundaryBefore()) {
			break
		}
		n += w
		if opaque {
			break
		}
	}
	return n
}

func isUnnormalized(s string) bool {
	r, n := utf8.DecodeRuneInString(s)
	return n == len(s) && unicode.Is(unnormalized, r)
}

// maxMarks is how many marks in a row x/text normalizes by the book. Beyond that it inserts a
// U+034F, for Unicode's stream-safe format, which no tokenizer wants.
const maxMarks = 30

func normalString(form norm.Form, s string) string {
	if utf8.RuneCountInString(s) < maxMarks {
		return form.String(s)
	}
	return normalLong(form, s)
}

// normalLong is the algorithm of Unicode, annex 15, written out: decompose, order marks by
// combining class, compose.
func normalLong(form norm.Form, s string) string {
	decomposing, composing := norm.NFD, form == norm.NFC || form == norm.NFKC
	if form == norm.NFKC || form == norm.NFKD {
		decomposing = norm.NFKD
	}
	var runes []rune
	for _, r := range s {
		runes = append(runes, []rune(decomposing.String(string(r)))...)
	}
	order(runes)
	if composing {
		runes = compose(runes)
	}
	return string(runes)
}

func ccc(r rune) uint8 { return norm.NFD.PropertiesString(string(r)).CCC() }

// order sorts each run of marks by combining class, keeping the order of equals. Classes are few,
// so that a counting sort stays linear on runs of any length.
func order(runes []rune) {
	for i := 0; i < len(runes); {
		j := i
		var byClass [256][]rune
		for j < len(runes) && ccc(runes[j]) != 0 {
			c := ccc(runes[j])
			byClass[c] = append(byClass[c], runes[j])
			j++
		}
		at := i
		for _, marks := range byClass {
			at += copy(runes[at:], marks)
		}
		i = j + 1
	}
}

// compose merges each starter with the marks after it that are not blocked.
func compose(runes []rune) []rune {
	out := runes[:0:0]
	starter, last := -1, -1 // index in out; combining class of what was written after it
	for _, r := range runes {
		c := int(ccc(r))
		if starter >= 0 && (last < c || last < 0 || last == 0 && c == 0 && starter == len(out)-1) {
			if m, ok := composed(out[starter], r); ok {
				out[starter] = m
				continue
			}
		}
		out = append(out, r)
		if c == 0 {
			starter, last = len(out)-1, -1
		} else {
			last = c
		}
	}
	return out
}

func composed(a, b rune) (rune, bool) {
	s := norm.NFC.String(string(a) + string(b))
	r, n := utf8.DecodeRuneInString(s)
	return r, n == len(s)
}
