package ops

import (
	"github.com/cultivar/cultivar/internal/kernels/attention"
	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/internal/parallel"
)

// scanBackward is the backward pass of a scan.
type scanBackward struct {
	*scan
	dy     []float32 // (rows, Values)
	dxbc   []float32 // out, (rows, Width)
	dsteps []float32 // out, (2, Heads, rows): gradients by e^(Δ·A) and Δ
	parts  []float32 // (parts, rows, 2·StateDim): gradients by B and C
}

// parts is how many sums the gradients by B and C have.
func (m Mamba2) parts() int { return m.Groups * min(maxParts, m.Heads/m.Groups) }

// heads returns the heads [from, to) of a part, all of one group.
func (m Mamba2) heads(part int) (from, to int) {
	each, group := m.parts()/m.Groups, m.Heads/m.Groups
	g, r := part/each, part%each
	return g*group + r*group/each, g*group + (r+1)*group/each
}

// part is the sums of a part, (rows, 2·StateDim) = [dB | dC].
func (b *scanBackward) part(i int) []float32 {
	n := b.rows * 2 * b.cfg.StateDim
	return b.parts[i*n : (i+1)*n]
}

// run computes the gradients. Every part of the heads is on one core, which goes through its heads and
// their columns in ascending order.
func (b *scanBackward) run() {
	clear(b.dsteps)
	parallel.For(b.cfg.parts(), 1, func(lo, hi int) {
		for part := lo; part < hi; part++ {
			sums := b.part(part)
			clear(sums)
			from, to := b.cfg.heads(part)
			for i := from * b.cfg.blocks(); i < to*b.cfg.blocks(); i++ {
				w := &blockBackward{block: b.block(i), all: b, sums: sums}
				w.ddecay, w.dstep = b.perHead(b.dsteps, w.head)
				for _, seg := range b.segments {
					w.segment(seg)
				}
			}
		}
	})
	b.addParts()
}

// addParts computes the gradients by B and C from their parts, which are added for each group,
// ascending.
func (b *scanBackward) addParts() {
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

// blockBackward goes back over the columns of a block.
type blockBackward struct {
	block
	all           *scanBackward
	sums          []float32 // of the part
	ddecay, dstep []float32 // (rows)
	x, dy, dx     tile
	states        []float32 // (scanRows + 1, StateDim): of one column, before the rows of a span and after each
}

// segment goes over a segment: forward for the states before every span, then back, span by span.
func (w *blockBackward) segment(seg attention.Segment) {
	n, values, width := w.cfg.StateDim, w.cfg.Values(), w.cfg.Width()
	size := (w.hi - w.lo) * n
	spans := (seg.Q1 - seg.Q0 + scanRows - 1) / scanRows
	memory := borrow((scanRows+1)*n + (1+spans)*size)
	defer memory.release()
	rest := memory.floats
	w.states, rest = rest[:(scanRows+1)*n], rest[(scanRows+1)*n:]
	g, before := rest[:size], rest[size:] // gradients by the states after a row; states before every span
	clear(g)
	clear(before[:size])
	for i := 1; i < spans; i++ {
		h, from := before[i*size:(i+1)*size], seg.Q0+(i-1)*scanRows
		copy(h, before[(i-1)*size:])
		w.load(&w.x, w.xbc, width, from, from+scanRows)
		for at := 0; at < size; at += n {
			for t := range scanRows {
				w.advance(h[at:at+n], h[at:at+n], w.x[at/n][t], from+t)
			}
		}
	}
	for i := spans - 1; i >= 0; i-- {
		from := seg.Q0 + i*scanRows
		to := min(from+scanRows, seg.Q1)
		w.load(&w.x, w.xbc, width, from, to)
		w.load(&w.dy, w.all.dy, values, from, to)
		for at := 0; at < size; at += n {
			copy(w.states, before[i*size+at:][:n])
			w.column(at/n, g[at:at+n], from, to)
		}
		w.store(w.all.dxbc, width, &w.dx, from, to)
	}
}

// column goes back over rows for one column; states begins with the one before them. With g the
// gradient by the state after a row:
//
//	g += dy·C,  dC += dy·h,  du = g·B,  dB += u·g  of u = Δ·x
//	dx = Δ·du + D·dy,  dΔ += x·du,  de^(Δ·A) += g·h',  g ← e^(Δ·A)·g  of h' before the row
func (w *blockBackward) column(col int, g []float32, from, to int) {
	n, x, dys, skip := len(g), &w.x[col], &w.dy[col], w.skip[w.head]
	for t := from; t < to; t++ {
		i := t - from
		w.advance(w.states[(i+1)*n:(i+2)*n], w.states[i*n:(i+1)*n], x[i], t)
	}
	for t := to - 1; t >= from; t-- {
		i := t - from
		before, h, dy := w.states[i*n:(i+1)*n], w.states[(i+1)*n:(i+2)*n], dys[i]
		db, dc := w.sums[t*2*n:][:n], w.sums[t*2*n+n:][:n]

		vec.Axpy(g, dy, w.c[t*n:(t+1)*n])
		vec.Axpy(dc, dy, h)
		du := vec.Dot(g, w.b[t*n:(t+1)*n])
		vec.Axpy(db, w.step[t]*x[i], g)
		w.dx[col][i] = float32(w.step[t]*du) + float32(skip*dy)
		w.dstep[t] += float32(x[i] * du)
		w.ddecay[t] += vec.Dot(g, before)
		vec.Scale(g, g, w.decay[t])
	}
}
