package tokenizer

import "strings"

// Stream decodes ids that arrive one by one. It is for one goroutine.
//
// The text of a token can depend on the token before it (a space that is dropped at the start of a
// text) and be incomplete without those after it (part of a character). A stream therefore decodes
// a short window: the last tokens whose text went out, then those whose text is pending.
type Stream struct {
	t       *Tokenizer
	ids     []int32 // the window
	shown   int     // ids[:shown] went out already
	skip    bool
	prefix  string // text of ids[:shown]
	pending int
}

// maxPending is how many tokens a stream waits for an incomplete character. Three byte tokens are
// the most a character can lack; what is still incomplete later will never be complete.
const maxPending = 8

// Stream returns a decoder that leaves special tokens out.
func (t *Tokenizer) Stream() *Stream { return &Stream{t: t, skip: true} }

// Next takes an id and returns the text that is complete now and was not before, "" when the
// last character still lacks bytes.
func (s *Stream) Next(id int32) string {
	if s.skip && s.t.IsSpecial(id) {
		return "" // it must not push a token with text out of the window
	}
	s.ids = append(s.ids, id)
	s.pending++
	text := s.t.Decode(s.ids, s.skip)
	if strings.HasSuffix(text, "\uFFFD") && s.pending < maxPending {
		return ""
	}
	return s.emit(text)
}

// Flush returns what is pending. The stream can then begin another text.
func (s *Stream) Flush() string {
	rest := ""
	if s.pending > 0 {
		rest = s.emit(s.t.Decode(s.ids, s.skip))
	}
	*s = Stream{t: s.t, skip: s.skip}
	return rest
}

// emit returns what text has beyond the text already shown and moves the window.
func (s *Stream) emit(text string) string {
	out, ok := strings.CutPrefix(text, s.prefix)
	if !ok {
		out = "" // the tokens rewrote what is out already; nothing can be added to it
	}
	if out == "" && len(s.ids) < 2*maxPending {
		// Nothing to see yet: these ids stay in the window, or a space that the next token owes
		// to them is lost.
		return ""
	}
	s.ids = append(s.ids[:0], s.ids[s.shown:]...)
	s.shown = len(s.ids)
	s.pending = 0
	s.prefix = s.t.Decode(s.ids, s.skip)
	return out
}
