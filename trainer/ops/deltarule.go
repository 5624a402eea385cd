package ops

import (
	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/internal/parallel"
)

// span is the rows of one segment between two checkpoints.
type span struct {
	lo, hi      int
	segment     int
	first, last bool // of its segment
}

// spansOf cuts the segments of a layout at every multiple of a number of rows.
func spansOf(l Layout, every int) []span {
	var list []span
	for i, s := range l.Segments {
		for lo := s.Q0; lo < s.Q1; {
			hi := min(s.Q1, (lo/every+1)*every)
			list = append(list, span{lo, hi, i, lo == s.Q0, hi == s.Q1})
			lo = hi
		}
	}
	return list
}

// columnGrain is how many columns of values are computed one after the other: they read the same
// queries and keys, and fill a line of the cache.
const columnGrain = 16

// deltaPass is one run of the recurrence over the rows, forward or backward.
type deltaPass struct {
	deltaInputs
	spans       []span
	states      [][]float32 // of each segment: what it begins with, and is left with; nil where that is zero
	checkpoints []float32   // states, the n-th of them before row (n + 1)·every; nil when nobody asks
}

// checkpoint returns the states of columns from col on before the first row of a span that begins
// where there is one.
func (p *deltaPass) checkpoint(s span, col int) []float32 {
	return p.checkpoints[(s.lo/p.cfg.every-1)*p.cfg.state()+col*p.cfg.KeyDim:]
}

// longest is the most rows of a span.
func (p *deltaPass) longest() int { return min(p.cfg.every, p.rows) }

// gather copies columns of values from col on, (rows, Values) of a matrix with stride columns, so that
// each is consecutive; scatter puts them back.
func (s span) gather(dst, src []float32, stride, col, n int) {
	rows := s.hi - s.lo
	for t := range rows {
		for c, v := range src[(s.lo+t)*stride+col:][:n] {
			dst[c*rows+t] = v
		}
	}
}

func (s span) scatter(dst, src []float32, stride, col, n int) {
	rows := s.hi - s.lo
	for t := range rows {
		row := dst[(s.lo+t)*stride+col:][:n]
		for c := range row {
			row[c] = src[c*rows+t]
		}
	}
}

// forward computes y (rows, Values). Columns are independent of each other.
func (p *deltaPass) forward(y []float32) {
	parallel.For(p.cfg.Values(), columnGrain, func(lo, hi int) {
		for ; lo < hi; lo += columnGrain {
			p.block(y, lo, min(lo+columnGrain, hi))
		}
	})
}

// block computes columns [lo, hi) of y.
func (p *deltaPass) block(y []float32, lo, hi int) {
	dim, n := p.cfg.KeyDim, hi-lo
	memory := borrow(n * (dim + p.longest()))
	defer memory.release()
	state, values := memory.floats[:n*dim], memory.floats[n*dim:]
	for _, s := range p.spans {
		switch {
		case s.first && p.states != nil:
			copy(state, p.states[s.segment][lo*dim:])
		case s.first:
			clear(state)
		case p.checkpoints != nil:
			copy(p.checkpoint(s, lo), state)
		}
		s.gather(values, p.qkv[2*p.cfg.Queries():], p.cfg.Width(), lo, n)
		rows := s.hi - s.lo
		for c := range n {
			p.advance(values[c*rows:(c+1)*rows], state[c*dim:(c+1)*dim], (lo+c)/p.cfg.ValueDim, s.lo)
		}
		s.scatter(y, values, p.cfg.Values(), lo, n)
		if s.last && p.states != nil {
			copy(p.states[s.segment][lo*dim:], state)
		}
	}
}

// advance takes the state of a head's column over rows from a first one on, and turns its values into
// what is read.
func (p *deltaPass) advance(values, state []float32, head, first int) {
	dim := p.cfg.KeyDim
	q, k := p.vectors(p.qk, head)
	decay, beta := p.perHead(p.gates, head)
	for i, v := range values {
		t := first + i
		vec.Scale(state, state, decay[t])
		key := k[t*dim : (t+1)*dim]
		vec.Axpy(state, beta[t]*(v-vec.Dot(key, state)), key)
		values[i] = vec.Dot(q[t*dim:(t+1)*dim], state)
	}
}

// backward computes dv, the last columns of dx (rows, Width), and the gradients by normalised queries
// and keys, dqk, and by [g | β], dgates, which are laid out as qk and gates are; given dy (rows,
// Values). Sums over the columns of the values go on from head to head of a key's, ascending.
func (p *deltaPass) backward(dx, dqk, dgates, dy []float32) {
	group := p.cfg.ValueHeads / p.cfg.KeyHeads
	parallel.For(p.cfg.KeyHeads, 1, func(lo, hi int) {
		w := deltaWorker{deltaPass: p, dx: dx, dqk: dqk, dgates: dgates, dy: dy}
		defer w.borrow().release()
		for head := lo * group; head < hi*group; head++ {
			if head%group == 0 {
				dq, dk := p.vectors(dqk, head)
				clear(dq)
				clear(dk)
			}
			for i := len(p.spans) - 1; i >= 0; i-- {
				w.span(p.spans[i], head)
			}
		}
	})
}

