package tokenizer

import (
	"math"
	"slices"
	"unicode/utf8"
)

// unigram is SentencePiece's language model (Kudo, https://arxiv.org/abs/1804.10959): a text is cut
// into the tokens whose probabilities have the largest product.
type unigram struct {
	vocab        map[string]int32
	scores       []float64
	trie         trie
	unk          int32 // -1: none
	unkScore     float64
	byteFallback bool
	byteIDs      [256]int32
}

// unkPenalty is how much less an unknown character scores than the least likely token.
const unkPenalty = 10.0

func (m *unigram) id(token string) (int32, bool) {
	id, ok := m.vocab[token]
	return id, ok
}

// step is the best way to a position: from where, by which token.
type step struct {
	score float64
	from  int32
	id    int32
}

func (m *unigram) encode(p piece, out *sink) {
	best := m.viterbi(p.s)
	var path []int // ends, last first
	for at := len(p.s); at > 0; at = int(best[at].from) {
		path = append(path, at)
	}
	slices.Reverse(path)
	start := 0
	for k, end := range path {
		// Unknown characters in a row are one unknown token.
		unknown := best[end].id == m.unk && m.unk >= 0
		if unknown && k+1 < len(path) && best[path[k+1]].id == m.unk {
			continue
		}
		m.put(p, start, end, best[end].id, unknown, out)
		start = end
	}
}

func (m *unigram) put(p piece, start, end int, id int32, unknown bool, out *sink) {
	s := p.s[start:end]
	if !unknown {
		if id >= 0 {
			out.add(id, p.span(start, end))
		}
		return
	}
	if known, ok := m.vocab[s]; ok {
		out.add(known, p.span(start, end))
		return
	}
	if m.byteFallback && !slices.ContainsFunc([]byte(s), func(b byte) bool { return m.byteIDs[b] < 0 }) {
		for i := range len(s) {
			out.add(m.byteIDs[s[i]], p.span(start+i, start+i+1))
		}
		return
	}
	out.add(m.unk, p.span(start, end))
}

// viterbi returns the best step to each position of s.
func (m *unigram) viterbi(s string) []step {
	best := make([]step, len(s)+1)
	for i := range best {
		best[i].from = -1
	}
	reach := func(at, from int, score float64, id int32) {
		if b := &best[at]; b.from < 0 || score > b.score {
			*b = step{score, int32(from), id}
		}
	}
	for i := 0; i < len(s); {
		_, n := utf8.DecodeRuneInString(s[i:])
		single := false
		m.trie.prefixes(s, i, func(end int, id int32) {
			single = single || end == i+n
			reach(end, i, best[i].score+m.scores[id], id)
		})
		if !single {
			reach(i+n, i, best[i].score+m.unkScore, m.unk)
		}
		i += n
	}
	return best
}

// newUnigram takes tokens with their log probabilities, by id.
func newUnigram(tokens []string, scores []float64, unk int32, byteFallback bool) *unigram {
	m := &unigram{vocab: make(map[string]int32, len(tokens)), scores: scores, unk: unk, byteFallback: byteFallback}
	least := math.Inf(1)
	for i, t := range tokens {
		m.vocab[t] = int32(i)
		m.trie.put(t, int32(i))
		least = min(least, scores[i])
	}
	m.unkScore = least - unkPenalty
	m.byteIDs = byteTokenIDs(m.vocab)
	return m
}

// byteTokenIDs returns the ids of <0x00> to <0xFF>, -1 for those that the vocabulary lacks.
func byteTokenIDs(vocab map[string]int32) (ids [256]int32) {
	for b := range ids {
		ids[b] = -1
		if id, ok := vocab[byteTokens[b]]; ok {
			ids[b] = id
		}
	}
	return ids
}

var byteTokens = func() (t [256]string) {
	const hex = "0123456789ABCDEF"
	for b := range t {
		t[b] = "<0x" + string(hex[b>>4]) + string(hex[b&15]) + ">"
	}
	return t
}()
