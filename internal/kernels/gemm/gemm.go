// Package gemm multiplies float32 matrices, whose operands may be stored as bf16 or f16.
//
// The result is defined to the bit (docs/numerics.md, "Matrix products"): every element of C is one
// chain of fused multiply-adds over the inner dimension in ascending order. Tiles, threads and
// implementations are therefore free to differ; only the payload of a NaN may.
//
// The structure is that of BLIS (Van Zee & van de Geijn, "BLIS: a framework for rapidly
// instantiating BLAS functionality", ACM TOMS 41(3), 2015): operands are packed into panels that
// stay in cache, and a micro-kernel holds a tile of C in registers while it walks a panel of each.
package gemm

import (
	"fmt"

	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/internal/parallel"
)

// Gemm computes C = A·B, or C += A·B when accumulate is set, on all cores. C is a.Rows × b.Cols with
// rows ldc elements apart, and must not overlap the operands. Shapes that do not fit are a bug in
// the caller and panic.
func Gemm(c []float32, ldc int, a, b Matrix, accumulate bool) {
	if settle(c, ldc, a, b, accumulate) {
		return
	}
	p := newPlan(c, ldc, a, b, accumulate)
	workers := parallel.Workers()
	if workers == 1 || p.m*p.n*p.k < p.serialBelow {
		p.serial()
		return
	}
	p.split(workers)
	shared := p // only this copy escapes to other goroutines, so that the serial path allocates nothing
	parallel.For(p.rowTiles*p.colTiles, 1, shared.tiles)
}

// Serial is [Gemm] on the calling goroutine, without allocating: for small products inside kernels
// that are parallel themselves.
func Serial(c []float32, ldc int, a, b Matrix, accumulate bool) {
	if settle(c, ldc, a, b, accumulate) {
		return
	}
	p := newPlan(c, ldc, a, b, accumulate)
	p.serial()
}

// settle checks the shapes and completes the products that have nothing to add.
func settle(c []float32, ldc int, a, b Matrix, accumulate bool) (done bool) {
	a.mustFit("A")
	b.mustFit("B")
	m, n, k := a.Rows, b.Cols, a.Cols
	if b.Rows != k {
		panic(fmt.Sprintf("gemm: A is %d×%d but B is %d×%d", m, k, b.Rows, n))
	}
	if m == 0 || n == 0 {
		return true
	}
	if ldc < n || len(c) < (m-1)*ldc+n {
		panic(fmt.Sprintf("gemm: C is %d×%d but has %d elements in rows of %d", m, n, len(c), ldc))
	}
	if k > 0 {
		return false
	}
	if !accumulate {
		for i := range m {
			clear(c[i*ldc : i*ldc+n])
		}
	}
	return true
}

func newPlan(c []float32, ldc int, a, b Matrix, accumulate bool) plan {
	p := plan{
		geometry: geometryOf(cpu.Current()),
		c:        c, cRow: ldc, cCol: 1, accumulate: accumulate,
		m: a.Rows, n: b.Cols, k: a.Cols,
		a: lanesOf(a), b: lanesOf(b.T()),
	}
	if p.n <= thin && p.n < p.m {
		p.transpose()
	}
	return p
}
