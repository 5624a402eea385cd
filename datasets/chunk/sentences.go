package chunk

import (
	"iter"
	"strings"
	"unicode/utf8"
)

// Sentence is one of a document's prose.
type Sentence struct {
	Text     string // as it stands, without the mark of a list's item and white space around it
	Start    int    // rune offsets in the document: Text is its runes [Start, End)
	End      int
	Headings []string // titles above it, from the top level down
}

// Sentences returns the sentences of a document's paragraphs and lists, in order. Headings, tables and
// code have none.
func Sentences(text string) []Sentence {
	var out []Sentence
	bytes, runes := 0, 0 // the runes before a byte offset, counted once for all
	for _, b := range parse(text) {
		for s := range b.sentences() {
			body := strings.TrimSpace(s.text)
			if body == "" {
				continue
			}
			start := s.start + strings.Index(s.text, body)
			runes += utf8.RuneCountInString(text[bytes:start])
			end := runes + utf8.RuneCountInString(body)
			out = append(out, Sentence{Text: body, Start: runes, End: end, Headings: s.path})
			bytes, runes = start+len(body), end
		}
	}
	return out
}

// sentences cuts a block of prose; of what is none there are none.
func (b block) sentences() iter.Seq[block] {
	switch b.kind {
	case paragraph:
		return b.parts()
	case list:
		return func(yield func(block) bool) {
			for i := range b.parts() {
				n := markLen(i.text)
				for s := range (block{paragraph, i.start + n, i.text[n:], i.path}).parts() {
					if !yield(s) {
						return
					}
				}
			}
		}
	}
	return func(func(block) bool) {}
}

// markLen is the length of what makes a line an item: its indent, bullet or number, and check box.
func markLen(s string) int {
	rest := strings.TrimLeft(s, " \t")
	rest = strings.TrimLeft(rest, "-*+0123456789")
	rest = strings.TrimLeft(strings.TrimLeft(rest, ".)"), " \t")
	for _, box := range []string{"[ ] ", "[x] ", "[X] "} {
		rest = strings.TrimPrefix(rest, box)
	}
	return len(s) - len(rest)
}
