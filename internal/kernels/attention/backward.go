package attention

import (
	"sync"

	"github.com/cultivar/cultivar/internal/kernels/gemm"
	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/internal/parallel"
)

// Backward computes the gradients by q, k and v from that by out, dout. It overwrites the rows of
// the segments in dq, dk and dv. out and lse are what [Forward] computed. The gradients must not
// overlap the inputs or each other, and segments must share neither queries nor keys.
//
// With s the scores, p = e^(s−lse) and D = Σ dout·out of each row (arXiv:2205.14135, algorithm 4):
//
//	dv = pᵀ·dout,  ds = p∘(dout·vᵀ − D)·scale,  dq = ds·k,  dk = dsᵀ·q
//
// One piece of work is a key head of a segment: its query heads, their blocks of queries and the
// key blocks of each follow in ascending order, which fixes every sum.
func Backward(dq, dk, dv Heads, dout, out Heads, lse []float32, q, k, v Heads, segs []Segment, c Config) {
	c.mustBeValid()
	queries, keys := rows(segs)
	for _, h := range []struct {
		name        string
		h           Heads
		rows, heads int
	}{
		{"dq", dq, queries, c.Heads}, {"dk", dk, keys, c.KVHeads}, {"dv", dv, keys, c.KVHeads},
		{"dout", dout, queries, c.Heads}, {"out", out, queries, c.Heads},
		{"q", q, queries, c.Heads}, {"k", k, keys, c.KVHeads}, {"v", v, keys, c.KVHeads},
	} {
		h.h.mustHold(h.name, h.rows, h.heads, c.HeadDim)
	}
	_ = lse[:queries*c.Heads]

	parallel.For(len(segs)*c.KVHeads, 1, func(lo, hi int) {
		b := backwards.Get().(*backward)
		defer backwards.Put(b)
		b.dq, b.dk, b.dv, b.dout, b.out, b.lse, b.q, b.k, b.v, b.c = dq, dk, dv, dout, out, lse, q, k, v, c
		for unit := lo; unit < hi; unit++ {
			b.keyHead(segs[unit/c.KVHeads], unit%c.KVHeads)
		}
		b.release()
	})
}

var backwards = sync.Pool{New: func() any { return new(backward) }}

// backward is the arguments of a call and the scratch space of one block of queries and one of keys.
type backward struct {
	dq, dk, dv, dout, out, q, k, v Heads
	lse                            []float32
	c                              Config

	p     [block * block]float32 // (queries, keys): scores, then probabilities
	ds    [block * block]float32 // (queries, keys): dout·vᵀ, then the gradient by q·k
	tanh  [block * block]float32 // (queries, keys): tanh(score/SoftCap)
	delta [block]float32         // D of each query
}

// release lets go of the caller's memory, so that the pool does not keep it alive.
func (b *backward) release() {
	b.dq, b.dk, b.dv, b.dout, b.out, b.q, b.k, b.v = Heads{}, Heads{}, Heads{}, Heads{}, Heads{}, Heads{}, Heads{}, Heads{}
	b.lse = nil
}

// keyHead computes all of a segment's gradients that have to do with one key head.
func (b *backward) keyHead(s Segment, kvHead int) {
	dim := b.c.HeadDim
	for row := s.K0; row < s.K1; row++ {
		clear(b.dk.at(row, kvHead, dim))
		clear(b.dv.at(row, kvHead, dim))
	}
	group := b.c.group()
	for head := kvHead * group; head < (kvHead+1)*group; head++ {
		for i := range s.views() {
			b.queries(s, s.view(i, b.c), head, kvHead)
		}
	}
}

func (b *backward) queries(s Segment, w view, head, kvHead int) {
	dim := b.c.HeadDim
	for i := range w.n {
		clear(b.dq.at(w.row+i, head, dim))
		b.delta[i] = vec.Dot(b.dout.at(w.row+i, head, dim), b.out.at(w.row+i, head, dim))
	}
	q, dout := b.q.tile(w.row, w.n, head, dim), b.dout.tile(w.row, w.n, head, dim)
	for key, end := w.keys(); key < end; key += block {
		n, row := min(block, end-key), s.K0+key
		k, v := b.k.tile(row, n, kvHead, dim), b.v.tile(row, n, kvHead, dim)

		gemm.Serial(b.p[:], block, q, k.T(), false)
		adjust(b.p[:], w.n, n, b.c, b.tanh[:])
		gemm.Serial(b.ds[:], block, dout, v.T(), false)
		for i := range w.n {
			b.softmax(w, i, key, n, b.lse[(w.row+i)*b.c.Heads+head])
		}
		p, ds := gemm.F32Stride(b.p[:], w.n, n, block), gemm.F32Stride(b.ds[:], w.n, n, block)
		gemm.Serial(b.dv.from(row, kvHead, dim), b.dv.Stride, p.T(), dout, true)
		gemm.Serial(b.dk.from(row, kvHead, dim), b.dk.Stride, ds.T(), q, true)
		gemm.Serial(b.dq.from(w.row, head, dim), b.dq.Stride, ds, k, true)
	}
}

// softmax turns row i of p from scores into probabilities, and of ds from the gradient by those
// into the gradient by q·k.
func (b *backward) softmax(w view, i, key, n int, lse float32) {
	p, ds := b.p[i*block:i*block+n], b.ds[i*block:i*block+n]
	lo, hi := w.within(i, key, n)
	if lo >= hi {
		clear(p)
		clear(ds)
		return
	}
	mask(p, lo, hi, negInf)
	vec.ExpSub(p, p, lse)
	vec.SoftmaxBackward(ds, p, ds, b.delta[i], b.c.Scale)
	if b.c.SoftCap != 0 {
		vec.TanhBackward(ds, ds, b.tanh[i*block:i*block+n])
	}
	mask(ds, lo, hi, 0) // 0·(dout·v) is NaN for a masked v that is not finite
}
