// Package quant holds weights that are stored in fewer bits than float32 and widens them: the block
// formats of GGUF, the checkpoints of bitsandbytes, GPTQ and AWQ, and MXFP4 as gpt-oss has it. It also
// quantises to the formats that weights are quantised to on load or on export.
//
// A value is what the format's published reference computes in float32, operation by operation: the
// order of multiplications and additions is part of a format, and its comment says whose. The Go
// code is the definition; the vector code beside it gives the same bits (docs/numerics.md). What
// lives here knows bytes and shapes, nothing of files, names or models.
package quant

import (
	"fmt"
	"strings"
)

// Format is how the elements of a [Tensor] are stored.
type Format uint8

// The formats. Those of GGUF have the names that ggml gives them (ggml.h, enum ggml_type).
const (
	Q4_0 Format = iota
	Q4_1
	Q5_0
	Q5_1
	Q8_0
	Q2_K
	Q3_K
	Q4_K
	Q5_K
	Q6_K
	IQ4_NL
	IQ4_XS
	MXFP4 // 4-bit floats and an exponent for 32 of them; also of checkpoints
	NF4   // bitsandbytes, 4 bits into a table of normal quantiles
	FP4   // bitsandbytes, 4 bits into a table of 1-2-1 floats
	Int8  // bitsandbytes, 8 bits and a scale a row
	GPTQ  // 4 or 8 bits, a scale and a zero point a group of columns
	AWQ   // 4 bits, a scale and a zero point a group of columns
)

var names = [...]string{
	Q4_0: "Q4_0", Q4_1: "Q4_1", Q5_0: "Q5_0", Q5_1: "Q5_1", Q8_0: "Q8_0",
	Q2_K: "Q2_K", Q3_K: "Q3_K", Q4_K: "Q4_K", Q5_K: "Q5_K", Q6_K: "Q6_K",
	IQ4_NL: "IQ4_NL", IQ4_XS: "IQ4_XS", MXFP4: "MXFP4",
	NF4: "NF4", FP4: "FP4", Int8: "INT8", GPTQ: "GPTQ", AWQ: "AWQ",
}

// String returns the name of the format.
func (f Format) String() string {
	if int(f) < len(names) {
		return names[f]
	}
	return fmt.Sprintf("quant.Format(%d)", uint8(f))
}

// Parse returns the format of that name, whatever its case.
func Parse(name string) (Format, error) {
	for f, n := range names {
		if strings.EqualFold(n, name) {
			return Format(f), nil
		}
	}
	return 0, fmt.Errorf("quantised format %.40q is none of %s", name, strings.Join(names[:], ", "))
}

// Tensor is a matrix of Rows × Cols elements in a quantised format. It is immutable and safe for
// concurrent use. Its memory may be a mapped file, which must then stay mapped.
type Tensor struct {
	Format     Format
	Rows, Cols int

	storage storage
	order   []int // row i is row order[i] of the storage; nil: row i
}

// storage is the elements of a tensor.
type storage interface {
	// decode widens elements [col, col+len(dst)) of a row, which exist.
	decode(dst []float32, row, col int)
	// bytes is how many bytes the elements take.
	bytes() int64
}

// Decode widens elements [col, col+len(dst)) of a row. It is fastest where col and len(dst) are
// multiples of the block: 256 for the K and IQ4_XS formats, 64 for NF4, 32 for the others.
func (t *Tensor) Decode(dst []float32, row, col int) {
	if row < 0 || row >= t.Rows || col < 0 || len(dst) > t.Cols-col {
		panic(fmt.Sprintf("quant: decode [%d, %d:%d] of a %d×%d tensor", row, col, col+len(dst), t.Rows, t.Cols))
	}
	if len(dst) == 0 {
		return
	}
	if t.order != nil {
		row = t.order[row]
	}
	t.storage.decode(dst, row, col)
}

// Bytes is how many bytes the stored elements take, their scales included.
func (t *Tensor) Bytes() int64 { return t.storage.bytes() }

// Select is the tensor whose row i is row order[i] of t. It shares the memory of t and keeps order.
func (t *Tensor) Select(order []int) (*Tensor, error) {
	picked := make([]int, len(order))
	for i, row := range order {
		if row < 0 || row >= t.Rows {
			return nil, fmt.Errorf("row %d of a tensor of %d rows", row, t.Rows)
		}
		picked[i] = row
		if t.order != nil {
			picked[i] = t.order[row]
		}
	}
	return &Tensor{Format: t.Format, Rows: len(order), Cols: t.Cols, storage: t.storage, order: picked}, nil
}

// maxElements bounds a tensor so that no count of bits in it overflows; published tensors have
// less than 2³⁴ elements.
const maxElements = 1 << 48

// checkShape refuses a shape without elements or with too many.
func checkShape(rows, cols int) error {
	if rows < 1 || cols < 1 || rows > maxElements/cols {
		return fmt.Errorf("shape %d×%d is out of range", rows, cols)
	}
	return nil
}

// checkLength holds the length of a part of a tensor against what its shape needs.
func checkLength(part string, got, want int) error {
	if got != want {
		return fmt.Errorf("%s has %d elements, the shape needs %d", part, got, want)
	}
	return nil
}
