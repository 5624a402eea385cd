package tokenizer

import (
	"hash/maphash"
	"math/bits"
	"strings"
	"sync/atomic"
)

// Bounds of the word cache, about 20 MiB when it is full of the longest words.
const (
	shortBits  = 17
	shortSlots = 1 << shortBits
	longSlots  = 1 << 13
	shortBytes = 16 // of a word that two machine words hold
	shortIDs   = 7  // so many make a shortWordIDs 64 bytes, a cache line
	longBytes  = 128
)

// wordCache remembers what words were encoded to. A slot holds one word and the last one wins;
// readers and writers meet only at an atomic pointer. Most words of a text are short, and finding
// one costs a slot and one more cache line.
type wordCache struct {
	seed  maphash.Seed
	short []atomic.Pointer[shortWordIDs]
	long  []atomic.Pointer[longWordIDs]
}

// shortWordIDs is immutable once it is in a slot. It has no pointers, which the collector likes.
type shortWordIDs struct {
	key  wordKey
	n    uint8 // of ids and lens
	size uint8 // of the word
	lens [shortIDs]uint8
	ids  [shortIDs]int32
}

// wordKey is a word of at most shortBytes bytes; with its size it is the word itself.
type wordKey struct{ head, tail uint64 }

// longWordIDs is immutable once it is in a slot.
type longWordIDs struct {
	word      string
	ids, lens []int32
}

func newWordCache() wordCache {
	return wordCache{
		seed:  maphash.MakeSeed(),
		short: make([]atomic.Pointer[shortWordIDs], shortSlots),
		long:  make([]atomic.Pointer[longWordIDs], longSlots),
	}
}

// keyOf reads a word of at most shortBytes bytes; the parts it reads may overlap.
func keyOf(word string) wordKey {
	n := len(word)
	switch {
	case n >= 8:
		return wordKey{load64(word), load64(word[n-8:])}
	case n >= 4:
		return wordKey{uint64(load32(word)) | uint64(load32(word[n-4:]))<<32, 0}
	case n > 0:
		return wordKey{uint64(word[0]) | uint64(word[n/2])<<8 | uint64(word[n-1])<<16, 0}
	}
	return wordKey{}
}

func load32(s string) uint32 {
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

func load64(s string) uint64 {
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// slotOf folds the product of two halves, as wyhash does. Words made to collide only evict each other.
func (c *wordCache) slotOf(k wordKey, size int) *atomic.Pointer[shortWordIDs] {
	hi, lo := bits.Mul64(k.head^0x9E3779B97F4A7C15, k.tail^0xC2B2AE3D27D4EB4F^uint64(size))
	return &c.short[(hi^lo)>>(64-shortBits)]
}

func (c *wordCache) longSlot(word string) *atomic.Pointer[longWordIDs] {
	return &c.long[maphash.String(c.seed, word)%longSlots]
}

// put writes the ids of the word at bytes i to j of p, and reports whether it knew them.
func (c *wordCache) put(p *piece, i, j int, out *sink) bool {
	word := p.s[i:j]
	if len(word) > longBytes {
		return false
	}
	if len(word) <= shortBytes {
		k := keyOf(word)
		if e := c.slotOf(k, len(word)).Load(); e != nil && e.key == k && int(e.size) == len(word) {
			e.put(p, i, out)
			return true
		}
	}
	if e := c.longSlot(word).Load(); e != nil && e.word == word {
		put(p, i, e.ids, e.lens, out)
		return true
	}
	return false
}

// put writes all of the array, whose size the compiler knows, and takes back what is too much.
func (e *shortWordIDs) put(p *piece, at int, out *sink) {
	n := len(out.ids) + int(e.n)
	out.ids = append(out.ids, e.ids[:]...)[:n]
	if !out.track {
		return
	}
	for _, n := range e.lens[:e.n] {
		out.spans = append(out.spans, p.span(at, at+int(n)))
		at += int(n)
	}
}

func (c *wordCache) set(word string, sc *symbols) {
	n := len(sc.ids)
	switch {
	case len(word) > longBytes:
	case len(word) <= shortBytes && n <= shortIDs:
		e := &shortWordIDs{key: keyOf(word), n: uint8(n), size: uint8(len(word))}
		copy(e.ids[:], sc.ids)
		for i, l := range sc.lens {
			e.lens[i] = uint8(l) // at most the bytes of a short word, three for each space
		}
		c.slotOf(e.key, len(word)).Store(e)
	default:
		both := make([]int32, 0, 2*n)
		both = append(append(both, sc.ids...), sc.lens...)
		// The copy keeps the cache from holding on to whole documents.
		c.longSlot(word).Store(&longWordIDs{word: strings.Clone(word), ids: both[:n:n], lens: both[n:]})
	}
}
