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
	width    int         // of a row of xbc
	xbc      []float32   // (rows, Width) = [x | B | C]
	steps    []float32   // (rows, 2·Heads) = [e^(Δ·A) | Δ]
	skip     []float32   // D of every head
	states   [][]float32 // of each segment, (Values, StateDim): read and written; nil without caches
}

// column is where, in a row of [x | B | C], a column of values finds what it is computed from.
type column struct{ head, x, b, c int }

func (s *scan) column(col int) column {
	head := col / s.cfg.HeadDim
	group := head / (s.cfg.Heads / s.cfg.Groups)
	b := s.cfg.Values() + group*s.cfg.StateDim
	return column{head: head, x: col, b: b, c: b + s.cfg.Groups*s.cfg.StateDim}
}

// row is row t of [x | B | C].
func (s *scan) row(t int) []float32 { return s.xbc[t*s.width : (t+1)*s.width] }

// step returns e^(Δ·A) and Δ of a row and head.
func (s *scan) step(t, head int) (decay, step float32) {
	at := t*2*s.cfg.Heads + head
	return s.steps[at], s.steps[at+s.cfg.Heads]
}

// forward computes y (rows, Values). Columns do not depend on each other.
func (s *scan) forward(y []float32) {
	n := s.cfg.StateDim
	parallel.For(s.cfg.Values(), scanColumns, func(lo, hi int) {
		memory := borrow((hi - lo) * n)
		defer memory.release()
		for i, seg := range s.segments {
			h := memory.floats
			if s.states != nil {
				h = s.states[i][lo*n : hi*n]
			} else {
				clear(h)
			}
			for t := seg.Q0; t < seg.Q1; t += scanRows {
				for col := lo; col < hi; col++ {
					s.read(y, h[(col-lo)*n:(col-lo+1)*n], col, t, min(t+scanRows, seg.Q1))
				}
			}
		}
	})
}

// read takes a column's state over rows and reads y from it.
func (s *scan) read(y, h []float32, col, lo, hi int) {
	c, values := s.column(col), s.cfg.Values()
	for t := lo; t < hi; t++ {
		s.advance(h, c, t)
		row := s.row(t)
		y[t*values+col] = vec.Dot(h, row[c.c:c.c+len(h)]) + float32(s.skip[c.head]*row[c.x])
	}
}

// advance takes a column's state over one row.
func (s *scan) advance(h []float32, c column, t int) {
	row := s.row(t)
	decay, step := s.step(t, c.head)
	vec.Scale(h, h, decay)
	vec.Axpy(h, step*row[c.x], row[c.b:c.b+len(h)])
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
	parallel.For(b.cfg.parts(), 1, func(lo, hi int) {
		for part := lo; part < hi; part++ {
			w := scanWorker{scanBackward: b, sums: b.part(part)}
			clear(w.sums)
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
	b.addParts()
}

// addParts computes the gradients by B and C from their parts.
func (b *scanBackward) addParts() {
	n, values := b.cfg.StateDim, b.cfg.Values()
	each := b.cfg.parts() / b.cfg.Groups
	parallel.For(b.rows, rowGrain(2*n*b.cfg.parts()), func(lo, hi int) {
		for t := lo; t < hi; t++ {
			row := b.dxbc[t*b.width+values : (t+1)*b.width]
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
	through []float32 // (columns, StateDim): gradients by the states after a row
	before  []float32 // (spans, columns, StateDim): states before every span of a segment
}

// segment goes over a segment for columns [lo, hi) of a head: forward for the states before every
// span, then back, span by span.
func (w *scanWorker) segment(seg attention.Segment, lo, hi int) {
	n := w.cfg.StateDim
	size := (hi - lo) * n
	spans := (seg.Q1 - seg.Q0 + scanRows - 1) / scanRows
	memory := borrow((scanRows+1)*n + (1+spans)*size)
	defer memory.release()
	w.states, w.through, w.before = split(memory.floats, (scanRows+1)*n, size)
	clear(w.through)
	clear(w.before[:size])
	for i := 1; i < spans; i++ {
		copy(w.before[i*size:(i+1)*size], w.before[(i-1)*size:i*size])
		from := seg.Q0 + (i-1)*scanRows
		for col := lo; col < hi; col++ {
			h, c := w.before[i*size+(col-lo)*n:][:n], w.column(col)
			for t := from; t < from+scanRows; t++ {
				w.advance(h, c, t)
			}
		}
	}
	for i := spans - 1; i >= 0; i-- {
		from := seg.Q0 + i*scanRows
		for col := lo; col < hi; col++ {
			at := (col - lo) * n
			w.span(w.before[i*size+at:][:n], w.through[at:at+n], w.column(col), from, min(from+scanRows, seg.Q1))
		}
	}
}

// split cuts off two pieces of x.
func split(x []float32, n, m int) (a, b, rest []float32) { return x[:n], x[n : n+m], x[n+m:] }

// span goes back over rows for one column, given the state before them. With g the gradient by the
// state after a row:
//
//	g += dy·C,  dC += dy·h,  du = g·B,  dB += u·g  of u = Δ·x
//	dx = Δ·du + D·dy,  dΔ += x·du,  de^(Δ·A) += g·h',  g ← e^(Δ·A)·g  of h' before the row
func (w *scanWorker) span(before, g []float32, c column, lo, hi int) {
	n, heads, values := len(g), w.cfg.Heads, w.cfg.Values()
	copy(w.states, before)
	for t := lo; t < hi; t++ {
		i := t - lo
		h := w.states[(i+1)*n : (i+2)*n]
		copy(h, w.states[i*n:(i+1)*n])
		w.advance(h, c, t)
	}
	skip := w.skip[c.head]
	for t := hi - 1; t >= lo; t-- {
		i := t - lo
		previous, h := w.states[i*n:(i+1)*n], w.states[(i+1)*n:(i+2)*n]
		row, dy := w.row(t), w.dy[t*values+c.x]
		decay, step := w.step(t, c.head)
		db, dc, _ := split(w.sums[t*2*n:(t+1)*2*n], n, n)

		vec.Axpy(g, dy, row[c.c:c.c+n])
		vec.Axpy(dc, dy, h)
		du := vec.Dot(g, row[c.b:c.b+n])
		vec.Axpy(db, step*row[c.x], g)
		w.dxbc[t*w.width+c.x] = float32(step*du) + float32(skip*dy)
		dsteps := w.dsteps[t*2*heads+c.head:]
		dsteps[0] += vec.Dot(g, previous)
		dsteps[heads] += float32(row[c.x] * du)
		vec.Scale(g, g, decay)
	}
}
