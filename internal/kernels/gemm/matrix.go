package gemm

import (
	"fmt"

	"github.com/cultivar/cultivar/internal/dtype"
)

// Matrix is a read-only operand: Rows × Cols elements of Type, with element (i, j) at index
// i·RowStride + j·ColStride of F32 or, for the 16-bit types, of U16. It is a view; copying it does
// not copy elements.
type Matrix struct {
	Type                 dtype.Type
	F32                  []float32
	U16                  []uint16
	Rows, Cols           int
	RowStride, ColStride int
}

// F32 is the row-major matrix of the first rows × cols elements of data.
func F32(data []float32, rows, cols int) Matrix { return F32Stride(data, rows, cols, cols) }

// F32Stride is a row-major matrix whose rows begin stride elements apart.
func F32Stride(data []float32, rows, cols, stride int) Matrix {
	return Matrix{Type: dtype.F32, F32: data, Rows: rows, Cols: cols, RowStride: stride, ColStride: 1}
}

// U16 is the row-major matrix of the first rows × cols elements of data, which are of type t, BF16
// or F16.
func U16(t dtype.Type, data []uint16, rows, cols int) Matrix {
	return U16Stride(t, data, rows, cols, cols)
}

// U16Stride is a row-major matrix of 16-bit elements whose rows begin stride elements apart.
func U16Stride(t dtype.Type, data []uint16, rows, cols, stride int) Matrix {
	return Matrix{Type: t, U16: data, Rows: rows, Cols: cols, RowStride: stride, ColStride: 1}
}

// T is the transpose.
func (m Matrix) T() Matrix {
	m.Rows, m.Cols = m.Cols, m.Rows
	m.RowStride, m.ColStride = m.ColStride, m.RowStride
	return m
}

// Slice is the view of rows r0 to r1 and columns c0 to c1, the ends excluded.
func (m Matrix) Slice(r0, r1, c0, c1 int) Matrix {
	if r0 < 0 || r1 < r0 || m.Rows < r1 || c0 < 0 || c1 < c0 || m.Cols < c1 {
		panic(fmt.Sprintf("gemm: slice [%d:%d, %d:%d] of a %d×%d matrix", r0, r1, c0, c1, m.Rows, m.Cols))
	}
	m.Rows, m.Cols = r1-r0, c1-c0
	// An empty view may begin beyond the last element.
	at := min(r0*m.RowStride+c0*m.ColStride, m.len())
	if m.Type == dtype.F32 {
		m.F32 = m.F32[at:]
	} else {
		m.U16 = m.U16[at:]
	}
	return m
}

func (m Matrix) len() int {
	if m.Type == dtype.F32 {
		return len(m.F32)
	}
	return len(m.U16)
}

// mustFit panics unless every element lies inside the data.
func (m Matrix) mustFit(name string) {
	if m.Rows < 0 || m.Cols < 0 || m.RowStride < 0 || m.ColStride < 0 || m.Type > dtype.F16 {
		panic(fmt.Sprintf("gemm: %s is %d×%d %v with strides %d, %d", name, m.Rows, m.Cols, m.Type, m.RowStride, m.ColStride))
	}
	if m.Rows == 0 || m.Cols == 0 {
		return
	}
	if last := (m.Rows-1)*m.RowStride + (m.Cols-1)*m.ColStride; last >= m.len() {
		panic(fmt.Sprintf("gemm: %s is %d×%d with strides %d, %d but has %d elements",
			name, m.Rows, m.Cols, m.RowStride, m.ColStride, m.len()))
	}
}
