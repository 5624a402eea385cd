package gemm

import (
	"slices"
	"sync"

	"github.com/cultivar/cultivar/internal/kernels/vec"
)

// A workspace is what one goroutine needs to compute tiles.
type workspace struct {
	segments []segment // a block of B
	packed   []float32 // the panels of all of them
	a        panels    // a single one, of A
	turned   []float32
	strip    strip
	dots     dots
	tail     [14 * 32]float32
}

// A segment is a piece of the sums: steps of a term, with the panels of B that belong to them.
type segment struct {
	t         *term
	at, steps int
	b         panels
}

var workspaces = sync.Pool{New: func() any { return new(workspace) }}

// blockSize is how many elements of B are packed at a time: 1 MiB, which stay in the second-level
// cache while the rows of A pass by.
const blockSize = 1 << 18

// depth is how many steps along k are packed at a time where that is all the same: a panel of B of
// that depth stays in the first-level cache.
const depth = 256

// inPlaceSize is how many elements of B are read where they are until all rows of A have passed by: lines
// of so few rows that the processor sees in which order they are read, page by page.
const inPlaceSize = 3 << 13

// An area is the part of C that a tile covers, and where it is computed.
type area struct {
	i0, i1, j0, j1 int
	c              []float32 // begins with element (i0, j0)
	ldc            int
	from           []float32 // what the sums start from, as c; nil for 0
	fromRow        int
}

// tile computes tile t of C, counted along rows.
func (p *plan) tile(w *workspace, t int) {
	var a area
	a.i0, a.i1 = p.down.piece(t / p.across.pieces)
	a.j0, a.j1 = p.across.piece(t % p.across.pieces)
	if p.dots {
		p.dotTile(w, a.j0, a.j1)
		p.addPlus(0, p.m, a.j0, a.j1)
		return
	}
	if p.turned {
		p.turnIn(w, &a)
	} else {
		a.c, a.ldc = p.c[a.i0*p.ldc+a.j0:], p.ldc
		switch {
		case p.accumulate:
			a.from, a.fromRow = a.c, a.ldc
		case p.bias != nil:
			a.from, a.fromRow = p.bias[a.j0:], 0
		}
	}
	p.add(w, &a)
	if p.turned {
		p.turnOut(&a)
		p.addPlus(a.j0, a.j1, a.i0, a.i1)
	}
}

// addPlus completes rows r0 to r1 and columns c0 to c1 of C.
func (p *plan) addPlus(r0, r1, c0, c1 int) {
	if p.plus == nil {
		return
	}
	for r := r0; r < r1; r++ {
		row := p.c[r*p.ldc+c0 : r*p.ldc+c1]
		vec.Add(row, row, p.plus[r*p.ldc+c0:r*p.ldc+c1])
	}
}

// add adds the terms to a tile, block of B by block.
func (p *plan) add(w *workspace, a *area) {
	cols, steps, once := p.block(a)
	for j := a.j0; j < a.j1; j += cols {
		b := *a
		b.j0, b.j1, b.c = j, min(a.j1, j+cols), a.c[j-a.j0:]
		if a.from != nil {
			b.from = a.from[j-a.j0:]
		}
		for k, end := 0, 0; k < p.k; k = end {
			end = k + steps
			if p.k-end < steps/4 { // no block for a small rest, for which C would be read and written again
				end = p.k
			}
			w.pack(p, &b, k, end, once)
			p.addBlock(w, &b, end == p.k)
			b.from, b.fromRow = b.c, b.ldc
		}
	}
}

// pack makes segments of the steps k0 to k1 of all terms together, with the columns of b packed.
func (w *workspace) pack(p *plan, b *area, k0, k1 int, once bool) {
	w.segments = w.segments[:0]
	begin := 0
	for i := range p.terms {
		t := &p.terms[i]
		if from, to := max(k0, begin), min(k1, begin+t.k); from < to {
			w.segments = slices.Grow(w.segments, 1)[:len(w.segments)+1]
			g := &w.segments[len(w.segments)-1]
			g.t, g.at, g.steps = t, from-begin, to-from
		}
		begin += t.k
	}
	size := 0
	for i := range w.segments {
		if g := &w.segments[i]; !g.b.lay(&g.t.b, g.span(b), p.wide, p.narrow, once) {
			size += g.b.size()
		}
	}
	if len(w.packed) < size {
		w.packed = make([]float32, size+size/8)
	}
	rest := w.packed
	for i := range w.segments {
		if g := &w.segments[i]; !g.b.direct {
			g.b.buffer = rest
			g.b.copy(p.impl, &g.t.b, g.span(b), p.wide)
			rest = rest[g.b.size():]
		}
	}
}

// span is what g needs of B for an area.
func (g *segment) span(b *area) span { return span{b.j0, b.j1, g.at, g.steps} }

