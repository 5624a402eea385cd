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
// Every sum has one order: dk and dv over the query heads of the group and then the queries, dq over
// the keys, all ascending.
func Backward(dq, dk, dv Heads, dout, out Heads, lse []float32, q, k, v Heads, segs []Segment, c Config) {
	c.mustBeValid()
	queries, keys := rows(segs)
	for _, x := range []struct {
		name        string
		heads       Heads
		rows, count int
	}{
		{"dq", dq, queries, c.Heads}, {"dk", dk, keys, c.KVHeads}, {"dv", dv, keys, c.KVHeads},
		{"dout", dout, queries, c.Heads}, {"out", out, queries, c.Heads},
		{"q", q, queries, c.Heads}, {"k", k, keys, c.KVHeads}, {"v", v, keys, c.KVHeads},
	} {
		x.heads.mustHold(x.name, x.rows, x.count, c.HeadDim)
	}
	_ = lse[:queries*c.Heads]

	g := gradients{dq, dk, dv, dout, out, q, k, v, lse, c}
	if len(segs)*c.KVHeads >= parallel.Workers() {
		one := func(Segment) int { return 1 }
		each(segs, c.KVHeads, one, func(s Segment, _, kvHead int) { g.keyHead(s, kvHead) })
		return
	}
	// There are too few heads for the cores. Blocks are independent if those of keys and those of
	// queries each compute the scores for themselves.
	each(segs, c.KVHeads, Segment.keyBlocks, g.keyBlock)
	each(segs, c.Heads, Segment.views, g.queryBlock)
}

// gradients is the arguments of a call of Backward.
type gradients struct {
	dq, dk, dv, dout, out, q, k, v Heads
	lse                            []float32
	Config
}

// backward is the scratch space of one block of queries and one of keys.
type backward struct {
	p     [tall * block]float32 // (queries, keys): scores, then probabilities
	ds    [tall * block]float32 // (queries, keys): dout·vᵀ, then the gradient by q·k
	tanh  [tall * block]float32 // (queries, keys): tanh(score/SoftCap)
	lse   [tall]float32         // of each query
	delta [tall]float32         // D of each query
}

var backwards = sync.Pool{New: func() any { return new(backward) }}

// wanted says which gradients a step adds to.
type wanted struct{ keys, queries bool }

// keyHead computes all of a segment's gradients that have to do with one key head.
func (g *gradients) keyHead(s Segment, kvHead int) {
	b := backwards.Get().(*backward)
	defer backwards.Put(b)
	g.clearKeys(s.K0, s.K1, kvHead)
	for head := kvHead * g.group(); head < (kvHead+1)*g.group(); head++ {
		for i := range s.views() {
			g.rowOfBlocks(b, s, s.view(i, g.Config), head, wanted{keys: true, queries: true})
		}
	}
}

// queryBlock computes dq of one block of queries.
func (g *gradients) queryBlock(s Segment, i, head int) {
	b := backwards.Get().(*backward)
	defer backwards.Put(b)
	g.rowOfBlocks(b, s, s.view(i, g.Config), head, wanted{queries: true})
}

// rowOfBlocks goes through the keys that a block of queries sees.
func (g *gradients) rowOfBlocks(b *backward, s Segment, w view, head int, want wanted) {
	for i := range w.n {
		clear(g.dq.at(w.row+i, head, g.HeadDim))
	}
	g.deltas(b, w, head)
	for key, end := w.keys(); key < end; key += block {
		g.step(b, s, w, head, key, min(block, end-key), want)
	}
}

// keyBlock computes dk and dv of one block of keys.
func (g *gradients) keyBlock(s Segment, i, kvHead int) {
	b := backwards.Get().(*backward)
	defer backwards.Put(b)
	key := i * block
	g.clearKeys(s.K0+key, min(s.K1, s.K0+key+block), kvHead)
	for head := kvHead * g.group(); head < (kvHead+1)*g.group(); head++ {
		for i := range s.views() {
			w := s.view(i, g.Config)
			if start, end := w.keys(); start <= key && key < end {
				g.deltas(b, w, head)
				g.step(b, s, w, head, key, min(block, end-key), wanted{keys: true})
			}
		}
	}
}

func (g *gradients) clearKeys(from, to, kvHead int) {
	for row := from; row < to; row++ {
		clear(g.dk.at(row, kvHead, g.HeadDim))
		clear(g.dv.at(row, kvHead, g.HeadDim))
	}
}

func (g *gradients) deltas(b *backward, w view, head int) {
	for i := range w.n {
		row := w.row + i
		b.lse[i] = g.lse[row*g.Heads+head]
		b.delta[i] = vec.Dot(g.dout.at(row, head, g.HeadDim), g.out.at(row, head, g.HeadDim))
	}
}

// step adds what a block of queries and the block of n keys from key on have to do with each other.
func (g *gradients) step(b *backward, s Segment, w view, head, key, n int, want wanted) {
	dim, kvHead, row := g.HeadDim, head/g.group(), s.K0+key
	from, to := w.seeing(key, n)
	rows, first := to-from, w.row+from
	q, dout := g.q.tile(first, rows, head, dim), g.dout.tile(first, rows, head, dim)
	k, v := g.k.tile(row, n, kvHead, dim), g.v.tile(row, n, kvHead, dim)

	scores, grads := b.p[:rows*block], b.ds[:rows*block]
	gemm.Serial(scores, block, q, k.T(), false)
	scale := g.scores(scores, b.tanh[:])
	gemm.Serial(grads, block, dout, v.T(), false)
	vec.SoftmaxBlockBackward(scores, grads, b.lse[from:to], b.delta[from:to], w.band(from, key), scale, g.Scale)
	if g.SoftCap != 0 {
		vec.TanhBackward(grads, grads, b.tanh[:rows*block])
	}
	p, ds := gemm.F32Stride(b.p[:], rows, n, block), gemm.F32Stride(b.ds[:], rows, n, block)
	if want.keys {
		gemm.Serial(g.dv.from(row, kvHead, dim), g.dv.Stride, p.T(), dout, true)
		gemm.Serial(g.dk.from(row, kvHead, dim), g.dk.Stride, ds.T(), q, true)
	}
	if want.queries {
		gemm.Serial(g.dq.from(first, head, dim), g.dq.Stride, ds, k, true)
	}
}
