package ops

import (
	"github.com/cultivar/cultivar/internal/kernels/attention"
	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/internal/parallel"
)

const (
	// scanColumns is how many columns of values a core takes at a time. They read the same B and C,
	// which are worth fetching once, and lie on a line of the cache.
	scanColumns = 16
	// scanRows is how many rows a pass takes of each column in turn. The backward pass has the states
	// of so many rows of one column at a time, and one before every so many rows of scanColumns.
	scanRows = 64
	// maxParts is into how many runs a group's heads are divided, each of which has sums of its own for
	// the gradients by B and C. Unlike the other two it is part of the definition.
	maxParts = 16
)

// scan is one pass of a state space over all rows.
type scan struct {
	cfg      Mamba2
	segments []attention.Segment
	rows     int
	xbc      []float32   // (rows, Width) = [x | B | C]
	steps    []float32   // (rows, 2·Heads) = [e^(Δ·A) | Δ]
	skip     []float32   // D of every head
	states   [][]float32 // of each segment, (Values, StateDim): read and written; nil without caches
}

// step returns e^(Δ·A) and Δ of a row and head.
func (s *scan) step(t, head int) (decay, step float32) {
	at := t * 2 * s.cfg.Heads
	return s.steps[at+head], s.steps[at+s.cfg.Heads+head]
}

// b and c return the vectors of a row that a head reads.
func (s *scan) b(t, head int) []float32 {
	at := s.cfg.Values() + head/(s.cfg.Heads/s.cfg.Groups)*s.cfg.StateDim
	return s.xbc[t*s.cfg.Width()+at:][:s.cfg.StateDim]
}

func (s *scan) c(t, head int) []float32 {
	at := s.cfg.Values() + (s.cfg.Groups+head/(s.cfg.Heads/s.cfg.Groups))*s.cfg.StateDim
	return s.xbc[t*s.cfg.Width()+at:][:s.cfg.StateDim]
}

// forward computes y (rows, Values). Columns do not depend on each other.
func (s *scan) forward(y []float32) {
	n := s.cfg.StateDim
	parallel.For(s.cfg.Values(), scanColumns, func(lo, hi int) {
		var memory []float32
		for i, seg := range s.segments {
			var h []float32
			if s.states != nil {
				h = s.states[i][lo*n : hi*n]
			} else {
				memory = cleared(memory, (hi-lo)*n)
				h = memory
			}
			for t := seg.Q0; t < seg.Q1; t += scanRows {
				for col := lo; col < hi; col++ {
					s.read(y, h[(col-lo)*n:(col-lo+1)*n], col, t, min(t+scanRows, seg.Q1))
				}
			}
		}
	})
}

// cleared returns n zeros, in the memory of x if it is enough.
func cleared(x []float32, n int) []float32 {
	if cap(x) < n {
		return make([]float32, n)
	}
	clear(x[:n])
	return x[:n]
}

// read takes a column's state over rows and reads y from it.
func (s *scan) read(y, h []float32, col, lo, hi int) {
	head := col / s.cfg.HeadDim
	for t := lo; t < hi; t++ {
		s.advance(h, col, head, t)
		y[t*s.cfg.Values()+col] = vec.Dot(h, s.c(t, head)) + float32(s.skip[head]*s.xbc[t*s.cfg.Width()+col])
	}
}

// advance takes a column's state over one row.
func (s *scan) advance(h []float32, col, head, t int) {
	decay, step := s.step(t, head)
	vec.Scale(h, h, decay)
	vec.Axpy(h, step*s.xbc[t*s.cfg.Width()+col], s.b(t, head))
}

// parts is how many sums the gradients by B and C have.
func (m Mamba2) parts() int { return m.Groups * min(maxParts, m.Heads/m.Groups) }

// heads returns the heads [from, to) of a part, all of one group.
func (m Mamba2) heads(part int) (from, to int) {
	each, group := m.parts()/m.Groups, m.Heads/m.Groups
	g, r := part/each, part%each
	return g*group + r*group/each, g*group + (r+1)*group/each
}

// scanBackward is the backward pass of a scan.
type scanBackward struct {
	*scan
	dy     []float32 // (rows, Values)
	dxbc   []float32 // out, (rows, Width)
	dsteps []float32 // out, (rows, 2·Heads): gradients by e^(Δ·A) and Δ
	parts  []float32 // (parts, rows, 2·StateDim): gradients by B and C
}