// addBlock adds the products of the segments to a tile, strip by strip, so that rows of C stay in the
// first-level cache from segment to segment.
func (p *plan) addBlock(w *workspace, b *area, last bool) {
	n := b.j1 - b.j0
	height, every := p.height(n), p.every(b)
	if !p.inPlace() { // where the first strip waits for B, it should have as much to do meanwhile as it can
		height = ceilDiv(b.i1-b.i0, ceilDiv(b.i1-b.i0, height))
	}
	for i := b.i0; i < b.i1; i += height * every {
		end := min(i+height*every, b.i1)
		for j := i; j < min(i+every, end); j++ {
			p.addStrip(w, b, j, ceilDiv(end-j, every), every, last)
		}
		if last && !p.turned {
			p.addPlus(i, end, b.j0, b.j1) // while the rows are in the first-level cache
		}
	}
}

// addStrip is [plan.addBlock] for a strip: row i and those that follow it, every so many.
func (p *plan) addStrip(w *workspace, b *area, i, rows, every int, last bool) {
	n, row := b.j1-b.j0, b.ldc*every
	c := b.c[(i-b.i0)*b.ldc:]
	var from []float32
	if b.from != nil {
		from = b.from[(i-b.i0)*b.fromRow:]
	}
	fromRow := b.fromRow * every
	for x := range w.segments {
		g := &w.segments[x]
		w.strip.scale = 0
		if last && x == len(w.segments)-1 {
			w.strip.scale = p.scale
		}
		w.strip.setA(p, w, g.t, span{i, i + rows, g.at, g.steps}, every, n)
		p.strips(w, &g.b, c, row, from, fromRow, n)
		from, fromRow = c, row
	}
}

// every is how far apart the rows of a strip are: the next ones, or, where C has so few columns that reading A
// is most of what there is to do, every fifth. The rows of a strip are read side by side, and what prefetches
// from memory follows one of them in a page, not two.
func (p *plan) every(b *area) int {
	const few, short, fifth = 64, 8192 / 4, 5
	if !p.strided || b.j1-b.j0 > few || b.i1-b.i0 < 4*fifth*p.rows {
		return 1
	}
	for i := range p.terms {
		if a := &p.terms[i].a; !a.inColumnsOf32() || a.lane >= short {
			return 1
		}
	}
	return fifth
}

// block chooses how much of B is packed at a time, columns × steps, and whether it is used only once,
// so that it had better stay where it is if it can.
func (p *plan) block(a *area) (cols, steps int, once bool) {
	n := roundUp(a.j1-a.j0, p.wide)
	switch {
	case p.inPlace():
		return n, max(32, min(depth, inPlaceSize/n&^15)), true
	case a.i1-a.i0 <= p.height(a.j1-a.j0):
		return p.wide, depth, false
	}
	steps = max(2*depth, min(16*depth, blockSize/n/depth*depth))
	if p.k <= steps+steps/2 {
		steps = p.k
	}
	return min(n, max(p.wide, blockSize/steps/p.wide*p.wide)), steps, false
}

// strips adds the product of a panel of A and a block of B to rows of C: the panels of B that are wide
// in one go, then the last if that is narrow.
func (p *plan) strips(w *workspace, v *panels, c []float32, ldc int, from []float32, fromRow, n int) {
	s, b := &w.strip, v.list
	s.c, s.ldc, s.from, s.fromRow = c, ldc, from, fromRow
	wide := len(b)
	if b[wide-1].width != p.wide {
		wide--
	}
	if wide > 0 {
		s.setB(b[:wide], min(n, wide*p.wide)-(wide-1)*p.wide, v)
		s.run(p.impl, w)
	}
	if wide < len(b) {
		s.c = c[wide*p.wide:]
		if from != nil {
			s.from = from[wide*p.wide:]
		}
		s.setB(b[wide:], n-wide*p.wide, v)
		s.run(p.impl, w)
	}
}

// turnIn gives a tile of Cᵀ memory, and what it starts from.
func (p *plan) turnIn(w *workspace, a *area) {
	rows, cols := a.i1-a.i0, a.j1-a.j0
	a.ldc = roundUp(cols, 16)
	if len(w.turned) < rows*a.ldc+slack {
		w.turned = make([]float32, rows*a.ldc+slack)
	}
	a.c = w.turned
	switch {
	case p.accumulate:
		turn(p.impl, a.c, a.ldc, p.c[a.j0*p.ldc+a.i0:], p.ldc, rows, cols)
		a.from, a.fromRow = a.c, a.ldc
	case p.bias != nil:
		for i := range rows {
			row := a.c[i*a.ldc : i*a.ldc+cols]
			for j := range row {
				row[j] = p.bias[a.i0+i]
			}
		}
		a.from, a.fromRow = a.c, a.ldc
	}
}

// turnOut stores a tile of Cᵀ.
func (p *plan) turnOut(a *area) {
	turn(p.impl, p.c[a.j0*p.ldc+a.i0:], p.ldc, a.c, a.ldc, a.j1-a.j0, a.i1-a.i0)
}
