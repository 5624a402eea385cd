package attention

import (
	"math"
	"sync"

	"github.com/cultivar/cultivar/internal/kernels/gemm"
	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/internal/parallel"
)

var negInf = float32(math.Inf(-1))

// Forward computes out = softmax(mask(scale·q·kᵀ))·v for the rows of the segments, and the
// log-sum-exp of every row's scores, lse[row·Heads + head], for the backward pass. out must not
// overlap the inputs, and segments must not share queries.
//
// Masked scores are −∞ and their weight is 0. A value that is not finite may nevertheless reach all
// queries of its segment whose own key is in the same block of 64 keys, since 0·∞ is NaN.
func Forward(out Heads, lse []float32, q, k, v Heads, segs []Segment, c Config) {
	c.mustBeValid()
	queries, keys := rows(segs)
	out.mustHold("out", queries, c.Heads, c.HeadDim)
	q.mustHold("q", queries, c.Heads, c.HeadDim)
	k.mustHold("k", keys, c.KVHeads, c.HeadDim)
	v.mustHold("v", keys, c.KVHeads, c.HeadDim)
	_ = lse[:queries*c.Heads]

	p := pass{out, q, k, v, lse, c}
	heads := c.together(segs)
	parts := (c.group() + heads - 1) / heads
	each(segs, c.KVHeads*parts, Segment.views, func(s Segment, i, part int) {
		f := forwards.Get().(*forward)
		defer f.release()
		kvHead, first := part/parts, part%parts*heads
		f.run(&p, s, s.view(i, c), kvHead, kvHead*c.group()+first, min(heads, c.group()-first))
	})
}

// pass is the arguments of a call of Forward.
type pass struct {
	out, q, k, v Heads
	lse          []float32
	Config
}

// together is how many query heads of a group are computed by one goroutine, from keys and values that
// are packed once: as many as leave every core several blocks of queries. Where every segment has a single
// query, keys and values are most of what is read: then as many as leave every core one.
func (c Config) together(segs []Segment) int {
	most, perWorker := fewQueries, 1
	views := 0
	for _, s := range segs {
		views += s.views()
		if s.Q1-s.Q0 > 1 {
			most, perWorker = 4, 4
		}
	}
	group := c.group()
	heads := min(group, most)
	for heads > 1 && views*c.KVHeads*((group+heads-1)/heads) < perWorker*parallel.Workers() {
		heads--
	}
	return heads
}

var forwards = sync.Pool{New: func() any { return new(forward) }}

// forward is the scratch space of one block of queries of some heads. The scores come first for the reason
// given for [backward].
type forward struct {
	scores       [tall * block]float32 // (queries, keys), then the softmax numerators
	alpha, part  [tall]float32         // of [vec.RunningSoftmax]
	keys, values gemm.Panels           // a block of them
	heads        []sums
}

// sums is what has been summed so far for the queries of one head.
type sums struct {
	acc      []float32     // (queries, HeadDim) weighted values
	max, sum [tall]float32 // of [vec.RunningSoftmax]
}

func (f *forward) release() {
	f.keys.Forget()
	f.values.Forget()
	forwards.Put(f)
}

// run computes the rows of a block of queries for heads query heads from head on, which share a key head.
func (f *forward) run(p *pass, s Segment, w view, kvHead, head, heads int) {
	if w.n == 1 {
		f.single(p, s, w, kvHead, head, heads)
		return
	}
	dim := p.HeadDim
	f.begin(heads, w.n*dim)
	start, end := w.keys()
	for key := start; key < end; key += block {
		n, from := min(block, end-key), s.K0+key
		k, v := p.k.tile(from, n, kvHead, dim).T(), p.v.tile(from, n, kvHead, dim)
		few := w.n <= fewQueries
		f.values.Set(v, few)
		if !few {
			f.keys.Set(k, false)
		}
		for i := range heads {
			f.block(p, &w, &f.heads[i], head+i, key, n, &k)
		}
	}
	for i := range heads {
		f.heads[i].finish(w.n, p.out.from(w.row, head+i, dim), p.out.Stride, p.lse[w.row*p.Heads+head+i:], p.Heads)
	}
}

// fewQueries is up to how many queries packing keys and values for them does not pay. There are products
// for few rows that read keys where they are.
const fewQueries = 8

// begin sets the sums of some heads to those of nothing, of size elements each.
func (f *forward) begin(heads, size int) {
	for len(f.heads) < heads {
		f.heads = append(f.heads, sums{})
	}
	for i := range heads {
		h := &f.heads[i]
		h.acc = grow(h.acc, size)
		clear(h.sum[:])
		for j := range h.max {
			h.max[j] = negInf
		}
	}
}

// block adds a block of n keys, k, and their values, from key on, to the sums of one head.
func (f *forward) block(p *pass, w *view, h *sums, head, key, n int, k *gemm.Matrix) {
	dim := p.HeadDim
	from, to := w.seeing(key, n)
	rows := to - from
	queries, scores := p.q.tile(w.row+from, rows, head, dim), f.scores[:rows*block]
	upper := w.upper(from, rows, key, n)
	if w.n <= fewQueries {
		gemm.Serial(scores, block, queries, *k, false)
	} else {
		multiplyScores(scores, queries, &f.keys, n, upper)
	}
	scale := p.scores(scores, nil)
	some, all := w.first(key, from, to)
	if some && !all {
		clear(h.acc)
	}
	run := vec.RunningSoftmax{Max: h.max[from:to], Sum: h.sum[from:to], Alpha: f.alpha[from:to], Part: f.part[from:to]}
	run.Block(scores, w.band(from, key), scale)
	weights, acc := gemm.F32Stride(scores, rows, n, block), h.acc[from*dim:to*dim]
	if !all {
		vec.ScaleRows(acc, run.Alpha)
	}
	multiplyWeights(acc, dim, weights, &f.values, dim, upper, !all)
}

// finish stores the results of rows and their log-sum-exp, each with its own stride, and leaves the sums as
// their logarithms.
func (h *sums) finish(rows int, out []float32, outStride int, lse []float32, lseStride int) {
	sums := h.sum[:rows]
	// Adding 0 makes −0 to +0. Which zero a sum of underflowed products is depends on whether masked keys,
	// which add 0·v, were in the block or not yet there.
	vec.DivideRows(out, outStride, h.acc, sums)
	vec.Logs(sums, sums)
	for i, log := range sums {
		lse[i*lseStride] = h.max[i] + log
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
