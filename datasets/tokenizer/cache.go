package tokenizer

import (
	"hash/maphash"
	"strings"
	"sync/atomic"
)

// Bounds of the word cache: at most cacheSlots words of at most cacheWord bytes, about 20 MiB.
const (
	cacheSlots = 1 << 17
	cacheWord  = 48
)

// wordCache remembers what words were encoded to. A slot holds one word and the last one wins;
// readers and writers meet only at an atomic pointer.
type wordCache struct {
	seed  maphash.Seed
	slots []atomic.Pointer[cachedWord]
}

// cachedWord is immutable once it is in a slot.
type cachedWord struct {
	word      string
	ids, lens []int32
}

func newWordCache() wordCache {
	return wordCache{seed: maphash.MakeSeed(), slots: make([]atomic.Pointer[cachedWord], cacheSlots)}
}

func (c *wordCache) slot(word string) *atomic.Pointer[cachedWord] {
	return &c.slots[maphash.String(c.seed, word)%cacheSlots]
}

func (c *wordCache) get(word string) *cachedWord {
	if len(word) > cacheWord {
		return nil
	}
	if e := c.slot(word).Load(); e != nil && e.word == word {
		return e
	}
	return nil
}

func (c *wordCache) set(word string, sc *symbols) {
	if len(word) > cacheWord {
		return
	}
	both := make([]int32, 0, 2*len(sc.ids))
	both = append(append(both, sc.ids...), sc.lens...)
	n := len(sc.ids)
	// The copy keeps the cache from holding on to whole documents.
	c.slot(word).Store(&cachedWord{word: strings.Clone(word), ids: both[:n:n], lens: both[n:]})
}
