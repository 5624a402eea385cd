package gemm

import (
	"fmt"

	"github.com/cultivar/cultivar/internal/dtype"
)

// Matrix is a read-only operand: Rows × Cols elements of Type, with element (i, j) at index
// i·RowStride + j·ColStride of F32 or, for the 16-bit types, of U16; or what Blocks decodes. It is a
// view; copying it does not copy elements.
type Matrix struct {
	Type                 dtype.Type
	F32                  []float32
	U16                  []uint16
	Rows, Cols           int
	RowStride, ColStride int
	Blocks               Blocks // nil unless made by [Quantised]

	row, col int  // the element of Blocks that is (0, 0)
	turned   bool // the rows of Blocks are columns
}

// Blocks is a matrix that is stored in blocks of elements, as quantised weights are.
type Blocks interface {
	// Decode widens elements col to col+len(dst) of a row into dst, exactly as the format defines
	// them. It is called from several goroutines at once, and mostly with col and len(dst) multiples
	// of 256, or of 32 at least; the end of a row and views that begin elsewhere are the exception.
	Decode(dst []float32, row, col int)
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

// Quantised is the matrix of the first rows × cols elements of b. Products decode it piece by piece
// into memory that stays in the first-level cache, never as a whole.
func Quantised(b Blocks, rows, cols int) Matrix {
	return Matrix{Blocks: b, Rows: rows, Cols: cols, RowStride: cols, ColStride: 1}
}

// T is the transpose.
func (m Matrix) T() Matrix {
	m.turned = !m.turned
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
	if m.Blocks != nil {
		if m.turned {
			r0, c0 = c0, r0
		}
		m.row, m.col = m.row+r0, m.col+c0
		return m
	}
	// An empty view may begin beyond the last element.
	at := min(r0*m.RowStride+c0*m.ColStride, m.len())
	if m.Type == dtype.F32 {
		m.F32 = m.F32[at:]
	} else {
		m.U16 = m.U16[at:]
	}
	return m
}

// Row widens the first len(dst) elements of row i.
func (m Matrix) Row(dst []float32, i int) {
	if i < 0 || i >= m.Rows || len(dst) > m.Cols {
		panic(fmt.Sprintf("gemm: %d elements of row %d of a %d×%d matrix", len(dst), i, m.Rows, m.Cols))
	}
	at := i * m.RowStride
	switch {
	case m.Blocks != nil && m.turned:
		for j := range dst {
			m.Blocks.Decode(dst[j:j+1], m.row+j, m.col+i)
		}
	case m.Blocks != nil:
		m.Blocks.Decode(dst, m.row+i, m.col)
	case m.ColStride != 1:
		l := lanesOf(m)
		l.packScalar(dst, 1, at, 1, len(dst))
	case m.Type == dtype.F32:
		copy(dst, m.F32[at:])
	default:
		dtype.Widen(m.Type, dst, m.U16[at:at+len(dst)])
	}
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
	if m.Rows == 0 || m.Cols == 0 || m.Blocks != nil {
		return
	}
	if last := (m.Rows-1)*m.RowStride + (m.Cols-1)*m.ColStride; last >= m.len() {
		panic(fmt.Sprintf("gemm: %s is %d×%d with strides %d, %d but has %d elements",
			name, m.Rows, m.Cols, m.RowStride, m.ColStride, m.len()))
	}
}
