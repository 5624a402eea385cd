package gemm

import (
	"fmt"

	"github.com/cultivar/cultivar/internal/cpu"
)

// Panels is a factor B made ready for the micro-kernels, for callers that multiply several small A by it
// on one goroutine, where planning and packing would take a good part of a [Serial]. The zero value is
// ready to use, and keeps its memory from one B to the next.
type Panels struct {
	plan plan
	term term
	work workspace
	b    panels
}

// Set makes p the panels of b. They are a copy, unless b is to be used only once or twice and is float32
// in rows: then b itself is read, and must not be changed in between.
func (p *Panels) Set(b Matrix, once bool) {
	b.mustFit("B")
	impl := cpu.Current()
	p.plan.geometry = geometryOf(impl)
	p.term = term{b: lanesOf(b.T()), k: b.Rows}
	p.plan.n = b.Cols
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
	all := p.b.list
	defer func() { p.b.list = all }()
	p.b.list = all[:ceilDiv(cols, p.plan.wide)]
	p.term.a = lanesOf(a)
	height := p.plan.height(cols)
	height = ceilDiv(a.Rows, ceilDiv(a.Rows, height))
	for i := 0; i < a.Rows; i += height {
		p.work.strip.setA(&p.plan, &p.work, &p.term, span{i, min(a.Rows, i+height), 0, a.Cols}, cols)
		row := c[i*ldc:]
		var from []float32
		if accumulate {
			from = row
		}
		p.plan.strips(&p.work, &p.b, row, ldc, from, ldc, cols)
	}
}

func (p *Panels) mustFit(c []float32, ldc int, a *Matrix, cols int) {
	a.mustFit("A")
	switch {
	case a.Cols == 0 || a.Cols > p.term.k || cols < 0 || cols > p.plan.n:
		panic(fmt.Sprintf("gemm: A is %d×%d and C has %d columns, for panels of %d×%d", a.Rows, a.Cols, cols, p.term.k, p.plan.n))
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
