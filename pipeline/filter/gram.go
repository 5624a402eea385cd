package filter

import (
	"math/bits"

	"github.com/zeebo/xxh3"
)

// gram is the hash of the n words from i on.
func (s *scale) gram(i, n int) uint64 {
	h := uint64(n)
	for _, w := range s.hashes[i : i+n] {
		h = (bits.RotateLeft64(h, 23) ^ w) * 0x9fb21c651e98df25 // odd, so that no word is lost
	}
	return h
}

// gramRunes is the length of the n words from i on.
func (s *scale) gramRunes(i, n int) int {
	runes := int(s.ends[i+n-1])
	if i > 0 {
		runes -= int(s.ends[i-1])
	}
	return runes
}

// topGram is the number of runes that the most frequent n words in a row make up: the longest of the
// most frequent ones, 0 when none occurs twice.
func (s *scale) topGram(n int) int {
	s.counts.reset(len(s.hashes))
	best, runes := uint32(1), 0
	for i := 0; i+n <= len(s.hashes); i++ {
		count := s.counts.add(s.gram(i, n))
		if count > best {
			best, runes = count, s.gramRunes(i, n)
		} else if count == best && count > 1 {
			runes = max(runes, s.gramRunes(i, n))
		}
	}
	return int(best) * runes
}

// duplicateGrams is the number of runes in n words in a row that occurred before. As in Gopher's
// published rules each rune counts once: after a repeat the search goes on behind it.
func (s *scale) duplicateGrams(n int) (runes int) {
	s.counts.reset(len(s.hashes))
	for i := 0; i+n <= len(s.hashes); {
		if s.counts.add(s.gram(i, n)) > 1 {
			runes += s.gramRunes(i, n)
			i += n
		} else {
			i++
		}
	}
	return runes
}

// counter counts hashes by open addressing. It takes equal hashes for equal things: at 64 bits, one
// error in 10¹⁹ pairs.
type counter struct {
	slots []slot // a power of two, at most half full
	shift int
}

type slot struct {
	hash  uint64
	count uint32 // 0 when free
}

// reset empties the counter and makes room for n hashes.
func (c *counter) reset(n int) {
	size := max(16, 1<<bits.Len(uint(2*n)))
	if size > cap(c.slots) {
		c.slots = make([]slot, size)
	} else {
		c.slots = c.slots[:size]
		clear(c.slots)
	}
	c.shift = 64 - bits.Len(uint(size-1))
}

// add counts a hash and returns how often it has been counted.
func (c *counter) add(hash uint64) uint32 {
	mask := len(c.slots) - 1
	// Fibonacci hashing: the top bits of the product depend on all of hash.
	for i := int(hash * 0x9e3779b97f4a7c15 >> c.shift); ; i = (i + 1) & mask {
		s := &c.slots[i]
		if s.count == 0 {
			s.hash = hash
		}
		if s.hash == hash {
			s.count++
			return s.count
		}
	}
}

func hashString(s string) uint64 { return xxh3.HashString(s) }

// mix is the finalizer of SplitMix64.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
