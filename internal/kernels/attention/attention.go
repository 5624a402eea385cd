// Package attention is exact softmax attention in tiles: causal, grouped-query, block-diagonal over
// segments, with optional sliding window and soft-capped scores (FlashAttention, arXiv:2205.14135;
// grouped queries, arXiv:2305.13245; soft cap, arXiv:2408.00118 §2).
//
// The order of every sum is defined (docs/numerics.md, "Attention"): it depends on the distance from
// the segment's first key and on nothing else, so that a row's result is the same however many
// queries a call has and whoever computes it.
package attention

import (
	"fmt"
	"sort"

	"github.com/cultivar/cultivar/internal/kernels/gemm"
	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/internal/parallel"
)

// block is the number of keys, from the segment's first on, over which the softmax is updated at
// once. It is part of the definition.
const block = vec.SoftmaxWidth

// tall is the number of queries that are taken at once, which is not part of it: several blocks'
// worth, so that the keys and values that products pack serve as many rows as possible.
const tall = 128

// Config is the shape of an attention layer.
type Config struct {
	Heads   int     // query heads, a multiple of KVHeads
	KVHeads int     // query head h reads key and value head h / (Heads/KVHeads)
	HeadDim int     // elements of a head
	Scale   float32 // factor on q·k, usually 1/√HeadDim
	Window  int     // a query sees the keys less than Window before it; 0 means all
	SoftCap float32 // scores become SoftCap·tanh(score/SoftCap); 0 means as they are
}

// Segment is one sequence: the queries are rows [Q0, Q1) of q and out, the keys rows [K0, K1) of k
// and v. The last query sees the last key, the one before it all but the last, and so on, so that
// with cached keys K1−K0 is greater than Q1−Q0.
type Segment struct{ Q0, Q1, K0, K1 int }

// Heads is rows of heads: element d of a row's head is Data[row·Stride + head·HeadDim + d].
// Several may be slices of one buffer with the same stride, as in a fused qkv projection.
type Heads struct {
	Data   []float32
	Stride int
}

// tile is rows [row, row+n) of one head as a matrix of n × dim.
func (h Heads) tile(row, n, head, dim int) gemm.Matrix {
	return gemm.F32Stride(h.Data[row*h.Stride+head*dim:], n, dim, h.Stride)
}

// from is the data from a row of one head on, whose rows are h.Stride apart.
func (h Heads) from(row, head, dim int) []float32 { return h.Data[row*h.Stride+head*dim:] }

// at is one row of one head.
func (h Heads) at(row, head, dim int) []float32 {
	return h.Data[row*h.Stride+head*dim:][:dim]
}

func (h Heads) mustHold(name string, rows, heads, dim int) {
	if h.Stride < heads*dim || rows > 0 && len(h.Data) < (rows-1)*h.Stride+heads*dim {
		panic(fmt.Sprintf("attention: %s has %d elements in rows of %d, want %d rows of %d×%d",
			name, len(h.Data), h.Stride, rows, heads, dim))
	}
}

func (c Config) group() int { return c.Heads / c.KVHeads }

func (c Config) mustBeValid() {
	if c.KVHeads <= 0 || c.Heads <= 0 || c.Heads%c.KVHeads != 0 || c.HeadDim <= 0 || c.Window < 0 || c.SoftCap < 0 {
		panic(fmt.Sprintf("attention: config %+v", c))
	}
}

// rows checks the segments and returns how many rows of queries and keys they reach.
func rows(segs []Segment) (queries, keys int) {
	for _, s := range segs {
		if s.Q0 < 0 || s.K0 < 0 || s.Q1 < s.Q0 || s.K1-s.K0 < s.Q1-s.Q0 {
			panic(fmt.Sprintf("attention: segment %+v", s))
		}
		queries, keys = max(queries, s.Q1), max(keys, s.K1)
	}
	return queries, keys
}

// view is a block of consecutive queries of a segment. Keys are counted from the segment's first.
type view struct {
	row, n int // the first query's row, and how many there are
	pos    int // key that is the first query's own
	window int
}

// each calls body for every block of every head of every segment, on all cores.
func each(segs []Segment, heads int, blocks func(Segment) int, body func(s Segment, block, head int)) {
	first := make([]int, len(segs)+1) // first[i] counts the calls before segment i
	for i, s := range segs {
		first[i+1] = first[i] + blocks(s)*heads
	}
	parallel.For(first[len(segs)], 1, func(lo, hi int) {
		for unit := lo; unit < hi; unit++ {
			i := sort.SearchInts(first, unit+1) - 1
			n, count := unit-first[i], blocks(segs[i])
			body(segs[i], n%count, n/count)
		}
	})
}

// keyBlocks returns the number of key blocks of a segment.
func (s Segment) keyBlocks() int { return (s.K1 - s.K0 + block - 1) / block }

// views returns the number of query blocks of a segment.
func (s Segment) views() int { return (s.Q1 - s.Q0 + tall - 1) / tall }

func (s Segment) view(i int, c Config) view {
	row := s.Q0 + i*tall
	return view{
		row: row, n: min(tall, s.Q1-row),
		pos:    s.K1 - s.K0 - (s.Q1 - row),
		window: c.Window,
	}
}

// sees returns the keys [lo, hi) that query i of the block sees.
func (v view) sees(i int) (lo, hi int) {
	hi = v.pos + i + 1
	if v.window > 0 {
		lo = max(0, hi-v.window)
	}
	return lo, hi
}

// keys returns the start of the first key block that a query of this block sees, and the end of
// the keys that any does. Key blocks outside are skipped.
func (v view) keys() (start, end int) {
	lo, _ := v.sees(0)
	_, end = v.sees(v.n - 1)
	return lo / block * block, end
}

// band is what the queries from number from on see of the block of keys from key on.
func (v view) band(from, key int) vec.Band {
	lo, hi := v.pos+from+1-v.window, v.pos+from+1
	if v.window == 0 {
		lo = -tall
	}
	return vec.Band{Lo: lo - key, Hi: hi - key}
}

// seeing returns the queries [from, to) that see any of the n keys from key on, of which there is one.
func (v view) seeing(key, n int) (from, to int) {
	from, to = max(0, key-v.pos), v.n
	if v.window > 0 {
		to = min(to, key+n-1+v.window-v.pos)
	}
	return from, to
}

// first reports whether the block of keys from key on, which queries from to to see, is the first that some
// query of the block sees, and whether it is so for all.
func (v view) first(key, from, to int) (some, all bool) {
	start, _ := v.keys()
	return key == start, key == start && to-from == v.n
}
