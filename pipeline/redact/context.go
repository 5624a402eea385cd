package redact

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// contextBytes bounds how far context is looked for, whatever the words.
const contextBytes = 100

func words(list string) map[string]bool {
	set := map[string]bool{}
	for w := range strings.FieldsSeq(list) {
		set[w] = true
	}
	return set
}

// hasContext reports whether one of the detector's context words is near text[start:end].
func (r *Redactor) hasContext(d *detector, text string, start, end int) bool {
	before := blankPlaceholders(text[floor(text, start-contextBytes):start])
	after := blankPlaceholders(text[end:floor(text, end+contextBytes)])
	return r.wordsBefore(d, before) || r.wordsAfter(d, after)
}

func (r *Redactor) wordsBefore(d *detector, s string) bool {
	for range r.cfg.ContextWords {
		s = strings.TrimRightFunc(s, notLetter)
		i := strings.LastIndexFunc(s, notLetter) // of the first byte of that rune
		if i >= 0 {
			_, size := utf8.DecodeRuneInString(s[i:])
			i += size
		}
		i = max(i, 0)
		if s == "" {
			return false
		}
		if d.context[strings.ToLower(s[i:])] {
			return true
		}
		s = s[:i]
	}
	return false
}

func (r *Redactor) wordsAfter(d *detector, s string) bool {
	for range r.cfg.ContextWords {
		s = strings.TrimLeftFunc(s, notLetter)
		if s == "" {
			return false
		}
		i := strings.IndexFunc(s, notLetter)
		if i < 0 {
			i = len(s)
		}
		if d.context[strings.ToLower(s[:i])] {
			return true
		}
		s = s[i:]
	}
	return false
}

func notLetter(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) }

// floor is the greatest rune boundary that is not above at, within the text.
func floor(text string, at int) int {
	if at <= 0 {
		return 0
	}
	if at >= len(text) {
		return len(text)
	}
	for !utf8.RuneStart(text[at]) {
		at--
	}
	return at
}

// blankPlaceholders keeps a placeholder's own name from counting as context.
func blankPlaceholders(s string) string {
	if strings.IndexByte(s, '[') < 0 && strings.IndexByte(s, ']') < 0 {
		return s
	}
	for _, e := range allEntities {
		s = strings.ReplaceAll(s, "["+e+"]", " ")
	}
	return s
}
