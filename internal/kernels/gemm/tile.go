package gemm

import "sync"

// A workspace is what one goroutine needs to compute tiles.
type workspace struct {
	b      panels // a block of B
	a      panels // a single one, of A
	turned []float32
	strip  strip
	dots   dots
	tail   [14 * 32]float32
}

var workspaces = sync.Pool{New: func() any { return new(workspace) }}

// blockSize is how many elements of B are packed at a time: 1 MiB, which stay in the second-level
// cache while the rows of A pass by.
const blockSize = 1 << 18

// depth is how many steps along k are packed at a time where that is all the same: a panel of B of
// that depth stays in the first-level cache.
const depth = 256

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
	for t := range p.terms {
		w.strip.scale = 0
		p.add(w, &p.terms[t], &a, t == len(p.terms)-1)
		a.from, a.fromRow = a.c, a.ldc
	}
	if p.turned {
		p.turnOut(&a)
	}
}

// add adds a term to a tile, blocks of B by blocks.
func (p *plan) add(w *workspace, t *term, a *area, last bool) {
	cols, steps, once := p.block(t, a)
	height := p.height(a.j1 - a.j0)
	height = ceilDiv(a.i1-a.i0, ceilDiv(a.i1-a.i0, height))
	for j := a.j0; j < a.j1; j += cols {
		from, fromRow := a.from, a.fromRow
		if from != nil {
			from = from[j-a.j0:]
		}
		for at := 0; at < t.k; at += steps {
			s := span{j, min(a.j1, j+cols), at, min(steps, t.k-at)}
			w.b.fill(p.impl, &t.b, s, p.wide, p.narrow, once)
			w.strip.scale = 0
			if last && at+s.steps == t.k {
				w.strip.scale = p.scale
			}
			c := a.c[j-a.j0:]
			for i := a.i0; i < a.i1; i += height {
				rows := min(height, a.i1-i)
				w.strip.setA(p, w, t, span{i, i + rows, at, s.steps}, s.lane1-s.lane0)
				row := (i - a.i0) * a.ldc
				var start []float32
				if from != nil {
					start = from[(i-a.i0)*fromRow:]
				}
				p.strips(w, c[row:], a.ldc, start, fromRow, s.lane1-s.lane0)
			}
			from, fromRow = c, a.ldc
		}
	}
}

// block chooses how much of B is packed at a time, columns × steps, and whether it is used only once,
// so that it had better stay where it is if it can.
func (p *plan) block(t *term, a *area) (cols, steps int, once bool) {
	n := roundUp(a.j1-a.j0, p.wide)
	panels := ceilDiv(a.i1-a.i0, p.height(a.j1-a.j0))
	switch {
	case panels <= 2 && t.b.inRows():
		return n, depth, true
	case panels == 1:
		return p.wide, depth, false
	}
	steps = max(2*depth, min(16*depth, blockSize/n/depth*depth))
	if t.k <= steps+steps/2 {
		steps = t.k
	}
	return min(n, max(p.wide, blockSize/steps/p.wide*p.wide)), steps, false
}

// strips adds the product of a panel of A and a block of B to rows of C: the panels of B that are wide
// in one go, then the last if that is narrow.
func (p *plan) strips(w *workspace, c []float32, ldc int, from []float32, fromRow, n int) {
	s, b := &w.strip, w.b.list
	s.c, s.ldc, s.from, s.fromRow = c, ldc, from, fromRow
	wide := len(b)
	if b[wide-1].width != p.wide {
		wide--
	}
	if wide > 0 {
		s.setB(b[:wide], min(n, wide*p.wide)-(wide-1)*p.wide, &w.b)
		s.run(p.impl, w)
	}
	if wide < len(b) {
		s.c = c[wide*p.wide:]
		if from != nil {
			s.from = from[wide*p.wide:]
		}
		s.setB(b[wide:], n-wide*p.wide, &w.b)
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
