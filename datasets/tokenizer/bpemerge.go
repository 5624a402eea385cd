package tokenizer

import "math/bits"

// shortWord is the number of symbols up to which looking for the best pair by scanning beats a heap.
const shortWord = 32

// symbols is a word while it is merged. Slices are kept between words.
type symbols struct {
	ids  []int32
	lens []int32 // bytes of the word that each symbol stands for
	unk  int32   // bytes of the unknown token that is not written yet

	rank []int32 // of the pair of each symbol and the next
	made []int32 // id that the pair merges to
	prev []int32 // of mergeLong: neighbours, -1 at the ends
	next []int32
	heap []uint64
}

func (sc *symbols) reset() {
	sc.ids, sc.lens, sc.unk = sc.ids[:0], sc.lens[:0], 0
}

func (sc *symbols) add(id, length int32) {
	sc.ids = append(sc.ids, id)
	sc.lens = append(sc.lens, length)
}

// stretch lets the last symbol stand for dropped text too, so that those after it keep their place.
func (sc *symbols) stretch(length int32) {
	if n := len(sc.lens); n > 0 {
		sc.lens[n-1] += length
	}
}

// ranks looks all pairs up.
func (sc *symbols) ranks(t *pairTable) {
	n := len(sc.ids)
	sc.rank, sc.made = grow(sc.rank, n), grow(sc.made, n)
	for i := range n - 1 {
		sc.rank[i], sc.made[i] = t.get(sc.ids[i], sc.ids[i+1])
	}
	sc.rank[n-1] = none
}

func grow(s []int32, n int) []int32 {
	if cap(s) < n {
		return make([]int32, n, n+n/2)
	}
	return s[:n]
}

func (sc *symbols) mergeShort(t *pairTable) {
	n := len(sc.ids)
	if n < 2 {
		return
	}
	sc.ranks(t)
	ids, lens, rank, made := sc.ids, sc.lens, sc.rank, sc.made
	for {
		best, at := int32(none), -1
		for i, r := range rank[:n-1] {
			if r < best {
				best, at = r, i
			}
		}
		if at < 0 {
			break
		}
		ids[at] = made[at]
		lens[at] += lens[at+1]
		copy(ids[at+1:n-1], ids[at+2:n])
		copy(lens[at+1:n-1], lens[at+2:n])
		copy(rank[at+1:n-1], rank[at+2:n])
		copy(made[at+1:n-1], made[at+2:n])
		n--
		if at > 0 {
			rank[at-1], made[at-1] = t.get(ids[at-1], ids[at])
		}
		rank[at] = none
		if at+1 < n {
			rank[at], made[at] = t.get(ids[at], ids[at+1])
		}
	}
	sc.ids, sc.lens = ids[:n], lens[:n]
}

// mergeLong merges with a linked list of symbols and a heap of pairs, in n log n. An entry of the
// heap is rank<<32 | position, so that of equal ranks the leftmost comes first; it is stale when
// the pair at its position has another rank by now.
func (sc *symbols) mergeLong(t *pairTable) {
	sc.ranks(t)
	n := len(sc.ids)
	sc.prev, sc.next = grow(sc.prev, n), grow(sc.next, n)
	sc.heap = sc.heap[:0]
	for i := range n {
		sc.prev[i], sc.next[i] = int32(i-1), int32(i+1)
		if sc.rank[i] != none {
			sc.heap = append(sc.heap, uint64(sc.rank[i])<<32|uint64(i))
		}
	}
	sc.next[n-1] = -1
	heapify(sc.heap)
	for len(sc.heap) > 0 {
		top := sc.pop()
		at := int32(uint32(top))
		if sc.rank[at] != int32(top>>32) {
			continue
		}
		right := sc.next[at]
		sc.ids[at] = sc.made[at]
		sc.lens[at] += sc.lens[right]
		sc.rank[right] = none
		sc.lens[right] = -1 // gone
		after := sc.next[right]
		sc.next[at] = after
		sc.rank[at] = none
		if after >= 0 {
			sc.prev[after] = at
			sc.pair(t, at, after)
		}
		if before := sc.prev[at]; before >= 0 {
			sc.pair(t, before, at)
		}
	}
	k := 0
	for i := range n {
		if sc.lens[i] >= 0 {
			sc.ids[k], sc.lens[k] = sc.ids[i], sc.lens[i]
			k++
		}
	}
	sc.ids, sc.lens = sc.ids[:k], sc.lens[:k]
}

// pair looks up two neighbours that are new to each other.
func (sc *symbols) pair(t *pairTable, left, right int32) {
	sc.rank[left], sc.made[left] = t.get(sc.ids[left], sc.ids[right])
	if sc.rank[left] != none {
		sc.push(uint64(sc.rank[left])<<32 | uint64(left))
	}
}

// The heap is binary, smallest first, on plain words: container/heap would call through an
// interface for each comparison.

func heapify(h []uint64) {
	for i := len(h)/2 - 1; i >= 0; i-- {
		down(h, i)
	}
}

func (sc *symbols) push(v uint64) {
	h := append(sc.heap, v)
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if h[up] <= h[i] {
			break
		}
		h[up], h[i] = h[i], h[up]
		i = up
	}
	sc.heap = h
}

func (sc *symbols) pop() uint64 {
	h := sc.heap
	top := h[0]
	h[0] = h[len(h)-1]
	sc.heap = h[:len(h)-1]
	down(sc.heap, 0)
	return top
}

func down(h []uint64, i int) {
	for {
		least := 2*i + 1
		if least >= len(h) {
			return
		}
		if r := least + 1; r < len(h) && h[r] < h[least] {
			least = r
		}
		if h[i] <= h[least] {
			return
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}

// pairTable maps a pair of ids to the rank of their merge and the id it makes. It is an open hash
// table at most half full: a lookup is one multiplication and mostly one cache line.
type pairTable struct {
	slots []pairSlot
	shift uint
}

type pairSlot struct {
	key      uint64 // left<<32 | right, plus one; 0 is empty
	rank, id int32
}

func newPairTable(n int) pairTable {
	size := bits.Len(uint(2*n + 1))
	return pairTable{slots: make([]pairSlot, 1<<size), shift: uint(64 - size)}
}

func pairKey(left, right int32) uint64 { return uint64(uint32(left))<<32 | uint64(uint32(right)) + 1 }

func (t *pairTable) slot(key uint64) *pairSlot {
	// Fibonacci hashing; the high bits of the product depend on all of the key.
	i := key * 0x9E3779B97F4A7C15 >> t.shift
	for {
		s := &t.slots[i]
		if s.key == key || s.key == 0 {
			return s
		}
		i = (i + 1) & uint64(len(t.slots)-1)
	}
}

// set adds a pair. Of two equal pairs the last counts.
func (t *pairTable) set(left, right, rank, id int32) {
	key := pairKey(left, right)
	*t.slot(key) = pairSlot{key: key, rank: rank, id: id}
}

func (t *pairTable) get(left, right int32) (rank, id int32) {
	key := pairKey(left, right)
	if s := t.slot(key); s.key == key {
		return s.rank, s.id
	}
	return none, 0
}
