package ops

import (
	"github.com/cultivar/cultivar/internal/kernels/attention"
	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/internal/parallel"
)

const (
	// scanColumns is how many columns of a head a core takes at a time. They read the same B and C,
	// which are worth fetching once.
	scanColumns = 16
	// scanRows is how many rows a pass takes of each column in turn. The backward pass has the states
	// of so many rows of one column at a time, and one before every so many rows of scanColumns.
	scanRows = 64
	// maxParts is into how many runs a group's heads are divided, each of which has sums of its own for
	// the gradients by B and C. Unlike the other two it is part of the definition.
	maxParts = 16
)

// scan is one pass of a state space over all rows. What is read row by row is consecutive, so that
// rows do not drive each other out of the cache.
type scan struct {
	cfg      Mamba2
	segments []attention.Segment
	rows     int
	xbc      []float32   // (rows, Width), as it came
	bc       []float32   // (2, Groups, rows, StateDim): B, C
	steps    []float32   // (2, Heads, rows): e^(Δ·A), Δ
	skip     []float32   // D of every head
	states   [][]float32 // of each segment, (Values, StateDim): read and written; nil without caches
}

// gather fills in bc.
func (s *scan) gather() {
	n, values, width := s.cfg.StateDim, s.cfg.Values(), s.cfg.Width()
	parallel.For(s.rows, rowGrain(width), func(lo, hi int) {
		for t := lo; t < hi; t++ {
			for i := range 2 * s.cfg.Groups {
				copy(s.bc[(i*s.rows+t)*n:][:n], s.xbc[t*width+values+i*n:])
			}
		}
	})
}

// perHead returns the two numbers of each row for a head, of steps or what is laid out as they are.
func (s *scan) perHead(steps []float32, head int) (decay, step []float32) {
	at, half := head*s.rows, s.cfg.Heads*s.rows
	return steps[at : at+s.rows], steps[half+at : half+at+s.rows]
}

// block is some columns of one head, and what they have in common.
type block struct {
	*scan
	head, lo, hi int
	decay, step  []float32 // (rows)
	b, c         []float32 // (rows, StateDim)
}

// blocks is how many blocks a head has.
func (m Mamba2) blocks() int { return (m.HeadDim + scanColumns - 1) / scanColumns }

// block returns the i-th block of all heads.
func (s *scan) block(i int) block {
	head, at := i/s.cfg.blocks(), i%s.cfg.blocks()*scanColumns
	b := block{scan: s, head: head, lo: head*s.cfg.HeadDim + at, hi: head*s.cfg.HeadDim + min(at+scanColumns, s.cfg.HeadDim)}
	b.decay, b.step = s.perHead(s.steps, head)
	size, half := s.rows*s.cfg.StateDim, len(s.bc)/2
	g := head / (s.cfg.Heads / s.cfg.Groups) * size
	b.b, b.c = s.bc[g:g+size], s.bc[half+g:half+g+size]
	return b
}

// tile is the values of a block's columns in the rows of a span, column by column.
type tile [scanColumns][scanRows]float32

// load fills a tile with rows [from, to) of x, whose rows are stride apart.
func (b *block) load(d *tile, x []float32, stride, from, to int) {
	for t := from; t < to; t++ {
		for i, v := range x[t*stride+b.lo : t*stride+b.hi] {
			d[i][t-from] = v
		}
	}
}

// store is the inverse of load.
func (b *block) store(x []float32, stride int, d *tile, from, to int) {
	for t := from; t < to; t++ {
		row := x[t*stride+b.lo : t*stride+b.hi]
		for i := range row {
			row[i] = d[i][t-from]
		}
	}
}

// forward computes y (rows, Values). Columns do not depend on each other.
func (s *scan) forward(y []float32) {
	n := s.cfg.StateDim
	parallel.For(s.cfg.Heads*s.cfg.blocks(), 1, func(lo, hi int) {
		memory := borrow(scanColumns * n)
		defer memory.release()
		for i := lo; i < hi; i++ {
			b := s.block(i)
			for i, seg := range s.segments {
				h := memory.floats[:(b.hi-b.lo)*n]
				if s.states != nil {
					h = s.states[i][b.lo*n : b.hi*n]
				} else {
					clear(h)
				}
				b.segment(y, h, seg)
			}
		}
	})
}

// segment takes the block's states over a segment and reads y from them.
func (b *block) segment(y, h []float32, seg attention.Segment) {
	var x, out tile
	n, values, skip := b.cfg.StateDim, b.cfg.Values(), b.skip[b.head]
	for from := seg.Q0; from < seg.Q1; from += scanRows {
		to := min(from+scanRows, seg.Q1)
		b.load(&x, b.xbc, b.cfg.Width(), from, to)
		for col := range b.hi - b.lo {
			h := h[col*n : (col+1)*n]
			for t := from; t < to; t++ {
				v := x[col][t-from]
				b.advance(h, h, v, t)
				out[col][t-from] = vec.Dot(h, b.c[t*n:(t+1)*n]) + float32(skip*v)
			}
		}
		b.store(y, values, &out, from, to)
	}
}

// advance sets h to a column's state after row t, in which it has the value x, given the one before.
func (b *block) advance(h, before []float32, x float32, t int) {
	vec.Scale(h, before, b.decay[t])
	vec.Axpy(h, b.step[t]*x, b.b[t*len(h):(t+1)*len(h)])
}
