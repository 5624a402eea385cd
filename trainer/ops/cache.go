package ops

import (
	"slices"

	"github.com/cultivar/cultivar/internal/kernels/attention"
	"github.com/cultivar/cultivar/internal/parallel"
)

// Cache is what one layer remembers of one sequence that grows: the rotated keys and the values of
// attention, and the states of recurrent operators. Rows [0, Len) of K and V are filled.
type Cache struct {
	K, V []float32 // (capacity, KVHeads·HeadDim)
	Len  int

	states map[string][]float32 // by operator
}

// Reset forgets the sequence.
func (c *Cache) Reset() {
	c.Len = 0
	for _, s := range c.states {
		clear(s)
	}
}

// Set makes the sequence what another is.
func (c *Cache) Set(from *Cache) {
	c.K, c.V, c.Len = append(c.K[:0], from.K...), append(c.V[:0], from.V...), from.Len
	c.states = make(map[string][]float32, len(from.states))
	for operator, s := range from.states {
		c.states[operator] = slices.Clone(s)
	}
}

// state returns the n floats that an operator carries from one token to the next, which it reads
// and writes: zeros before the first token.
func (c *Cache) state(operator string, n int) []float32 {
	s := c.states[operator]
	if s == nil {
		if c.states == nil {
			c.states = make(map[string][]float32)
		}
		s = make([]float32, n)
		c.states[operator] = s
	}
	return s
}

// fewest is how many rows there is room for from the beginning on.
const fewest = 64

// append adds the keys and values of new rows and returns all of them.
func (c *Cache) append(qkv []float32, rows, cols, qw, kvw int) (k, v attention.Heads) {
	if need := c.Len + rows; len(c.K) < need*kvw {
		size := max(need, 2*c.Len, fewest) * kvw
		c.K, c.V = enlarged(c.K[:c.Len*kvw], size), enlarged(c.V[:c.Len*kvw], size)
	}
	parallel.For(rows, 64, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			row := qkv[r*cols+qw : (r+1)*cols]
			copy(c.K[(c.Len+r)*kvw:], row[:kvw])
			copy(c.V[(c.Len+r)*kvw:], row[kvw:])
		}
	})
	c.Len += rows
	return attention.Heads{Data: c.K, Stride: kvw}, attention.Heads{Data: c.V, Stride: kvw}
}

// enlarged is a copy of x, of n elements.
func enlarged(x []float32, n int) []float32 {
	y := make([]float32, n)
	copy(y, x)
	return y
}
