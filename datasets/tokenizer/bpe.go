package tokenizer

import (
	"math"
	"slices"
	"sync"
	"unicode/utf8"
)

// bpe is byte pair encoding (Sennrich et al., https://arxiv.org/abs/1508.07909): a word starts as
// its characters, and the pair that comes first in the list of merges is joined until none is left.
type bpe struct {
	vocab  map[string]int32
	order  []merge   // as in the file, for the digest
	scores []float32 // by id; nil: merges are ranked by their place in the file
	merges pairTable

	bytes        bool       // words are raw bytes, not the alphabet's characters
	byteIDs      [256]int32 // id of each byte: of its character in bytes mode, else of <0x..>; -1: none
	chars        map[rune]int32
	ascii        [128]int32
	prefix       string // continuing_subword_prefix
	suffix       string // end_of_word_suffix
	unk          int32  // -1: none, what is unknown is dropped
	fuseUnk      bool
	byteFallback bool
	ignoreMerges bool
	whole        map[string]int32 // with ignoreMerges: ids by word, in the words' own form
	absent       map[int32]string // characters that have an id only to merge with others

	scan    scanner   // cuts a piece into words; nil: the piece is one, but for cuts
	cuts    *cutTable // where a word may be cut because no merge reaches across; nil: nowhere
	cache   wordCache
	scratch sync.Pool
}

type merge struct{ left, right int32 }

// rankedMerge is a merge with its place and what it makes.
type rankedMerge struct {
	merge
	rank, made int32
}

// none is the rank of a pair that is not in the list of merges.
const none = math.MaxInt32

func (m *bpe) id(token string) (int32, bool) {
	id, ok := m.vocab[token]
	return id, ok
}

func (m *bpe) encode(p piece, out *sink) {
	switch {
	case m.scan != nil:
		for i := 0; i < len(p.s); {
			j := m.scan(p.s, i)
			m.word(&p, i, j, out)
			i = j
		}
	case m.cuts != nil:
		start := 0
		for start < len(p.s) {
			end := m.cuts.next(p.s, start)
			m.word(&p, start, end, out)
			start = end
		}
	default:
		m.word(&p, 0, len(p.s), out)
	}
}

// word encodes the bytes i to j of p, which no merge crosses the ends of.
func (m *bpe) word(p *piece, i, j int, out *sink) {
	s := p.s[i:j]
	if m.ignoreMerges {
		if id, ok := m.whole[s]; ok {
			out.ids = append(out.ids, id)
			if out.track {
				out.spans = append(out.spans, p.span(i, j))
			}
			return
		}
	}
	if m.cache.put(p, i, j, out) {
		return
	}
	sc := m.symbols()
	m.merge(s, sc)
	put(p, i, sc.ids, sc.lens, out)
	m.cache.set(s, sc)
	m.release(sc)
}

// symbols returns memory to merge a word in, which release takes back.
func (m *bpe) symbols() *symbols {
	if sc, ok := m.scratch.Get().(*symbols); ok {
		return sc
	}
	return &symbols{}
}

func (m *bpe) release(sc *symbols) {
	if cap(sc.ids) < 1<<16 {
		m.scratch.Put(sc)
	}
}

// put writes the symbols of the word that begins at byte at of p. lens are in bytes.
func put(p *piece, at int, ids, lens []int32, out *sink) {
	out.ids = append(out.ids, ids...)
	if !out.track {
		return
	}
	for _, n := range lens {
		out.spans = append(out.spans, p.span(at, at+int(n)))
		at += int(n)
	}
}

// merge leaves the symbols of a word in sc.
func (m *bpe) merge(word string, sc *symbols) {
	sc.reset()
	switch {
	case m.bytes:
		for i := range len(word) {
			m.addByte(word[i], sc)
		}
	case m.prefix == "" && m.suffix == "":
		m.addChars(word, sc)
	default:
		m.addAffixed(word, sc)
	}
	m.flushUnk(sc)
	if len(sc.ids) <= shortWord {
		sc.mergeShort(&m.merges)
	} else {
		sc.mergeLong(&m.merges)
	}
	if m.absent != nil {
		m.dropAbsent(sc)
	}
}

// dropAbsent writes what is left of characters that have no token of their own as any other that is
// unknown.
func (m *bpe) dropAbsent(sc *symbols) {
	if !slices.ContainsFunc(sc.ids, func(id int32) bool { return m.absent[id] != "" }) {
		return
	}
	ids, lens := slices.Clone(sc.ids), slices.Clone(sc.lens)
	sc.reset()
	for i, id := range ids {
		if c, ok := m.absent[id]; ok {
			m.addChar(-1, c, int(lens[i]), sc)
			continue
		}
		if id == m.unk && m.fuseUnk {
			sc.unk += lens[i]
			continue
		}
		m.flushUnk(sc)
		sc.add(id, lens[i])
	}
	m.flushUnk(sc)
}

func (m *bpe) addByte(b byte, sc *symbols) {
	if id := m.byteIDs[b]; id >= 0 {
		m.flushUnk(sc)
		sc.add(id, 1)
		return
	}
	m.addUnk(1, sc)
}

func (m *bpe) addChars(word string, sc *symbols) {
	for i := 0; i < len(word); {
		r, n := utf8.DecodeRuneInString(word[i:])
		m.addChar(m.charID(r), word[i:i+n], n, sc)
		i += n
	}
}

func (m *bpe) charID(r rune) int32 {
	if r < utf8.RuneSelf {
		return m.ascii[r]
	}
	if id, ok := m.chars[r]; ok {
		return id
	}
	return -1
}

// addAffixed is addChars for vocabularies that mark where words begin or end.
func (m *bpe) addAffixed(word string, sc *symbols) {
	for i := 0; i < len(word); {
		_, n := utf8.DecodeRuneInString(word[i:])
		s := word[i : i+n]
		if i > 0 {
			s = m.prefix + s
		}
		if i+n == len(word) {
			s += m.suffix
		}
		id, ok := m.vocab[s]
		if !ok {
			id = -1
		}
		m.addChar(id, s, n, sc)
		i += n
	}
}

// addChar adds a character, or when it has no id the bytes of s, or the unknown token.
func (m *bpe) addChar(id int32, s string, length int, sc *symbols) {
	if id >= 0 {
		m.flushUnk(sc)
		sc.add(id, int32(length))
		return
	}
	if m.byteFallback && m.hasBytes(s) {
		// HF does not write a pending unknown token here: it comes after the bytes.
		for i := range len(s) {
			n := int32(1)
			if i >= length {
				n = 0 // a byte of an affix stands for no text
			}
			sc.add(m.byteIDs[s[i]], n)
		}
		return
	}
	m.addUnk(int32(length), sc)
}

func (m *bpe) hasBytes(s string) bool {
	for i := range len(s) {
		if m.byteIDs[s[i]] < 0 {
			return false
		}
	}
	return true
}

func (m *bpe) addUnk(length int32, sc *symbols) {
	if m.unk < 0 {
		sc.stretch(length)
		return
	}
	if !m.fuseUnk {
		m.flushUnk(sc)
	}
	sc.unk += length
}

func (m *bpe) flushUnk(sc *symbols) {
	if sc.unk > 0 {
		sc.add(m.unk, sc.unk)
		sc.unk = 0
	}
}