// run computes the gradients. Every part of the heads is on one core, which goes through its heads and
// their columns in ascending order; the sums of the parts of a group are then added, ascending.
func (b *scanBackward) run() {
	clear(b.dsteps)
	clear(b.parts)
	parallel.For(b.cfg.parts(), 1, func(lo, hi int) {
		for part := lo; part < hi; part++ {
			w := &scanWorker{scanBackward: b, sums: b.part(part), states: make([]float32, (scanRows+1)*b.cfg.StateDim)}
			from, to := b.cfg.heads(part)
			for col := from * b.cfg.HeadDim; col < to*b.cfg.HeadDim; {
				end := min(col+scanColumns, (col/b.cfg.HeadDim+1)*b.cfg.HeadDim)
				for _, seg := range b.segments {
					w.segment(seg, col, end)
				}
				col = end
			}
		}
	})
	n, values, width := b.cfg.StateDim, b.cfg.Values(), b.cfg.Width()
	each := b.cfg.parts() / b.cfg.Groups
	parallel.For(b.rows, rowGrain(2*n*b.cfg.parts()), func(lo, hi int) {
		for t := lo; t < hi; t++ {
			row := b.dxbc[t*width+values : (t+1)*width]
			clear(row)
			for part := range b.cfg.parts() {
				g := part / each
				sums := b.part(part)[t*2*n : (t+1)*2*n]
				db, dc := row[g*n:(g+1)*n], row[(b.cfg.Groups+g)*n:(b.cfg.Groups+g+1)*n]
				vec.Add(db, db, sums[:n])
				vec.Add(dc, dc, sums[n:])
			}
		}
	})
}

// part is the sums of a part, (rows, 2·StateDim) = [dB | dC].
func (b *scanBackward) part(i int) []float32 {
	n := b.rows * 2 * b.cfg.StateDim
	return b.parts[i*n : (i+1)*n]
}

// scanWorker is what one core needs to go back over columns of one head.
type scanWorker struct {
	*scanBackward
	sums    []float32 // of the part
	states  []float32 // (scanRows + 1, StateDim): of one column, before the rows of a span and after each
	before  []float32 // (spans, columns, StateDim): states before every span of a segment
	through []float32 // (columns, StateDim): gradients by the states after a row
}

// segment goes over a segment for columns [lo, hi) of a head: forward for the states before every
// span, then back, span by span.
func (w *scanWorker) segment(seg attention.Segment, lo, hi int) {
	n, head := w.cfg.StateDim, lo/w.cfg.HeadDim
	size := (hi - lo) * n
	spans := (seg.Q1 - seg.Q0 + scanRows - 1) / scanRows
	w.before = cleared(w.before, spans*size)
	w.through = cleared(w.through, size)
	for i := 1; i < spans; i++ {
		copy(w.before[i*size:(i+1)*size], w.before[(i-1)*size:i*size])
		from := seg.Q0 + (i-1)*scanRows
		for col := lo; col < hi; col++ {
			h := w.before[i*size+(col-lo)*n:][:n]
			for t := from; t < from+scanRows; t++ {
				w.advance(h, col, head, t)
			}
		}
	}
	for i := spans - 1; i >= 0; i-- {
		from := seg.Q0 + i*scanRows
		for col := lo; col < hi; col++ {
			at := (col - lo) * n
			w.span(w.before[i*size+at:][:n], w.through[at:at+n], col, head, from, min(from+scanRows, seg.Q1))
		}
	}
}

// span goes back over rows for one column, given the state before them. With g the gradient by the
// state after a row:
//
//	g += dy·C,  dC += dy·h,  du = g·B,  dB += u·g  of u = Δ·x
//	dx = Δ·du + D·dy,  dΔ += x·du,  de^(Δ·A) += g·h',  g ← e^(Δ·A)·g  of h' before the row
func (w *scanWorker) span(before, g []float32, col, head, lo, hi int) {
	n, heads, width := w.cfg.StateDim, w.cfg.Heads, w.cfg.Width()
	copy(w.states, before)
	for t := lo; t < hi; t++ {
		i := t - lo
		h := w.states[(i+1)*n : (i+2)*n]
		copy(h, w.states[i*n:(i+1)*n])
		w.advance(h, col, head, t)
	}
	for t := hi - 1; t >= lo; t-- {
		i := t - lo
		previous, h := w.states[i*n:(i+1)*n], w.states[(i+1)*n:(i+2)*n]
		x, dy := w.xbc[t*width+col], w.dy[t*w.cfg.Values()+col]
		decay, step := w.step(t, head)
		db, dc := w.sums[t*2*n:][:n], w.sums[t*2*n+n:][:n]

		vec.Axpy(g, dy, w.c(t, head))
		vec.Axpy(dc, dy, h)
		du := vec.Dot(g, w.b(t, head))
		vec.Axpy(db, step*x, g)
		w.dxbc[t*width+col] = float32(step*du) + float32(w.skip[head]*dy)
		w.dsteps[t*2*heads+heads+head] += float32(x * du)
		w.dsteps[t*2*heads+head] += vec.Dot(g, previous)
		vec.Scale(g, g, decay)
	}
}
