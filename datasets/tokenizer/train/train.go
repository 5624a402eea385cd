// Package train learns a byte-level BPE vocabulary and writes it as a tokenizer.json that
// Hugging Face tokenizers and datasets/tokenizer load.
//
// The algorithm is byte pair encoding over pre-tokenized words (Sennrich, Haddow & Birch,
// arXiv:1508.07909) on bytes instead of characters (Radford et al., 2019). The result depends
// only on the multiset of pieces: of the pairs that occur most often, the one with the smallest
// ids is merged first, as in Hugging Face's BpeTrainer.
package train

import (
	"container/heap"
	"errors"
	"fmt"
	"iter"
	"slices"
)

// Specials are the special tokens of the Llama 3 chat format in id order, and a padding token.
var Specials = []string{
	"<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>",
	"<|end_header_id|>", "<|eot_id|>", "<|pad|>",
}

// Config says what to learn.
type Config struct {
	VocabSize int      // tokens in all: specials, 256 bytes and merges
	MinCount  int      // a pair that occurs less often is not merged; 0 means 2
	Specials  []string // ids from 0 upwards; the first begins every sequence; nil means Specials
}

// Vocabulary is a learned vocabulary. Its tokens are in id order: specials, the 256 bytes in
// the order of their printable stand-ins, then merges in the order they were learned.
type Vocabulary struct {
	Tokens []string    // in the printable alphabet of byte-level BPE
	Merges [][2]string // in order of priority

	specials int
}

// Train learns a vocabulary from texts. It has fewer tokens than asked for only when no pair
// is left that occurs MinCount times.
func Train(texts iter.Seq[string], cfg Config) (*Vocabulary, error) {
	if cfg.Specials == nil {
		cfg.Specials = Specials
	}
	if cfg.MinCount == 0 {
		cfg.MinCount = 2
	}
	if len(cfg.Specials) == 0 {
		return nil, errors.New("train tokenizer: need a special token to begin a sequence")
	}
	if least := len(cfg.Specials) + 256; cfg.VocabSize < least {
		return nil, fmt.Errorf("train tokenizer: vocabulary of %d is smaller than %d specials and bytes", cfg.VocabSize, least)
	}
	l := newLearner(cfg.Specials, countPieces(texts))
	for len(l.vocab.Tokens) < cfg.VocabSize && l.queue.Len() > 0 {
		l.step(cfg.MinCount)
	}
	return l.vocab, nil
}

// countPieces counts the distinct pre-tokenizer pieces of all texts.
func countPieces(texts iter.Seq[string]) map[string]int {
	counts := make(map[string]int)
	for text := range texts {
		split(text, func(piece string) { counts[piece]++ })
	}
	return counts
}

type pair [2]int

// piece is a distinct pre-tokenizer piece, as the tokens it is made of so far.
type piece struct {
	ids   []int
	count int
}

// learner holds the state between merges: counts has the exact frequency of every pair, where
// the pieces that may contain it (a superset: entries are not taken back).
type learner struct {
	vocab  *Vocabulary
	ids    map[string]int
	pieces []piece
	counts map[pair]int
	where  map[pair]map[int]struct{}
	queue  candidates
}

func newLearner(specials []string, counts map[string]int) *learner {
	l := &learner{
		vocab:  &Vocabulary{specials: len(specials)},
		ids:    make(map[string]int),
		counts: make(map[pair]int),
		where:  make(map[pair]map[int]struct{}),
	}
	for _, s := range specials {
		l.token(s)
	}
	var byteID [256]int
	for _, b := range alphabet() {
		byteID[b] = l.token(string(standIn[b]))
	}
	for text, n := range counts {
		p := piece{ids: make([]int, len(text)), count: n}
		for i := range len(text) {
			p.ids[i] = byteID[text[i]]
		}
		l.addPiece(p)
	}
	for pr, n := range l.counts {
		l.queue = append(l.queue, candidate{pr, n})
	}
	heap.Init(&l.queue)
	return l
}

