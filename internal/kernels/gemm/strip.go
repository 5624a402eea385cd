package gemm

import (
	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/internal/dtype"
)

// A strip is a row of tiles: a panel of A, rows high and steps deep, times several panels of B side by
// side, which is added to rows of C.
type strip struct {
	rows, steps   int
	a             []float32 // element (i, s) is at i·aRow + s·aStep
	aRow, aStep   int
	follows       bool // the rows of A that are next lie below the panel
	b             []float32
	bStep, bPanel int // to the next step, to the next panel
	width         int // of a panel of B
	panels, last  int // how many there are, and the columns of C in the last
	direct        bool
	c             []float32
	ldc           int
	from          []float32 // what the sums start from, as c, in rows fromRow apart; nil for 0
	fromRow       int
	scale         float32 // multiplies the sums at last; 0 and 1 do not
}

// setA prepares a panel of A for n columns: where it lies, if the micro-kernel can read it there well,
// or else as a copy. Rows that are not the next ones, every so many, are those of an A for which [plan.every]
// has found that it can.
func (s *strip) setA(p *plan, w *workspace, t *term, v span, every, n int) {
	l := &t.a
	s.rows, s.steps, s.follows = v.lane1-v.lane0, v.steps, false
	if p.strided && l.typ == dtype.F32 && l.blocks == nil && !(l.collides(p.rows) && n > 4*p.narrow) {
		s.a, s.aRow, s.aStep = l.f32[v.lane0*l.lane+v.step*l.step:], l.lane*every, l.step
		s.follows = l.step == 1 && every == 1
		return
	}
	if p.strided && l.alongRows() {
		s.aRow, s.aStep = v.steps+16, 1
		w.a.reserve(s.rows * s.aRow)
		s.a = w.a.buffer
		for i := range s.rows {
			l.read(s.a[i*s.aRow:i*s.aRow+v.steps], v.lane0+i, v.step)
		}
		return
	}
	w.a.fill(p.impl, l, v, s.rows, 0, !p.strided)
	s.a, s.aRow, s.aStep = w.a.list[0].data, 1, w.a.list[0].step
}

// setB takes panels of a block of B, of which the last covers last columns of C.
func (s *strip) setB(list []panel, last int, v *panels) {
	b := &list[0]
	s.b, s.bStep, s.bPanel = b.data, b.step, v.distance
	s.width, s.panels, s.last, s.direct = b.width, len(list), last, v.direct
	if v.direct {
		s.bPanel = b.width
	}
}

// run computes the strip.
func (s *strip) run(impl cpu.Implementation, w *workspace) {
	if s.vector(impl) {
		return
	}
	for p := range s.panels {
		cols := s.width
		if p == s.panels-1 {
			cols = s.last
		}
		s.tile(impl, w.tail[:], p*s.width, p*s.bPanel, cols)
	}
}

// tile computes columns j to j+cols of the strip by the micro-kernel for single tiles. One that sticks
// out of C goes through scratch memory.
func (s *strip) tile(impl cpu.Implementation, scratch []float32, j, at, cols int) {
	c, ldc := s.c[j:], s.ldc
	if cols < s.width {
		c, ldc = scratch, s.width
	}
	if s.from != nil {
		copyRows(c, ldc, s.from[j:], s.fromRow, s.rows, cols)
	}
	a := panel{data: s.a, step: s.aStep, width: s.rows}
	b := panel{data: s.b[at:], step: s.bStep, width: s.width}
	multiplyPanels(impl, s.rows, s.width, s.steps, &a, &b, c, ldc, s.from != nil)
	if s.scale != 0 && s.scale != 1 {
		for i := range s.rows {
			for x := range cols {
				c[i*ldc+x] *= s.scale
			}
		}
	}
	if cols < s.width {
		copyRows(s.c[j:], s.ldc, c, ldc, s.rows, cols)
	}
}

// copyRows copies rows × cols elements; nothing when they are in place.
func copyRows(dst []float32, dstRow int, src []float32, srcRow, rows, cols int) {
	if &dst[0] == &src[0] && dstRow == srcRow {
		return
	}
	for i := range rows {
		copy(dst[i*dstRow:i*dstRow+cols], src[i*srcRow:])
	}
}
