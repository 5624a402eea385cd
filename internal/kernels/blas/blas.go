// Package blas puts the matrix product of internal/kernels/gemm under libraries that call BLAS, so that
// Gorgonia's own Mul is as fast, and the same to the bit everywhere, as the operators that call
// gemm themselves.
package blas

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	"github.com/cultivar/cultivar/internal/kernels/gemm"
)

// Implementation is Gonum's BLAS in all but Sgemm. It satisfies tensor.BLAS: hand it to tensor.Use.
type Implementation struct {
	gonum.Implementation
}

// Sgemm computes C = alpha·op(A)·op(B) + beta·C, of row-major matrices: A is m×k, B is k×n after op, C is
// m×n. With a beta of 0 or, when alpha is 1, of 1, every element is one chain of multiply-adds
// (docs/numerics.md); other factors, and shapes without elements, are left to Gonum.
func (i Implementation) Sgemm(tA, tB blas.Transpose, m, n, k int, alpha float32, a []float32, lda int,
	b []float32, ldb int, beta float32, c []float32, ldc int) {
	ours := alpha == 1 && beta == 1 || alpha != 0 && beta == 0
	if !ours || m <= 0 || n <= 0 || k <= 0 || !fits(tA, m, k, len(a), lda) || !fits(tB, k, n, len(b), ldb) ||
		ldc < n || len(c) < (m-1)*ldc+n {
		i.Implementation.Sgemm(tA, tB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
		return
	}
	if alpha == 1 {
		gemm.Gemm(c, ldc, matrix(tA, m, k, a, lda), matrix(tB, k, n, b, ldb), beta == 1)
		return
	}
	gemm.Group(gemm.Product{
		C: c, Stride: ldc, Scale: alpha,
		Terms: []gemm.Term{{A: matrix(tA, m, k, a, lda), B: matrix(tB, k, n, b, ldb)}},
	})
}

// fits reports whether a matrix that is rows × cols after op lies in its data. Gonum panics on one that
// does not, in the words its users know.
func fits(t blas.Transpose, rows, cols, size, stride int) bool {
	switch t {
	case blas.NoTrans:
	case blas.Trans, blas.ConjTrans:
		rows, cols = cols, rows
	default:
		return false
	}
	return stride >= cols && size >= (rows-1)*stride+cols
}

// matrix is an operand, rows × cols after op.
func matrix(t blas.Transpose, rows, cols int, data []float32, stride int) gemm.Matrix {
	if t == blas.NoTrans {
		return gemm.F32Stride(data, rows, cols, stride)
	}
	return gemm.F32Stride(data, cols, rows, stride).T()
}
