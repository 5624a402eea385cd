package gemm

import (
	"fmt"

	"github.com/cultivar/cultivar/internal/cpu"
)

// Panels is a factor B made ready for the micro-kernels, for callers that multiply several small A by it
// on one goroutine, where planning and packing would take a good part of a [Serial]. The zero value is
// ready to use, and keeps its memory from one B to the next.
type Panels struct {
	plan plan // of which only the geometry is used
	term term
	b    panels
	cols int       // of B
	work workspace // for A
}

// Set makes p the panels of b. They are a copy, unless b is to be used only once or twice and is float32
// in rows: then b itself is read, and must not be changed in between.
func (p *Panels) Set(b Matrix, once bool) {
	b.mustFit("B")
	impl := cpu.Current()
	p.plan.geometry = geometryOf(impl)
	p.term = term{b: lanesOf(b.T()), k: b.Rows}
	p.cols = b.Cols
	if b.Rows > 0 && b.Cols > 0 {
		p.b.fill(impl, &p.term.b, span{0, b.Cols, 0, b.Rows}, p.plan.wide, p.plan.narrow, once)
	}
}

// Multiply computes C = A·B, or C += A·B when accumulate is set, like [Serial], with the first A.Cols rows
// and the first cols columns of B.
func (p *Panels) Multiply(c []float32, ldc int, a Matrix, cols int, accumulate bool) {
	p.mustFit(c, ldc, &a, cols)
	if a.Rows == 0 || cols == 0 {
		return
	}
	p.term.a = lanesOf(a)
	list := p.b.list[:ceilDiv(cols, p.plan.wide)]
	wide := len(list)
	if list[wide-1].width != p.plan.wide {
		wide--
	}
	if wide > 0 {
		last := min(cols, wide*p.plan.wide) - (wide-1)*p.plan.wide
		p.multiply(list[:wide], last, c, ldc, a.Rows, a.Cols, accumulate)
	}
	if wide < len(list) {
		p.multiply(list[wide:], cols-wide*p.plan.wide, c[wide*p.plan.wide:], ldc, a.Rows, a.Cols, accumulate)
	}
}

// multiply goes through the rows of A with panels of one width, the last of which has last columns of C.
func (p *Panels) multiply(list []panel, last int, c []float32, ldc, rows, steps int, accumulate bool) {
	s := &p.work.strip
	s.setB(list, last, &p.b)
	s.ldc, s.from, s.fromRow, s.scale = ldc, nil, ldc, 0
	cols := (len(list)-1)*s.width + last
	height := p.plan.height(cols)
	height = ceilDiv(rows, ceilDiv(rows, height))
	for i := 0; i < rows; i += height {
		s.setA(&p.plan, &p.work, &p.term, span{i, min(rows, i+height), 0, steps}, 1, cols)
		s.c = c[i*ldc:]
		if accumulate {
			s.from = s.c
		}
		s.run(p.plan.impl, &p.work)
	}
}

func (p *Panels) mustFit(c []float32, ldc int, a *Matrix, cols int) {
	a.mustFit("A")
	switch {
	case a.Cols == 0 || a.Cols > p.term.k || cols < 0 || cols > p.cols:
		panic(fmt.Sprintf("gemm: A is %d×%d and C has %d columns, for panels of %d×%d", a.Rows, a.Cols, cols, p.term.k, p.cols))
	case a.Rows > 0 && cols > 0 && (ldc < cols || len(c) < (a.Rows-1)*ldc+cols):
		panic(fmt.Sprintf("gemm: C is %d×%d but has %d elements in rows of %d", a.Rows, cols, len(c), ldc))
	}
}

// Forget drops what p holds of its callers', keeping its memory.
func (p *Panels) Forget() {
	p.term, p.work.strip = term{}, strip{}
	clear(p.work.a.list)
	clear(p.b.list)
}
