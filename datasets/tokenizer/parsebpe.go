package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// bpeJSON is the model BPE. Empty strings in the place of null are from old files.
type bpeJSON struct {
	typed
	Dropout      *float64         `json:"dropout"`
	Unk          string           `json:"unk_token"`
	Prefix       string           `json:"continuing_subword_prefix"`
	Suffix       string           `json:"end_of_word_suffix"`
	FuseUnk      bool             `json:"fuse_unk"`
	ByteFallback bool             `json:"byte_fallback"`
	IgnoreMerges bool             `json:"ignore_merges"`
	Vocab        map[string]int32 `json:"vocab"`
	Merges       []mergeJSON      `json:"merges"`
}

// mergeJSON is "left right" or, in newer files, ["left", "right"].
type mergeJSON struct{ left, right string }

func (m *mergeJSON) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '[' {
		var pair []string
		if err := json.Unmarshal(data, &pair); err != nil {
			return err
		}
		if len(pair) != 2 {
			return errors.New("merge has not two parts")
		}
		m.left, m.right = pair[0], pair[1]
		return nil
	}
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	var ok bool
	if m.left, m.right, ok = strings.Cut(s, " "); !ok || strings.Contains(m.right, " ") {
		return fmt.Errorf("merge %q has not two parts", s)
	}
	return nil
}

func (t *Tokenizer) parseBPE(data json.RawMessage) (map[string]int32, error) {
	var v bpeJSON
	if err := strict(data, &v); err != nil {
		return nil, err
	}
	return v.Vocab, t.setBPE(v)
}

func (t *Tokenizer) setBPE(v bpeJSON) error {
	if v.Dropout != nil && *v.Dropout != 0 {
		return errors.New("dropout is random and not supported")
	}
	m := &bpe{
		vocab: v.Vocab, prefix: v.Prefix, suffix: v.Suffix, unk: -1, fuseUnk: v.FuseUnk,
		byteFallback: v.ByteFallback, ignoreMerges: v.IgnoreMerges, cache: newWordCache(),
	}
	if err := m.setMerges(v.Merges); err != nil {
		return err
	}
	t.pre = m.useBytes(t.pre)
	if id, ok := v.Vocab[v.Unk]; ok && v.Unk != "" {
		m.unk = id
	} else if v.Unk != "" && !m.knowsAllBytes() {
		return fmt.Errorf("unknown token %q is not in the vocabulary", v.Unk)
	}
	m.setChars()
	m.setWhole()
	m.setCuts()
	v.Vocab, v.Merges = nil, nil
	t.params, t.modelUnk = v, v.Unk
	t.model = m
	return nil
}

func (m *bpe) setMerges(list []mergeJSON) error {
	m.order = make([]merge, len(list))
	m.merges = newPairTable(len(list))
	for rank, g := range list {
		left, ok1 := m.vocab[g.left]
		right, ok2 := m.vocab[g.right]
		if !ok1 || !ok2 {
			return fmt.Errorf("merge %d joins tokens that are not in the vocabulary", rank)
		}
		rest, ok := strings.CutPrefix(g.right, m.prefix)
		if !ok {
			return fmt.Errorf("right side of merge %d lacks the prefix %q", rank, m.prefix)
		}
		made, ok := m.vocab[g.left+rest]
		if !ok {
			return fmt.Errorf("merge %d makes a token that is not in the vocabulary", rank)
		}
		m.order[rank] = merge{left, right}
		m.merges.set(left, right, int32(rank), made)
	}
	return nil
}

// setRanked fills the tables of merges; of equal pairs the last counts.
func (m *bpe) setRanked(list []rankedMerge) {
	m.order = make([]merge, len(list))
	m.merges = newPairTable(len(list))
	for i, g := range list {
		m.order[i] = g.merge
		m.merges.set(g.left, g.right, g.rank, g.made)
	}
}

// useBytes makes the model work on bytes when a ByteLevel comes last before it, and takes the
// alphabet out of that: mapping each byte to a character and back would change nothing but time.
// A scanner that comes last then moves into the model. It returns what is left to do before.
func (m *bpe) useBytes(pre []splitter) []splitter {
	if len(pre) == 0 || m.byteFallback || m.prefix != "" || m.suffix != "" {
		return pre
	}
	rest := slices.Clone(pre[:len(pre)-1])
	b, ok := pre[len(pre)-1].(byteLevel)
	if !ok {
		return pre
	}
	m.bytes = true
	if b.prefixSpace {
		b.alphabet = false
		return append(rest, b)
	}
	m.scan, rest = fuse(rest, b.words)
	return rest
}

func (m *bpe) knowsAllBytes() bool {
	for _, c := range byteChars {
		if _, ok := m.vocab[c]; !ok {
			return false
		}
	}
	return m.bytes
}

// setChars fills the tables of first symbols.
func (m *bpe) setChars() {
	m.byteIDs = byteTokenIDs(m.vocab)
	if m.bytes {
		for b, c := range byteChars {
			m.byteIDs[b] = -1
			if id, ok := m.vocab[c]; ok {
				m.byteIDs[b] = id
			}
		}
		return
	}
	for i := range m.ascii {
		m.ascii[i] = -1
	}
	m.chars = map[rune]int32{}
	for token, id := range m.vocab {
		r, n := utf8.DecodeRuneInString(token)
		switch {
		case n == 0 || n != len(token):
		case r < utf8.RuneSelf:
			m.ascii[r] = id
		default:
			m.chars[r] = id
		}
	}
}

// setWhole fills the table that ignore_merges asks for.
func (m *bpe) setWhole() {
	if !m.ignoreMerges {
		return
	}
	if m.whole = m.vocab; !m.bytes {
		return
	}
	m.whole = make(map[string]int32, len(m.vocab))
	var buf []byte
	for token, id := range m.vocab {
		if raw, ok := appendRaw(buf[:0], token); ok {
			m.whole[string(raw)] = id
			buf = raw
		}
	}
}
