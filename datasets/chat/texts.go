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
	begin, end := e.around()
	if eos != nil && !slices.Contains(end, *eos) {
		end = append(end, *eos)
	}
	out := make([][]int32, len(texts))
	parallel.For(len(texts), 1, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			out[i] = e.text(texts[i], begin, end)
		}
	})
	return out
}

func (e *Encoder) text(text string, begin, end []int32) []int32 {
	ids := e.Tokenizer.Encode(text, false)
	if !starts(ids, begin) {
		ids = slices.Concat(begin, ids)
	}
	// What templates write after the last turn's end, a newline, ends nothing.
	last := e.Tokenizer.Encode(strings.TrimRight(text, " \r\n"), false)
	if n := len(last); len(end) == 0 || n > 0 && last[n-1] == end[len(end)-1] {
		return ids
	}
	return append(ids, end...)
}

func starts(ids, with []int32) bool {
	return len(with) > 0 && len(ids) >= len(with) && slices.Equal(ids[:len(with)], with)
}

// Begin returns the tokens that the tokenizer puts before a text.
func (e *Encoder) Begin() []int32 {
	begin, _ := e.around()
	return begin
}

// around returns what the tokenizer adds to a text.
func (e *Encoder) around() (before, after []int32) {
	plain, all := e.Tokenizer.Encode("a", false), e.Tokenizer.Encode("a", true)
	for i := 0; i+len(plain) <= len(all); i++ {
		if slices.Equal(all[i:i+len(plain)], plain) {
			return slices.Clone(all[:i]), slices.Clone(all[i+len(plain):])
		}
	}
	return nil, nil
}