// deltaWorker is a backward pass's memory for one head at a time. With D the gradient by the state
// after a row, it goes back over the rows of a span.
type deltaWorker struct {
	*deltaPass
	dx, dqk, dgates, dy []float32

	grad    []float32 // D, (ValueDim, KeyDim)
	decayed []float32 // (rows, KeyDim): e^g·S of each row of the span, one column
	state   []float32 // (KeyDim)
	rest    []float32 // (rows): v − Sᵀk of each row, one column
	through []float32 // (rows): Σ β·rest·dy over the head's columns
	values  []float32 // (columnGrain, rows): v, and then dv
	reads   []float32 // (columnGrain, rows): dy
}

// borrow takes the memory.
func (w *deltaWorker) borrow() *loan {
	dim, rows := w.cfg.KeyDim, w.longest()
	memory := borrow((w.cfg.ValueDim+rows+1)*dim + 2*(columnGrain+1)*rows)
	rest := memory.floats
	take := func(n int) (part []float32) {
		part, rest = rest[:n], rest[n:]
		return part
	}
	w.grad, w.decayed, w.state = take(w.cfg.ValueDim*dim), take(rows*dim), take(dim)
	w.rest, w.through = take(rows), take(rows)
	w.values, w.reads = take(columnGrain*rows), take(columnGrain*rows)
	return memory
}

// span goes back over a span, in which the head's columns follow each other.
func (w *deltaWorker) span(s span, head int) {
	if s.last {
		clear(w.grad)
	}
	cfg, dim, rows := w.cfg, w.cfg.KeyDim, s.hi-s.lo
	dg, dbeta := w.perHead(w.dgates, head)
	clear(dg[s.lo:s.hi])
	clear(dbeta[s.lo:s.hi])
	clear(w.through)
	for at := 0; at < cfg.ValueDim; at += columnGrain {
		n, col := min(columnGrain, cfg.ValueDim-at), head*cfg.ValueDim+at
		s.gather(w.values, w.qkv[2*cfg.Queries():], cfg.Width(), col, n)
		s.gather(w.reads, w.dy, cfg.Values(), col, n)
		for c := range n {
			v, dy := w.values[c*rows:(c+1)*rows], w.reads[c*rows:(c+1)*rows]
			w.replay(s, head, col+c, v)
			w.retreat(s, head, w.grad[(at+c)*dim:(at+c+1)*dim], v, dy)
		}
		s.scatter(w.dx[2*cfg.Queries():], w.values, cfg.Width(), col, n)
	}
	dq, _ := w.vectors(w.dqk, head)
	_, k := w.vectors(w.qk, head)
	for t := s.lo; t < s.hi; t++ {
		vec.Axpy(dq[t*dim:(t+1)*dim], w.through[t-s.lo], k[t*dim:(t+1)*dim])
	}
}

// replay computes what the forward pass did not keep of a column.
func (w *deltaWorker) replay(s span, head, col int, values []float32) {
	dim := w.cfg.KeyDim
	clear(w.state)
	if !s.first {
		copy(w.state, w.checkpoint(s, col))
	}
	_, k := w.vectors(w.qk, head)
	decay, beta := w.perHead(w.gates, head)
	for i, v := range values {
		t := s.lo + i
		key, decayed := k[t*dim:(t+1)*dim], w.decayed[i*dim:(i+1)*dim]
		vec.Scale(decayed, w.state, decay[t])
		w.rest[i] = v - vec.Dot(key, decayed)
		copy(w.state, decayed)
		vec.Axpy(w.state, beta[t]*w.rest[i], key)
	}
}

// retreat takes D of a column back over the rows of a span, and sets dv. With S' = e^g·S, r = v − S'ᵀk
// and δ = β·r, of which S' + k ⊗ δ is the state after the row:
//
//	D += q ⊗ dy,  dq = S'·dy + k·(δ·dy),  dδ = Dᵀk,  dk = D·δ − S'·(β·dδ),  dβ = dδ·r,  dv = β·dδ
//	dS' = D − k ⊗ β·dδ,  dg = Σ dS'·S',  D = e^g·dS'
func (w *deltaWorker) retreat(s span, head int, grad, dv, dy []float32) {
	dim := w.cfg.KeyDim
	q, k := w.vectors(w.qk, head)
	dq, dk := w.vectors(w.dqk, head)
	decay, beta := w.perHead(w.gates, head)
	dg, dbeta := w.perHead(w.dgates, head)
	for i := len(dy) - 1; i >= 0; i-- {
		t := s.lo + i
		lo, hi := t*dim, (t+1)*dim
		key, decayed := k[lo:hi], w.decayed[i*dim:(i+1)*dim]
		delta := beta[t] * w.rest[i]
		vec.Axpy(grad, dy[i], q[lo:hi])
		vec.Axpy(dq[lo:hi], dy[i], decayed)
		w.through[i] += float32(delta * dy[i])

		ddelta := vec.Dot(key, grad)
		dv[i] = beta[t] * ddelta
		dbeta[t] += float32(ddelta * w.rest[i])
		vec.Axpy(dk[lo:hi], delta, grad)
		vec.Axpy(dk[lo:hi], -dv[i], decayed)
		vec.Axpy(grad, -dv[i], key)
		dg[t] += vec.Dot(grad, decayed)
		vec.Scale(grad, grad, decay[t])
	}
}
