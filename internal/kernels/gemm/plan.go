package gemm

import (
	"github.com/cultivar/cultivar/internal/cpu"
)

// A geometry is the shape of an implementation's micro-kernels.
type geometry struct {
	impl         cpu.Implementation
	rows         int // of C in the tallest micro-kernel that is wide
	wide, narrow int // columns of C in either micro-kernel
	narrowRows   int // of C in the tallest micro-kernel that is narrow
	strided      bool
	packing      int // multiply-adds that are done while an element is packed
	serialBelow  int // multiply-adds that are done sooner than another goroutine wakes
}

// geometryOf is what there is for an implementation. Those that are strided read the rows of A where
// they are; for the others A is packed as B is.
func geometryOf(impl cpu.Implementation) geometry {
	switch impl {
	case cpu.AVX512:
		return geometry{impl: impl, rows: 14, wide: 32, narrow: 16, narrowRows: 14, strided: true, packing: 36, serialBelow: 1 << 19}
	case cpu.AVX2:
		return geometry{impl: impl, rows: 6, wide: 16, narrow: 8, narrowRows: 12, strided: true, packing: 18, serialBelow: 1 << 18}
	case cpu.NEON:
		return geometry{impl: impl, rows: 8, wide: 12, narrow: 4, narrowRows: 8, packing: 8, serialBelow: 1 << 18}
	default:
		return geometry{impl: cpu.Generic, rows: 4, wide: 8, narrow: 4, narrowRows: 4, packing: 1, serialBelow: 1 << 13}
	}
}

// A term is one product of a plan, with the rows of A and the columns of B as lanes.
type term struct {
	a, b lanes
	k    int
}

// A plan is one [Product], cut into tiles of C. A tile is computed by one goroutine, all terms and all
// of k in order, from panels of B that it packs itself: there is nothing to wait for, and the panels are
// in the caches of the core that uses them.
type plan struct {
	geometry
	c          []float32
	ldc        int
	m, n, k    int // k of all terms together
	terms      []term
	bias       []float32
	plus       []float32
	accumulate bool
	scale      float32 // 0 and 1 are none
	turned     bool    // m and n are exchanged: C is computed by columns
	dots       bool    // by the kernel for few rows; there is one row of tiles then

	down, across cut // the tiles
}

// setUp makes p the plan of a product that has terms.
func (p *plan) setUp(impl cpu.Implementation, o *Product) {
	*p = plan{
		geometry: geometryOf(impl), c: o.C, ldc: o.Stride, m: o.Terms[0].A.Rows, n: o.Terms[0].B.Cols,
		terms: p.terms[:0], bias: o.Bias, plus: o.Plus, accumulate: o.Accumulate, scale: o.Scale,
	}
	for _, t := range o.Terms {
		if t.A.Cols > 0 {
			p.terms = append(p.terms, term{lanesOf(t.A), lanesOf(t.B.T()), t.A.Cols})
			p.k += t.A.Cols
		}
	}
	if p.dots = p.dotsSuit(); p.dots {
		p.serialBelow = p.m * dotsSerialBelow
	} else if p.worthTurning() {
		p.m, p.n, p.turned = p.n, p.m, true
		for i, t := range p.terms {
			p.terms[i].a, p.terms[i].b = t.b, t.a
		}
	}
}

// forget drops what p holds of its caller's, keeping the memory of the terms.
func (p *plan) forget() {
	clear(p.terms)
	*p = plan{terms: p.terms[:0]}
}

// worthTurning reports whether Cᵀ = Bᵀ·Aᵀ, the same chains with the factors of each term exchanged, is
// computed sooner than C: where few columns would leave lanes idle or few rows do not pay for packing B.
func (p *plan) worthTurning() bool {
	t := &p.terms[0]
	if !p.strided {
		return p.n <= 8 && p.n < p.m
	}
	if t.a.inRows() && t.b.inColumns() && p.n < p.m && p.n <= inPlaceRows {
		return true // the factors of a weight gradient: few columns, and A lies ready as lanes
	}
	// Few rows: packing B would cost more than the product, but B can be broadcast from where it is.
	return t.b.inColumnsOf32() && p.m < p.n && p.m > turnAbove && p.m <= p.narrow
}

// inPlace reports whether B is read where it is, because the rows of A are few.
func (p *plan) inPlace() bool { return p.m <= inPlaceRows && p.terms[0].b.inRows() }

// inPlaceRows is how many rows of A take less time to read B, whose lanes lie ready, than to pack it.
const inPlaceRows = 64

// turnAbove is how many rows leave so few lanes busy that packing B is the lesser evil.
const turnAbove = 2

// work is the number of multiply-adds.
func (p *plan) work() int { return p.m * p.n * p.k }

// height is how high the micro-kernels for n columns are.
func (p *plan) height(n int) int {
	if n <= p.narrow {
		return p.narrowRows
	}
	return p.rows
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
func roundUp(a, b int) int { return ceilDiv(a, b) * b }
