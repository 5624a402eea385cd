// Package rng is counter-based random numbers: Philox 4×32-10 (Salmon, Moraes, Dror & Shaw,
// "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
//
// There is no shared state. A consumer has a [Stream], keyed by the run's seed and by what the
// numbers are for; a position in it is a step and a row. The numbers at a position are a function of
// these alone, so that adding a consumer, resuming a run or changing the number of threads changes
// no number anywhere else. They are the same on every architecture.
//
// It is not for secrets.
package rng

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"

	"github.com/cultivar/cultivar/internal/kernels/vec"
)

// Stream is all random numbers for one purpose. It is a value; the zero value is a valid stream of
// key 0.
type Stream struct{ key [2]uint32 }

// New returns the stream of a seed and a purpose, such as "shuffle" or "lora_A of layer 3": the key
// is the first 8 bytes of SHA-256 over the little-endian seed and the purpose.
func New(seed uint64, purpose string) Stream {
	h := sha256.Sum256(append(binary.LittleEndian.AppendUint64(nil, seed), purpose...))
	return Stream{[2]uint32{binary.LittleEndian.Uint32(h[:]), binary.LittleEndian.Uint32(h[4:])}}
}

// maxPosition bounds step and row: each has 48 bits of the 128-bit counter, the index has 32.
const maxPosition = 1 << 48

// At returns the source of the numbers of one step and row, both less than 2⁴⁸. Different positions
// give independent numbers.
func (s Stream) At(step, row uint64) *Source {
	if step >= maxPosition || row >= maxPosition {
		panic(fmt.Sprintf("rng: position %d, %d", step, row))
	}
	return &Source{key: s.key, counter: [4]uint32{
		0, uint32(row), uint32(step), uint32(row>>32)<<16 | uint32(step>>32),
	}}
}

// Source yields the numbers of one position in order. Its period is 2³⁴ words. It is not safe for
// concurrent use; take one for each row instead.
type Source struct {
	key     [2]uint32
	counter [4]uint32 // index of the next block, row, step, high 16 bits of row and step
	words   [4]uint32 // the current block
	left    int       // words of it that are still to be used
}

// Uint32 returns the next 32 bits.
func (s *Source) Uint32() uint32 {
	if s.left == 0 {
		s.words = philox(s.counter, s.key)
		s.counter[0]++
		s.left = len(s.words)
	}
	w := s.words[len(s.words)-s.left]
	s.left--
	return w
}

// Uint64 returns the next 64 bits, the low half first.
func (s *Source) Uint64() uint64 {
	lo := uint64(s.Uint32())
	return uint64(s.Uint32())<<32 | lo
}

// Float32 returns a uniform number in [0, 1), a multiple of 2⁻²⁴.
func (s *Source) Float32() float32 { return float32(s.Uint32()>>8) * 0x1p-24 }

// Uniform returns a uniform number in [a, b), or b where rounding leads there.
func (s *Source) Uniform(a, b float32) float32 { return a + float32((b-a)*s.Float32()) }

// Normal returns a number of the standard normal distribution, by the cosine half of Box & Muller
// (Ann. Math. Statist. 29, 1958): √(−2·ln u)·cos 2πv, in float64, rounded once. u has 32 bits, so
// that |Normal| < 6.8.
func (s *Source) Normal() float32 {
	u := (float64(s.Uint32()) + 0.5) * 0x1p-32 // in (0, 1)
	v := float64(s.Uint32()) * 0x1p-32
	_, cos := vec.SinCos64(2 * math.Pi * v)
	return float32(math.Sqrt(-2*vec.Log64(u)) * cos)
}

// IntN returns a uniform integer in [0, n), without bias (Lemire, "Fast random integer generation in
// an interval", ACM TOMACS 29(1), 2019). It panics if n is not positive.
func (s *Source) IntN(n int) int {
	if n <= 0 {
		panic(fmt.Sprintf("rng: IntN(%d)", n))
	}
	hi, lo := bits.Mul64(s.Uint64(), uint64(n))
	if lo < uint64(n) {
		for threshold := -uint64(n) % uint64(n); lo < threshold; {
			hi, lo = bits.Mul64(s.Uint64(), uint64(n))
		}
	}
	return int(hi)
}

// Perm returns a uniform permutation of 0 … n−1 (Fisher–Yates, from the end).
func (s *Source) Perm(n int) []int {
	p := make([]int, n)
	for i := range p {
		p[i] = i
	}
	for i := n - 1; i > 0; i-- {
		j := s.IntN(i + 1)
		p[i], p[j] = p[j], p[i]
	}
	return p
}

// philox is the block function Philox 4×32 with 10 rounds.
func philox(c [4]uint32, k [2]uint32) [4]uint32 {
	const (
		rounds = 10
		m0, m1 = 0xd2511f53, 0xcd9e8d57 // multipliers
		w0, w1 = 0x9e3779b9, 0xbb67ae85 // Weyl constants: golden ratio, √3 − 1
	)
	for range rounds {
		hi0, lo0 := bits.Mul32(m0, c[0])
		hi1, lo1 := bits.Mul32(m1, c[2])
		c = [4]uint32{hi1 ^ c[1] ^ k[0], lo1, hi0 ^ c[3] ^ k[1], lo0}
		k[0], k[1] = k[0]+w0, k[1]+w1
	}
	return c
}
