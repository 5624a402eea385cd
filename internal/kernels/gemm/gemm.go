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

// A Term is one matrix product of a sum.
type Term struct{ A, B Matrix }

// A Product is C = Scale·(start + Σ A·B) + Plus: one chain of multiply-adds for each element, over the terms
// in order. It equals a [Gemm] for each term, accumulating from the second on, in one pass over C.
type Product struct {
	C          []float32 // A.Rows × B.Cols, overlapping no operand
	Stride     int       // elements between the beginnings of rows of C
	Terms      []Term    // at least one
	Accumulate bool      // start from what C holds
	Bias       []float32 // (B.Cols) start from it in every row; nil means from 0
	Scale      float32   // 0 means 1
	Plus       []float32 // laid out as C, which it may not overlap, and added at the end; nil for nothing
}

// Gemm computes C = A·B, or C += A·B when accumulate is set, on all cores. C is a.Rows × b.Cols with
// rows ldc elements apart, and must not overlap the operands. Shapes that do not fit are a bug in
// the caller and panic.
func Gemm(c []float32, ldc int, a, b Matrix, accumulate bool) {
	j := jobs.Get().(*job)
	defer j.release()
	j.addOne(c, ldc, a, b, accumulate)
	j.run()
}

// Serial is [Gemm] on the calling goroutine: for small products inside kernels that are parallel
// themselves.
func Serial(c []float32, ldc int, a, b Matrix, accumulate bool) {
	j := jobs.Get().(*job)
	defer j.release()
	j.addOne(c, ldc, a, b, accumulate)
	j.split(1, 0)
	j.body(0, j.tiles)
}

// Group computes products, none of which reads or overlaps what another writes, on all cores at once.
// Several products of the same input, as of a layer's query, key and value, cost one parallel loop.
func Group(products ...Product) {
	j := jobs.Get().(*job)
	defer j.release()
	for i := range products {
		j.add(&products[i])
	}
	j.run()
}
