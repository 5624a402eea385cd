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

// columnGrain is how many columns of values a core takes at a time. They read the same queries and
// keys, which are worth fetching once.
const columnGrain = 16

// deltaPass is one run of the recurrence over the rows, forward or backward.
type deltaPass struct {
	deltaInputs
	spans       []span
	states      [][]float32 // of each segment: what it begins with, and is left with; nil where that is zero
	checkpoints []float32   // states, the n-th of them before row (n + 1)·every; nil when nobody asks
}

// query and key return a row's normalised vector of the head that serves a head of values.
func (in *deltaInputs) query(row, head int) []float32 {
	at := row*2*in.cfg.Queries() + head/(in.cfg.ValueHeads/in.cfg.KeyHeads)*in.cfg.KeyDim
	return in.qk[at : at+in.cfg.KeyDim]
}

func (in *deltaInputs) key(row, head int) []float32 {
	at := (row*2+1)*in.cfg.Queries() + head/(in.cfg.ValueHeads/in.cfg.KeyHeads)*in.cfg.KeyDim
	return in.qk[at : at+in.cfg.KeyDim]
}

// value returns a row's element of a column of all values.
func (in *deltaInputs) value(row, col int) float32 {
	return in.qkv[row*in.cfg.Width()+2*in.cfg.Queries()+col]
}

// gatesOf returns e^g and β of a row and head.
func (in *deltaInputs) gatesOf(row, head int) (decay, beta float32) {
	at := row * 2 * in.cfg.ValueHeads
	return in.gates[at+head], in.gates[at+in.cfg.ValueHeads+head]
}

// checkpoint returns the states of columns from col on before the first row of a span that begins
// where there is one.
func (p *deltaPass) checkpoint(s span, col int) []float32 {
	return p.checkpoints[(s.lo/p.cfg.every-1)*p.cfg.state()+col*p.cfg.KeyDim:]
}

// forward computes y (rows, Values). Columns are independent of each other.
func (p *deltaPass) forward(y []float32) {
	dim := p.cfg.KeyDim
	parallel.For(p.cfg.Values(), columnGrain, func(lo, hi int) {
		state := make([]float32, (hi-lo)*dim)
		for _, s := range p.spans {
			switch {
			case s.first && p.states != nil:
				copy(state, p.states[s.segment][lo*dim:])
			case s.first:
				clear(state)
			case p.checkpoints != nil:
				copy(p.checkpoint(s, lo), state)
			}
			for c := lo; c < hi; c++ {
				p.advance(y, state[(c-lo)*dim:(c-lo+1)*dim], c, s)
			}
			if s.last && p.states != nil {
				copy(p.states[s.segment][lo*dim:], state)
			}
		}
	})
}

// advance takes a column's state over the rows of a span.
func (p *deltaPass) advance(y, state []float32, col int, s span) {
	head := col / p.cfg.ValueDim
	for t := s.lo; t < s.hi; t++ {
		k := p.key(t, head)
		decay, beta := p.gatesOf(t, head)
		vec.Scale(state, state, decay)
		vec.Axpy(state, beta*(p.value(t, col)-vec.Dot(k, state)), k)
		y[t*p.cfg.Values()+col] = vec.Dot(p.query(t, head), state)
	}
}

