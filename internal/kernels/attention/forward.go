package attention

import (
	"math"
	"sync"

	"github.com/cultivar/cultivar/internal/kernels/gemm"
	"github.com/cultivar/cultivar/internal/kernels/vec"
)

var negInf = float32(math.Inf(-1))

// Forward computes out = softmax(mask(scale·q·kᵀ))·v for the rows of the segments, and the
// log-sum-exp of every row's scores, lse[row·Heads + head], for the backward pass. out must not
// overlap the inputs, and segments must not share queries.
//
// Masked scores are −∞ and their weight is 0. A value that is not finite nevertheless reaches all
// queries of its segment whose own key is in the same block of 64 keys or later, since 0·∞ is NaN.
func Forward(out Heads, lse []float32, q, k, v Heads, segs []Segment, c Config) {
	c.mustBeValid()
	queries, keys := rows(segs)
	out.mustHold("out", queries, c.Heads, c.HeadDim)
	q.mustHold("q", queries, c.Heads, c.HeadDim)
	k.mustHold("k", keys, c.KVHeads, c.HeadDim)
	v.mustHold("v", keys, c.KVHeads, c.HeadDim)
	_ = lse[:queries*c.Heads]

	each(segs, c.Heads, Segment.views, func(s Segment, i, head int) {
		f := forwards.Get().(*forward)
		defer forwards.Put(f)
		f.run(out, lse, q, k, v, s, i, head, c)
	})
}

var forwards = sync.Pool{New: func() any { return new(forward) }}

// forward is the scratch space of one block of queries.
type forward struct {
	scores                [tall * block]float32 // (queries, keys), then the softmax numerators
	acc                   []float32             // (queries, HeadDim) sum of weighted values so far
	max, sum, alpha, part [tall]float32         // of [vec.RunningSoftmax], a query each
}

func (f *forward) run(out Heads, lse []float32, q, k, v Heads, s Segment, viewIndex, head int, c Config) {
	w, dim, kvHead := s.view(viewIndex, c), c.HeadDim, head/c.group()
	f.acc = grow(f.acc, w.n*dim)
	acc := f.acc
	clear(acc)
	clear(f.sum[:])
	for i := range f.max {
		f.max[i] = negInf
	}
	queries := q.tile(w.row, w.n, head, dim)
	for key, end := w.keys(); key < end; key += block {
		n := min(block, end-key)
		from, to := w.seeing(key, n)
		scores := f.scores[from*block : to*block]
		gemm.Serial(scores, block, queries.Slice(from, to, 0, dim), k.tile(s.K0+key, n, kvHead, dim).T(), false)
		scale := c.scores(scores, nil)
		f.rows(from, to).Block(scores, w.band(from, key), scale)
		f.rescale(from, to, dim)
		weights := gemm.F32Stride(scores, to-from, n, block)
		gemm.Serial(acc[from*dim:], dim, weights, v.tile(s.K0+key, n, kvHead, dim), true)
	}
	for i := range w.n {
		o := out.at(w.row+i, head, dim)
		// fma(acc, 1/sum, 0): adding 0 makes −0 to +0. Which zero a sum of underflowed products is
		// depends on whether masked keys, which add 0·v, were in the block or not yet there.
		clear(o)
		vec.Axpy(o, 1/f.sum[i], acc[i*dim:(i+1)*dim])
		lse[(w.row+i)*c.Heads+head] = f.max[i] + vec.Log(f.sum[i])
	}
}

// rows is the softmax of queries from to to.
func (f *forward) rows(from, to int) vec.RunningSoftmax {
	return vec.RunningSoftmax{Max: f.max[from:to], Sum: f.sum[from:to], Alpha: f.alpha[from:to], Part: f.part[from:to]}
}

// rescale makes what has been summed so far relative to the new maxima.
func (f *forward) rescale(from, to, dim int) {
	for i := from; i < to; i++ {
		if a := f.acc[i*dim : (i+1)*dim]; f.alpha[i] != 1 {
			vec.Scale(a, a, f.alpha[i])
		}
	}
}

// scores makes products of queries and keys scores up to a factor, which it returns. Where there is a
// cap, tanh(score/SoftCap) is kept in tanh if that is not nil.
func (c Config) scores(products, tanh []float32) (scale float32) {
	if c.SoftCap == 0 {
		return c.Scale
	}
	vec.Scale(products, products, c.Scale)
	vec.Scale(products, products, 1/c.SoftCap)
	vec.Tanh(products, products)
	if tanh != nil {
		copy(tanh, products)
	}
	return c.SoftCap
}

// grow returns a slice of n elements, buffer's own if it is long enough.
func grow(buffer []float32, n int) []float32 {
	if cap(buffer) < n {
		return make([]float32, n)
	}
	return buffer[:n]
}
