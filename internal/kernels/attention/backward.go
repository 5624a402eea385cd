package attention

import (
	"math"
	"runtime"
	"sync"
	"sync/atomic"

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
	g.line(parallel.Workers())
	parallel.For(min(parallel.Workers(), len(g.columns)), 1, g.work)
}

// gradients is a call of Backward.
type gradients struct {
	dq, dk, dv, dout, out, q, k, v Heads
	lse                            []float32
	segs                           []Segment
	Config

	queries int
	rows    []float32    // (2, Heads, queries): lse, and D of each query
	columns []column     // in the order in which they are begun
	latest  []int        // of line
	next    atomic.Int64 // of columns
	work    func(lo, hi int)
}

// A column is what a block of keys has to do with the queries of all heads that share its key head. Its
// rows are blocks of queries, head by head, and it adds to dk and dv of its keys in that order. It adds to
// dq of a row after the column of the block before it, and before that of the block behind it. So several
// goroutines can work on the columns of one key head, each at least a row behind the one before it.
type column struct {
	seg, kvHead, block int
	before             int          // the index of the column of the block before it; -1 for none
	rows               atomic.Int64 // up to where they are done
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

// line puts the columns in line: those of as many key heads in turn as there are workers, which do not
// wait for each other. Where fewer heads are left, several workers meet in one.
func (g *gradients) line(workers int) {
	g.next.Store(0)
	g.columns = g.columns[:0]
	heads := len(g.segs) * g.KVHeads
	for first := 0; first < heads; first += workers {
		g.latest = g.latest[:0]
		for range min(workers, heads-first) {
			g.latest = append(g.latest, -1)
		}
		for block, more := 0, true; more; block++ {
			more = false
			for i, before := range g.latest {
				seg := (first + i) / g.KVHeads
				if block >= g.segs[seg].keyBlocks() {
					continue
				}
				g.latest[i], more = len(g.columns), true
				g.columns = append(g.columns, column{seg: seg, kvHead: (first + i) % g.KVHeads, block: block, before: before})
			}
		}
	}
}

// compute computes columns until there are none left. What a column waits for was begun before it, by a
// goroutine that is at work on it.
func (g *gradients) compute(int, int) {
	b := backwards.Get().(*backward)
	defer b.release()
	for i := g.next.Add(1) - 1; i < int64(len(g.columns)); i = g.next.Add(1) - 1 {
		g.column(b, &g.columns[i])
	}
}

// backward is the scratch space of one goroutine.
type backward struct {
	keys, keysT, valuesT gemm.Panels           // of the column
	rows                 gemm.Panels           // of the row
	p                    [tall * block]float32 // (queries, keys): scores, then probabilities
	ds                   [tall * block]float32 // (queries, keys): dout·vᵀ, then the gradient by q·k
	tanh                 [tall * block]float32 // (queries, keys): tanh(score/SoftCap)
}

var backwards = sync.Pool{New: func() any { return new(backward) }}

func (b *backward) release() {
	for _, p := range []*gemm.Panels{&b.keys, &b.keysT, &b.valuesT, &b.rows} {
		p.Forget()
	}
	backwards.Put(b)
}

// column computes dk and dv of a block of keys, and adds to dq of all that see it.
func (g *gradients) column(b *backward, c *column) {
	// Whoever waits goes on in any case; a panic is raised again when all have ended.
	defer c.rows.Store(math.MaxInt64)
	s, key := g.segs[c.seg], c.block*block
	n, row := min(block, s.K1-s.K0-key), s.K0+key
	k, v := g.k.tile(row, n, c.kvHead, g.HeadDim), g.v.tile(row, n, c.kvHead, g.HeadDim)
	b.keys.Set(k, false)
	b.keysT.Set(k.T(), false)
	b.valuesT.Set(v.T(), false)
	for i := range n {
		clear(g.dk.at(row+i, c.kvHead, g.HeadDim))
		clear(g.dv.at(row+i, c.kvHead, g.HeadDim))
	}
	for i := range g.group() * s.views() {
		head, w := c.kvHead*g.group()+i/s.views(), s.view(i%s.views(), g.Config)
		start, end := w.keys()
		if key < start || end <= key {
			continue
		}
		if c.before >= 0 {
			g.columns[c.before].await(i)
		}
		if key == start {
			g.prepare(w, head)
		}
		g.step(b, s, w, head, key, min(n, end-key))
		c.rows.Store(int64(i + 1))
	}
}

// await returns when row i is done, or will never be.
func (c *column) await(i int) {
	for c.rows.Load() <= int64(i) {
		runtime.Gosched()
	}
}

// prepare computes what all columns need of a block of queries.
func (g *gradients) prepare(w view, head int) {
	lse, delta := g.row(w, head)
	for i := range lse {
		row := w.row + i
		lse[i] = g.lse[row*g.Heads+head]
		delta[i] = vec.Dot(g.dout.at(row, head, g.HeadDim), g.out.at(row, head, g.HeadDim))
	}
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