// backward computes the gradients by [q | k | v], dx (rows, Width), of which those by q and k are by
// normalised ones, and by [g | β], dgates (rows, 2·ValueHeads), given dy (rows, Values). Sums over the
// columns of the values go on from head to head of a key's, ascending.
func (p *deltaPass) backward(dx, dgates, dy []float32) {
	cfg := p.cfg
	group := cfg.ValueHeads / cfg.KeyHeads
	parallel.For(cfg.KeyHeads, 1, func(lo, hi int) {
		w := newDeltaWorker(p, dx, dgates, dy)
		for head := lo * group; head < hi*group; head++ {
			if head%group == 0 {
				w.clear(head)
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
	dx, dgates, dy []float32

	grad    []float32 // D, (ValueDim, KeyDim)
	decayed []float32 // (every, KeyDim): e^g·S of each row of the span, one column
	state   []float32 // (KeyDim)
	rest    []float32 // (every): v − Sᵀk of each row, one column
	through []float32 // (every): Σ β·rest·dy over the head's columns
}

func newDeltaWorker(p *deltaPass, dx, dgates, dy []float32) *deltaWorker {
	dim, rows := p.cfg.KeyDim, min(p.cfg.every, p.rows)
	return &deltaWorker{
		deltaPass: p, dx: dx, dgates: dgates, dy: dy,
		grad: make([]float32, p.cfg.ValueDim*dim), decayed: make([]float32, rows*dim), state: make([]float32, dim),
		rest: make([]float32, rows), through: make([]float32, rows),
	}
}

// queryGradient and keyGradient are where the gradients of a row's query and key go.
func (w *deltaWorker) queryGradient(row, head int) []float32 {
	at := row*w.cfg.Width() + head/(w.cfg.ValueHeads/w.cfg.KeyHeads)*w.cfg.KeyDim
	return w.dx[at : at+w.cfg.KeyDim]
}

func (w *deltaWorker) keyGradient(row, head int) []float32 {
	return w.dx[row*w.cfg.Width()+w.cfg.Queries()+head/(w.cfg.ValueHeads/w.cfg.KeyHeads)*w.cfg.KeyDim:][:w.cfg.KeyDim]
}

// clear sets the gradients by a head's queries and keys to zero.
func (w *deltaWorker) clear(head int) {
	for t := range w.rows {
		clear(w.queryGradient(t, head))
		clear(w.keyGradient(t, head))
	}
}

// span goes back over a span, in which the head's columns follow each other.
func (w *deltaWorker) span(s span, head int) {
	if s.last {
		clear(w.grad)
	}
	n := w.cfg.ValueHeads
	for t := s.lo; t < s.hi; t++ {
		w.dgates[t*2*n+head], w.dgates[t*2*n+n+head] = 0, 0
	}
	clear(w.through)
	dim := w.cfg.KeyDim
	for j := range w.cfg.ValueDim {
		col := head*w.cfg.ValueDim + j
		w.replay(s, head, col)
		w.retreat(s, head, col, w.grad[j*dim:(j+1)*dim])
	}
	for t := s.lo; t < s.hi; t++ {
		vec.Axpy(w.queryGradient(t, head), w.through[t-s.lo], w.key(t, head))
	}
}

// replay computes what the forward pass did not keep of a column.
func (w *deltaWorker) replay(s span, head, col int) {
	dim := w.cfg.KeyDim
	clear(w.state)
	if !s.first {
		copy(w.state, w.checkpoint(s, col))
	}
	for t := s.lo; t < s.hi; t++ {
		i, k := t-s.lo, w.key(t, head)
		decay, beta := w.gatesOf(t, head)
		decayed := w.decayed[i*dim : (i+1)*dim]
		vec.Scale(decayed, w.state, decay)
		w.rest[i] = w.value(t, col) - vec.Dot(k, decayed)
		copy(w.state, decayed)
		vec.Axpy(w.state, beta*w.rest[i], k)
	}
}

// retreat takes D of a column back over the rows of a span. With S' = e^g·S, r = v − S'ᵀk and
// δ = β·r, of which S' + k ⊗ δ is the state after the row:
//
//	D += q ⊗ dy,  dq = S'·dy + k·(δ·dy),  dδ = Dᵀk,  dk = D·δ − S'·(β·dδ),  dβ = dδ·r,  dv = β·dδ
//	dS' = D − k ⊗ β·dδ,  dg = Σ dS'·S',  D = e^g·dS'
func (w *deltaWorker) retreat(s span, head, col int, grad []float32) {
	cfg, dim := w.cfg, w.cfg.KeyDim
	for t := s.hi - 1; t >= s.lo; t-- {
		i, k, dk := t-s.lo, w.key(t, head), w.keyGradient(t, head)
		decay, beta := w.gatesOf(t, head)
		decayed, dy := w.decayed[i*dim:(i+1)*dim], w.dy[t*cfg.Values()+col]
		delta := beta * w.rest[i]
		vec.Axpy(grad, dy, w.query(t, head))
		vec.Axpy(w.queryGradient(t, head), dy, decayed)
		w.through[i] += float32(delta * dy)

		ddelta := vec.Dot(k, grad)
		dv := beta * ddelta
		w.dx[t*cfg.Width()+2*cfg.Queries()+col] = dv
		w.dgates[t*2*cfg.ValueHeads+cfg.ValueHeads+head] += float32(ddelta * w.rest[i])
		vec.Axpy(dk, delta, grad)
		vec.Axpy(dk, -dv, decayed)
		vec.Axpy(grad, -dv, k)
		w.dgates[t*2*cfg.ValueHeads+head] += vec.Dot(grad, decayed)
		vec.Scale(grad, grad, decay)
	}
}
