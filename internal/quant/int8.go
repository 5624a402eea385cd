package quant

import (
	"fmt"
	"math"

	"github.com/cultivar/cultivar/internal/dtype"
	"github.com/cultivar/cultivar/internal/parallel"
)

// RowInt8 is a weight as bitsandbytes stores it in 8 bits (LLM.int8(), arXiv:2208.07339): an element
// is (code·Scale[row])·(1/127), each product rounded (bitsandbytes/_ops.py, int8_vectorwise_dequant).
// Only the weight is quantised; what is multiplied with it stays in float32.
type RowInt8 struct {
	Rows, Cols int
	Codes      []byte    // int8, row by row
	Scale      []float32 // the largest magnitude of each row
}

// inverse127 is 1/127 as float32.
const inverse127 = float32(7.874015718698502e-3)

// Tensor checks the parts against each other and returns the tensor they are, which shares them.
func (q RowInt8) Tensor() (*Tensor, error) {
	if err := checkShape(q.Rows, q.Cols); err != nil {
		return nil, err
	}
	if err := checkLength("the weight", len(q.Codes), q.Rows*q.Cols); err != nil {
		return nil, err
	}
	if err := checkLength("the scale of rows", len(q.Scale), q.Rows); err != nil {
		return nil, err
	}
	return &Tensor{Format: Int8, Rows: q.Rows, Cols: q.Cols, storage: &rowInt8{q}}, nil
}

// rowInt8 is the storage of a RowInt8.
type rowInt8 struct{ RowInt8 }

func (q *rowInt8) bytes() int64 { return int64(len(q.Codes) + 4*len(q.Scale)) }

func (q *rowInt8) decode(dst []float32, row, col int) {
	codes, scale := q.Codes[row*q.Cols+col:][:len(dst)], q.Scale[row]
	done := widenInt8Vector(dst, codes, scale)
	dst, codes = dst[done:], codes[done:]
	for i, c := range codes[:len(dst)] {
		dst[i] = float32(int8(c)) * scale * inverse127
	}
}

// QuantiseInt8 quantises a matrix to 8 bits a row. The result equals in every byte what bitsandbytes
// makes of a module (nn/modules.py, Int8Params; backends/default/ops.py, int8_vectorwise_quant): the
// weight is rounded to float16 first, and code = w·(127/scale) to the nearest, a tie to the even one.
func QuantiseInt8(rows, cols int, src Source) (RowInt8, error) {
	if err := checkShape(rows, cols); err != nil {
		return RowInt8{}, err
	}
	q := RowInt8{Rows: rows, Cols: cols, Codes: make([]byte, rows*cols), Scale: make([]float32, rows)}
	parallel.For(rows, max(1, piece/cols), func(lo, hi int) {
		values := make([]float32, cols)
		for row := lo; row < hi; row++ {
			src(values, row*cols)
			q.Scale[row] = quantiseInt8(q.Codes[row*cols:], values)
		}
	})
	for row, s := range q.Scale {
		if s-s != 0 {
			return RowInt8{}, fmt.Errorf("%w in float16: in row %d", ErrNotFinite, row)
		}
	}
	return q, nil
}

// quantiseInt8 quantises a row and returns its scale, which is NaN or infinite when an element is.
func quantiseInt8(codes []byte, values []float32) float32 {
	for i, v := range values {
		values[i] = dtype.F16ToF32(dtype.F32ToF16(v))
	}
	scale := maxAbs(values)
	if scale == 0 || scale-scale != 0 {
		return scale // 0·(127/0) is NaN, and its code 0
	}
	inverse := 127 / scale
	for i, v := range values {
		codes[i] = byte(int8(math.RoundToEven(float64(v * inverse))))
	}
	return scale
}
