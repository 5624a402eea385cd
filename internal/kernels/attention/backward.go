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

	g := gradientsPool.Get().(*gradients)
	defer g.release()
	g.dq, g.dk, g.dv, g.dout, g.out, g.q, g.k, g.v, g.lse, g.segs, g.Config = dq, dk, dv, dout, out, q, k, v, lse, segs, c
	g.queries = queries
	g.rows = grow(g.rows, 2*queries*c.Heads)
	g.chains.set(segs, c.KVHeads)
	parallel.For(min(parallel.Workers(), len(g.chains.done)), 1, g.work)
}

// gradients is a call of Backward.
type gradients struct {
	dq, dk, dv, dout, out, q, k, v Heads
	lse                            []float32
	segs                           []Segment
	Config

	queries int
	rows    []float32 // (2, Heads, queries): lse, and D of each query
	chains  chains
	work    func(lo, hi int)
}

var gradientsPool = sync.Pool{New: func() any {
	g := new(gradients)
	g.work = g.compute
	return g
}}

// release drops what g holds of its caller's.
func (g *gradients) release() {
	g.dq, g.dk, g.dv, g.dout, g.out, g.q, g.k, g.v = Heads{}, Heads{}, Heads{}, Heads{}, Heads{}, Heads{}, Heads{}, Heads{}
	g.lse, g.segs = nil, nil
	gradientsPool.Put(g)
}

// compute computes columns until there are none left.
func (g *gradients) compute(int, int) {
	b := backwards.Get().(*backward)
	defer b.release()
	for chain, column := g.chains.next(-1); chain >= 0; chain, column = g.chains.next(chain) {
		g.column(b, chain, column)
	}
}

// backward is the scratch space of one goroutine. What vectors walk along comes first, where memory of this
// size begins with a page, so that no vector is in two lines of the cache.
type backward struct {
	p    [tall * block]float32 // (queries, keys): scores, then probabilities
	_    [512]float32          // else a load of one waits for a store to the other, at the same place of a page
	ds   [tall * block]float32 // (queries, keys): dout·vᵀ, then the gradient by q·k
	tanh [tall * block]float32 // (queries, keys): tanh(score/SoftCap)

	keys, keysT, valuesT gemm.Panels // of the column
	rows                 gemm.Panels // of the row
}

var backwards = sync.Pool{New: func() any { return new(backward) }}

func (b *backward) release() {
	for _, p := range []*gemm.Panels{&b.keys, &b.keysT, &b.valuesT, &b.rows} {
		p.Forget()
	}
	backwards.Put(b)
}

// column computes dk and dv of a block of keys, and adds to dq of all that see it.
func (g *gradients) column(b *backward, chain, column int) {
	// Whoever waits goes on in any case; a panic is raised again when all have ended.
	defer g.chains.end(chain, column)
	kvHead, s, key := g.chains.list[chain].kvHead, g.segs[g.chains.list[chain].seg], column*block
	n, row := min(block, s.K1-s.K0-key), s.K0+key
	k, v := g.k.tile(row, n, kvHead, g.HeadDim), g.v.tile(row, n, kvHead, g.HeadDim)
	b.keys.Set(k, false)
	b.keysT.Set(k.T(), false)
	b.valuesT.Set(v.T(), false)
	for i := range n {
		clear(g.dk.at(row+i, kvHead, g.HeadDim))
		clear(g.dv.at(row+i, kvHead, g.HeadDim))
	}
	for i := range g.group() * s.views() {
		head, w := kvHead*g.group()+i/s.views(), s.view(i%s.views(), g.Config)
		start, end := w.keys()
		if key < start || end <= key {
			continue
		}
		g.chains.await(chain, column, i)
		if key == start {
			g.prepare(w, head)
		}
		g.step(b, s, w, head, key, min(n, end-key))
		g.chains.finish(chain, column, i)
	}
}

// prepare computes what all columns need of a block of queries.
func (g *gradients) prepare(w view, head int) {
	lse, delta := g.row(w, head)
	for i := range lse {
		lse[i] = g.lse[(w.row+i)*g.Heads+head]
	}
	dout, out := g.dout.from(w.row, head, g.HeadDim), g.out.from(w.row, head, g.HeadDim)
	vec.DotRows(delta, dout, out, g.dout.Stride, g.out.Stride, g.HeadDim)
}

// row is the log-sum-exp, and D, of each query of a block.
func (g *gradients) row(w view, head int) (lse, delta []float32) {
	at := head*g.queries + w.row
	return g.rows[at:][:w.n], g.rows[g.Heads*g.queries+at:][:w.n]
}

// step adds what a block of queries and the block of n keys from key on have to do with each other.
func (g *gradients) step(b *backward, s Segment, w view, head, key, n int) {
	dim, kvHead, row := g.HeadDim, head/g.group(), s.K0+key
	from, to := w.seeing(key, n)
	rows, first := to-from, w.row+from
	q, dout := g.q.tile(first, rows, head, dim), g.dout.tile(first, rows, head, dim)

	scores, grads, upper := b.p[:rows*block], b.ds[:rows*block], w.upper(from, rows, key, n)
	multiplyScores(scores, q, &b.keysT, n, upper)
	scale := g.scores(scores, b.tanh[:])
	multiplyScores(grads, dout, &b.valuesT, n, upper)
	lse, delta := g.row(w, head)
	vec.SoftmaxBlockBackward(scores, grads, lse[from:to], delta[from:to], w.band(from, key), scale, g.Scale)
	if g.SoftCap != 0 {
		vec.TanhBackward(grads, grads, b.tanh[:rows*block])
	}

	p, ds := gemm.F32Stride(b.p[:], rows, n, block), gemm.F32Stride(b.ds[:], rows, n, block)
	addTransposed(g.dv.from(row, kvHead, dim), g.dv.Stride, p, dout, &b.rows, upper)
	addTransposed(g.dk.from(row, kvHead, dim), g.dk.Stride, ds, q, &b.rows, upper)

	some, all := w.first(key, from, to)
	if some && !all {
		for i := range w.n {
			clear(g.dq.at(w.row+i, head, dim))
		}
	}
	multiplyWeights(g.dq.from(first, head, dim), g.dq.Stride, ds, &b.keys, dim, upper, !all)
}
