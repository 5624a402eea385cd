package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// wordPiece is BERT's model: from the start of a word always the longest token, those after the
// first with a prefix; a word that does not come out whole is unknown.
type wordPiece struct {
	vocab   map[string]int32
	unk     int32
	maxWord int // characters of the longest word that is looked at

	starts, inner edgeTrie // tokens that begin a word; the others, without their prefix
}

func newWordPiece(vocab map[string]int32, unk int32, prefix string, maxWord int) *wordPiece {
	m := &wordPiece{vocab: vocab, unk: unk, maxWord: maxWord, starts: newEdgeTrie(), inner: newEdgeTrie()}
	for t, id := range vocab {
		m.starts.put(t, id)
		if rest, ok := strings.CutPrefix(t, prefix); ok {
			m.inner.put(rest, id)
		}
	}
	return m
}

func (m *wordPiece) id(token string) (int32, bool) {
	id, ok := m.vocab[token]
	return id, ok
}

func (m *wordPiece) encode(p piece, out *sink) {
	ids, spans := len(out.ids), len(out.spans)
	ok := utf8.RuneCountInString(p.s) <= m.maxWord
	t := &m.starts
	for i := 0; ok && i < len(p.s); t = &m.inner {
		stop, id := t.longest(p.s, i)
		if ok = id >= 0; ok {
			out.add(id, p.span(i, stop))
			i = stop
		}
	}
	if !ok {
		out.ids, out.spans = out.ids[:ids], out.spans[:spans]
		out.add(m.unk, p.span(0, len(p.s)))
	}
}

// wordLevel looks words up whole.
type wordLevel struct {
	vocab map[string]int32
	unk   int32 // -1: none, unknown words are dropped
}

func (m *wordLevel) id(token string) (int32, bool) {
	id, ok := m.vocab[token]
	return id, ok
}

func (m *wordLevel) encode(p piece, out *sink) {
	id, ok := m.vocab[p.s]
	if !ok {
		id = m.unk
	}
	if id >= 0 {
		out.add(id, p.span(0, len(p.s)))
	}
}
