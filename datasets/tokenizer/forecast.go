package tokenizer

import "unicode/utf8"

const (
	// lookCloser is from how many bytes on a text is looked through for its longest word.
	lookCloser = 1 << 20
	// idBytes is what a token takes, with the room that its list grows in: at most one for each byte.
	idBytes = 4 * 9 / 4
	// symbolBytes is what each byte of a word takes while it is cut or merged: in [symbols] eight numbers that grow
	// by half, in [lattice] two steps and as many symbols.
	symbolBytes = 64
	// otherGrowth is what is taken for what a byte beyond ASCII becomes: of the worst that tables of Unicode make, no
	// text has more than a little.
	otherGrowth = 8
)

// Memory forecasts how many bytes Encode takes for a text at most, besides the text: what it becomes as it is
// normalized, its tokens, and, since the largest part are words without end, what its longest word takes.
func (t *Tokenizer) Memory(text string) int64 {
	grown := t.grown.more
	for i := range len(text) {
		by := t.grown.of[text[i]]
		if text[i] >= utf8.RuneSelf {
			by = min(by, otherGrowth)
		}
		grown += by
	}
	need := int64(grown) + idBytes*int64(len(text))
	if len(text) < lookCloser {
		return need
	}
	if whole := need + symbolBytes*int64(len(text)); whole < 256<<20 || need > 1<<30 {
		return whole // whatever its words are
	}
	look := longestWord{model: t.model}
	c := *t
	c.model, c.raw = &look, nil
	c.encodeNormalized(text, &sink{})
	return need + symbolBytes*int64(look.bytes)
}

// longestWord is a model that makes no tokens.
type longestWord struct {
	model
	bytes int
}

func (l *longestWord) encode(p piece, _ *sink) {
	next := func(int) int { return len(p.s) }
	switch m := l.model.(type) {
	case *bpe:
		if m.scan != nil {
			next = func(i int) int { return m.scan(p.s, i) }
		} else if m.cuts != nil {
			next = func(i int) int { return m.cuts.next(p.s, i) }
		}
	case *unigram:
		if m.cuts != nil {
			next = func(i int) int { return m.cuts.next(p.s, i) }
		}
	}
	for i := 0; i < len(p.s); {
		j := next(i)
		l.bytes = max(l.bytes, j-i)
		i = j
	}
}
