package tokenizer

import (
	"math"
	"slices"
	"sync"
)

// unigram is SentencePiece's language model (Kudo, https://arxiv.org/abs/1804.10959): a text is cut
// into the tokens whose probabilities have the largest product.
type unigram struct {
	vocab        map[string]int32
	scores       []float64
	trie         edgeTrie
	unk          int32 // -1: none
	unkScore     float64
	byteFallback bool
	byteIDs      [256]int32

	cuts    *cutTable // where a text may be cut because no token reaches across; nil: nowhere
	cache   wordCache
	scratch sync.Pool // of *lattice
}

// unkPenalty is how much less an unknown character scores than the least likely token.
const unkPenalty = 10.0

func (m *unigram) id(token string) (int32, bool) {
	id, ok := m.vocab[token]
	return id, ok
}

// step is the best way to a position: from where, by which token. A from of -1 is no way.
type step struct {
	score float64
	from  int32
	id    int32
}

// lattice is the memory of one word. Slices are kept between words.
type lattice struct {
	best []step  // by position
	ends []int32 // of the tokens, last first
	out  symbols
}

func (m *unigram) encode(p piece, out *sink) {
	if m.cuts == nil {
		m.word(&p, 0, len(p.s), out)
		return
	}
	for start := 0; start < len(p.s); {
		end := m.cuts.next(p.s, start)
		m.word(&p, start, end, out)
		start = end
	}
}

// word encodes the bytes i to j of p, whose ends no token reaches across.
func (m *unigram) word(p *piece, i, j int, out *sink) {
	if m.cache.put(p, i, j, out) {
		return
	}
	s := p.s[i:j]
	l := m.lattice()
	m.cut(s, l)
	put(p, i, l.out.ids, l.out.lens, out)
	m.cache.set(s, &l.out)
	m.release(l)
}

// lattice returns memory to cut a word in, which release takes back.
func (m *unigram) lattice() *lattice {
	if l, ok := m.scratch.Get().(*lattice); ok {
		return l
	}
	return &lattice{}
}

func (m *unigram) release(l *lattice) {
	if cap(l.best) < 1<<16 {
		m.scratch.Put(l)
	}
}

// cut leaves the tokens of s in l.out.
func (m *unigram) cut(s string, l *lattice) {
	m.viterbi(s, l)
	l.ends = l.ends[:0]
	for at := int32(len(s)); at > 0; at = l.best[at].from {
		l.ends = append(l.ends, at)
	}
	slices.Reverse(l.ends)
	l.out.reset()
	start := int32(0)
	for k, end := range l.ends {
		// Unknown characters in a row are one unknown token.
		unknown := l.best[end].id == m.unk && m.unk >= 0
		if unknown && k+1 < len(l.ends) && l.best[l.ends[k+1]].id == m.unk {
			continue
		}
		m.put(s[start:end], l.best[end].id, unknown, &l.out)
		start = end
	}
}

// put adds the token of s, or what there is in the place of an unknown one.
func (m *unigram) put(s string, id int32, unknown bool, out *symbols) {
	if !unknown {
		if id >= 0 {
			out.add(id, int32(len(s)))
		} else {
			out.stretch(int32(len(s)))
		}
		return
	}
	if known, ok := m.vocab[s]; ok {
		out.add(known, int32(len(s)))
		return
	}
	if m.byteFallback && !slices.ContainsFunc([]byte(s), func(b byte) bool { return m.byteIDs[b] < 0 }) {
		for i := range len(s) {
			out.add(m.byteIDs[s[i]], 1)
		}
		return
	}
	out.add(m.unk, int32(len(s)))
}

// viterbi leaves the best step to each position of s in l.best.
func (m *unigram) viterbi(s string, l *lattice) {
	if cap(l.best) <= len(s) {
		l.best = make([]step, len(s)+1, 2*len(s)+32)
	}
	best := l.best[:len(s)+1]
	l.best = best
	for i := range best {
		best[i].from = -1
	}
	best[0].score = 0
	for i := 0; i < len(s); {
		n := firstRune(s[i:])
		single := false
		till := best[i].score
		for node, j := int32(0), i; j < len(s); {
			if node = m.trie.step(node, s[j]); node == 0 {
				break
			}
			j++
			id := m.trie.value[node]
			if id < 0 {
				continue
			}
			single = single || j == i+n
			if b, score := &best[j], till+m.scores[id]; b.from < 0 || score > b.score {
				*b = step{score, int32(i), id}
			}
		}
		if !single {
			if b, score := &best[i+n], till+m.unkScore; b.from < 0 || score > b.score {
				*b = step{score, int32(i), m.unk}
			}
		}
		i += n
	}
}

// newUnigram takes tokens with their log probabilities, by id, which of them are looked for in text
// (nil: all), and the lowest score.
func newUnigram(tokens []string, scores []float64, use []bool, least float64, unk int32, byteFallback bool) *unigram {
	m := &unigram{
		vocab: make(map[string]int32, len(tokens)), scores: scores, unk: unk, unkScore: least - unkPenalty,
		byteFallback: byteFallback, cache: newWordCache(),
	}
	m.trie = newEdgeTrie()
	for i, t := range tokens {
		m.vocab[t] = int32(i)
		if use == nil || use[i] {
			m.trie.put(t, int32(i))
		}
	}
	m.byteIDs = byteTokenIDs(m.vocab)
	return m
}

// cutWords lets the model cut whole texts before spaces, where no token reaches across one. Only
// there: sums of scores are rounded, and of two ways that are equally likely the one that rounding
// favours depends on where the sum began. Hugging Face tokenizers begin it at each word.
func (m *unigram) cutWords(use []bool, tokens []string) {
	t := newCutTable(func(c rune) bool {
		id, ok := m.vocab[string(c)]
		return ok && use[id]
	})
	for i, token := range tokens {
		if use[i] {
			t.joinAll(token)
		}
	}
	for a := range t.cut {
		for b := range t.cut[a] {
			t.cut[a][b] = t.cut[a][b] && b == classSpace
		}
	}
	m.cuts = t
}

// lowest returns the least of some scores.
func lowest(scores []float64) float64 {
	least := math.Inf(1)
	for _, s := range scores {
		least = min(least, s)
	}
	return least
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
