package attention

import "github.com/cultivar/cultivar/internal/kernels/gemm"

// On the diagonal half of the pairs of a query and a key are masked. What they would add to a sum is 0, so
// that the largest square without any other is left out: the keys in the second half of a block for
// queries that see none of them. It depends on positions alone, hence so do the results where a factor is
// not finite, or where all that was summed before vanished below the least float32 and has the sign of that.
const half = block / 2

// upper returns how many of rows queries, from number from on, see none but the first half of the n keys
// from key on.
func (v view) upper(from, rows, key, n int) int {
	if n <= half {
		return 0
	}
	return min(max(key+half-(v.pos+from), 0), rows)
}

// multiplyScores computes scores = x·b, for n keys.
func multiplyScores(scores []float32, x gemm.Matrix, b *gemm.Panels, n, upper int) {
	if upper > 0 {
		b.Multiply(scores, block, x.Slice(0, upper, 0, x.Cols), half, false)
	}
	if upper < x.Rows {
		b.Multiply(scores[upper*block:], block, x.Slice(upper, x.Rows, 0, x.Cols), n, false)
	}
}

// multiplyWeights computes c = w·b, or adds to c, for queries in rows of dim elements.
func multiplyWeights(c []float32, ldc int, w gemm.Matrix, b *gemm.Panels, dim, upper int, accumulate bool) {
	if upper > 0 {
		b.Multiply(c, ldc, w.Slice(0, upper, 0, half), dim, accumulate)
	}
	if upper < w.Rows {
		b.Multiply(c[upper*ldc:], ldc, w.Slice(upper, w.Rows, 0, w.Cols), dim, accumulate)
	}
}

// addTransposed adds wᵀ·x to c, for keys in rows; b is scratch space.
func addTransposed(c []float32, ldc int, w, x gemm.Matrix, b *gemm.Panels, upper int) {
	keys := w.Cols
	if upper > 0 {
		keys = half
	}
	b.Set(x, true)
	b.Multiply(c, ldc, w.Slice(0, w.Rows, 0, keys).T(), x.Cols, true)
	if keys < w.Cols && upper < w.Rows {
		b.Set(x.Slice(upper, x.Rows, 0, x.Cols), true)
		b.Multiply(c[keys*ldc:], ldc, w.Slice(upper, w.Rows, keys, w.Cols).T(), x.Cols, true)
	}
}