// addPiece enters p. Neither the order of pieces nor their index shows in the result.
func (l *learner) addPiece(p piece) {
	l.pieces = append(l.pieces, p)
	for i := range len(p.ids) - 1 {
		l.count(pair{p.ids[i], p.ids[i+1]}, p.count, len(l.pieces)-1)
	}
}

// count adds n occurrences of pr, found in the piece at index at.
func (l *learner) count(pr pair, n, at int) {
	l.counts[pr] += n
	if n <= 0 {
		return
	}
	set := l.where[pr]
	if set == nil {
		set = make(map[int]struct{})
		l.where[pr] = set
	}
	set[at] = struct{}{}
}

// token returns the id of text, which it adds to the vocabulary when new: two merges can spell
// the same token.
func (l *learner) token(text string) int {
	if id, ok := l.ids[text]; ok {
		return id
	}
	id := len(l.vocab.Tokens)
	l.ids[text] = id
	l.vocab.Tokens = append(l.vocab.Tokens, text)
	return id
}

// step merges the most frequent pair, or finds that the queue's head is out of date and puts
// it back with its present count.
func (l *learner) step(minCount int) {
	top := heap.Pop(&l.queue).(candidate)
	now := l.counts[top.pair]
	if now < minCount {
		return
	}
	if now != top.count {
		heap.Push(&l.queue, candidate{top.pair, now})
		return
	}
	left, right := l.vocab.Tokens[top.pair[0]], l.vocab.Tokens[top.pair[1]]
	l.vocab.Merges = append(l.vocab.Merges, [2]string{left, right})
	id := l.token(left + right)
	grown := make(map[pair]struct{})
	for at := range l.where[top.pair] {
		l.merge(at, top.pair, id, grown)
	}
	delete(l.where, top.pair)
	delete(l.counts, top.pair)
	for pr := range grown {
		if n := l.counts[pr]; n > 0 {
			heap.Push(&l.queue, candidate{pr, n})
		}
	}
}

// merge replaces pr by id in the piece at index at and keeps the pair counts exact. Pairs that
// became more frequent are added to grown: only these need a new entry in the queue.
func (l *learner) merge(at int, pr pair, id int, grown map[pair]struct{}) {
	p := &l.pieces[at]
	for i := 0; i+1 < len(p.ids); i++ {
		if p.ids[i] != pr[0] || p.ids[i+1] != pr[1] {
			continue
		}
		if i > 0 {
			before, after := pair{p.ids[i-1], pr[0]}, pair{p.ids[i-1], id}
			l.count(before, -p.count, at)
			l.count(after, p.count, at)
			grown[after] = struct{}{}
		}
		if i+2 < len(p.ids) {
			before, after := pair{pr[1], p.ids[i+2]}, pair{id, p.ids[i+2]}
			l.count(before, -p.count, at)
			l.count(after, p.count, at)
			grown[after] = struct{}{}
		}
		p.ids[i] = id
		p.ids = slices.Delete(p.ids, i+1, i+2)
	}
}

// candidate is a pair with the count it had when it was queued. Counts only fall while a
// candidate waits (a pair that gains is queued again), so the head is never an underestimate.
type candidate struct {
	pair  pair
	count int
}

// candidates is a heap: highest count first, then smallest ids.
type candidates []candidate

func (c candidates) Len() int      { return len(c) }
func (c candidates) Swap(i, j int) { c[i], c[j] = c[j], c[i] }
func (c *candidates) Push(x any)   { *c = append(*c, x.(candidate)) }

func (c candidates) Less(i, j int) bool {
	if c[i].count != c[j].count {
		return c[i].count > c[j].count
	}
	return slices.Compare(c[i].pair[:], c[j].pair[:]) < 0
}

func (c *candidates) Pop() any {
	last := len(*c) - 1
	top := (*c)[last]
	*c = (*c)[:last]
	return top
}
