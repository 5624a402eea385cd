package chat

import (
	"slices"
	"strings"

	"github.com/cultivar/cultivar/internal/parallel"
)

// Texts turns texts into tokens, each begun and ended as the tokenizer does it and then by eos, which
// is nil for none. A text that has those tokens already, as one that was rendered with a chat
// template has, does not get them twice.
func (e *Encoder) Texts(texts []string, eos *int32) [][]int32 {
	begin, end := e.Tokenizer.Around()
	if eos != nil && !slices.Contains(end, *eos) {
		end = append(end, *eos)
	}
	mark := e.spelt(end)
	out := make([][]int32, len(texts))
	parallel.For(len(texts), 1, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			ids := e.Tokenizer.Encode(texts[i], false)
			if len(begin) > len(ids) || !slices.Equal(ids[:len(begin)], begin) {
				ids = slices.Concat(begin, ids)
			}
			// What templates write after the last turn's end, a newline, ends nothing.
			if mark == "" || !strings.HasSuffix(strings.TrimRight(texts[i], " \r\n"), mark) {
				ids = append(ids, end...)
			}
			out[i] = ids
		}
	})
	return out
}

// spelt returns how the last of some tokens is spelt in texts, "" when no text can hold it.
func (e *Encoder) spelt(ids []int32) string {
	if len(ids) == 0 {
		return ""
	}
	last := ids[len(ids)-1:]
	text := e.Tokenizer.Token(last[0])
	if !slices.Equal(e.Tokenizer.Encode(text, false), last) {
		return ""
	}
	return text
}
