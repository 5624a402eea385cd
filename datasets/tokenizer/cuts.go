package tokenizer

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// metaspaceChar is SentencePiece's visible space.
const metaspaceChar = "▁"

// cutTable knows between which characters a text without pre-tokenizer can be cut before it goes
// through a model, so that its words, not whole documents, are encoded and cached.
//
// A cut between characters a and b is exact when no token that can come out has them side by side:
// then none ever spans the cut. Characters are told apart by class: each of ASCII, the visible
// space, and all others together.
type cutTable struct {
	class [utf8.RuneSelf]uint8
	cut   [classes130][classes130]bool
}

const (
	classSpace = utf8.RuneSelf     // the visible space
	classOther = utf8.RuneSelf + 1 // all that is not ASCII, and what the vocabulary lacks
	classes130 = utf8.RuneSelf + 2
)

// newCutTable returns a table that cuts everywhere but where unknown characters may be side by
// side: several of them may be one unknown token.
func newCutTable(known func(rune) bool) *cutTable {
	t := &cutTable{}
	for c := range t.class {
		t.class[c] = uint8(c)
		if !known(rune(c)) {
			t.class[c] = classOther
		}
	}
	for i := range t.cut {
		for j := range t.cut[i] {
			t.cut[i][j] = true
		}
	}
	t.cut[classOther][classOther] = false
	if !known('▁') {
		t.cut[classSpace][classSpace] = false
		t.cut[classSpace][classOther] = false
		t.cut[classOther][classSpace] = false
	}
	return t
}

// join forbids to cut between left and right.
func (t *cutTable) join(left, right string) {
	_, n := utf8.DecodeLastRuneInString(left)
	a, _ := t.at(left, len(left)-n)
	b, _ := t.at(right, 0)
	t.cut[a][b] = false
}

// joinAll forbids to cut between any characters that token has side by side.
func (t *cutTable) joinAll(token string) {
	for i := range token {
		if i > 0 {
			t.join(token[:i], token[i:])
		}
	}
}

// next returns the end of the part of s that begins at start, start < len(s).
func (t *cutTable) next(s string, start int) int {
	last, i := t.at(s, start)
	for i < len(s) {
		var class uint8
		end := i + 1
		if c := s[i]; c < utf8.RuneSelf {
			class = t.class[c]
		} else {
			class, end = t.at(s, i)
		}
		if t.cut[last][class] {
			return i
		}
		last, i = class, end
	}
	return len(s)
}

// at returns the class of the character at s[i] and where it ends.
func (t *cutTable) at(s string, i int) (class uint8, end int) {
	c := s[i]
	if c < utf8.RuneSelf {
		return t.class[c], i + 1
	}
	if strings.HasPrefix(s[i:], metaspaceChar) {
		return classSpace, i + len(metaspaceChar)
	}
	_, n := utf8.DecodeRuneInString(s[i:])
	return classOther, i + n
}

// setCuts builds the table, when the model's merges are about plain text alone.
func (m *bpe) setCuts() {
	if m.bytes || m.ignoreMerges || m.prefix != "" || m.suffix != "" {
		return
	}
	if m.unk < 0 && !(m.byteFallback && !slices.Contains(m.byteIDs[:], -1)) {
		return // what is unknown is dropped, and what stood on both sides of it may merge
	}
	tokens := make(map[int32]string, len(m.vocab)+len(m.absent))
	for token, id := range m.vocab {
		tokens[id] = token
	}
	// Tokens that stand for other text than their own must not merge: the characters at their ends
	// are not those of the text.
	delete(tokens, m.unk)
	for _, id := range m.byteIDs {
		delete(tokens, id)
	}
	for id, c := range m.absent {
		tokens[id] = c
	}
	t := newCutTable(func(c rune) bool {
		id := m.charID(c)
		_, absent := m.absent[id]
		return id >= 0 && (!absent || m.byteFallback)
	})
	for _, g := range m.order {
		left, right := tokens[g.left], tokens[g.right]
		if left == "" || right == "" {
			return
		}
		t.join(left, right)
	}
	m.cuts = t
}
