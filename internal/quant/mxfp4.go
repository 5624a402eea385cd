package quant

import (
	"encoding/binary"
	"fmt"
	"math"
)

// blockMXFP4 is the number of elements that share a scale (OCP Microscaling Formats v1.0, table 1).
const blockMXFP4 = 32

// The values of codes, one sign, two exponent and one fraction bit (E2M1), doubled: whole numbers go
// with half the scale, so that nothing overflows that need not. Zero has a sign in checkpoints
// (transformers, integrations/mxfp4.py, FP4_VALUES) and none in GGUF (ggml-common.h, kvalues_mxfp4).
var (
	valuesMXFP4 = [16]float32{0, 1, 2, 3, 4, 6, 8, 12, negativeZero, -1, -2, -3, -4, -6, -8, -12}
	ggufMXFP4   = [16]float32{0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12}
)

var negativeZero = float32(math.Copysign(0, -1))

// halfScaleMXFP4 is 2^(e−128), half the scale of exponent e (E8M0; ggml-impl.h, ggml_e8m0_to_fp32_half).
// 255 is an exponent like the others, as in both references; by the standard it is NaN.
func halfScaleMXFP4(e byte) float32 {
	if e < 2 {
		return math.Float32frombits(0x00200000 << e) // denormal
	}
	return math.Float32frombits(uint32(e-1) << 23)
}

// widenMXFP4 widens GGUF's blocks of 32: an exponent, 16 bytes of codes as in Q4_0. An element is
// d·value (ggml-quants.c, dequantize_row_mxfp4).
func widenMXFP4(dst []float32, src []byte) {
	for ; len(src) >= 17; dst, src = dst[32:], src[17:] {
		d := halfScaleMXFP4(src[0])
		low, high := dst[:16:16], dst[16:32:32]
		for i, b := range src[1:17:17] {
			low[i] = d * ggufMXFP4[b&15]
			high[i] = d * ggufMXFP4[b>>4]
		}
	}
}

// Microscaled is a weight as checkpoints store it in MXFP4, gpt-oss's among them: an element is
// value·2^(scale−127), which is exact but for an overflow (transformers, integrations/mxfp4.py,
// convert_moe_packed_tensors).
type Microscaled struct {
	Rows, Cols int    // Cols is a multiple of 32
	Blocks     []byte // row by row, two codes a byte, the even element in the low nibble
	Scales     []byte // an exponent for 32 elements of a row
}

// Tensor checks the parts against each other and returns the tensor they are, which shares them.
func (q Microscaled) Tensor() (*Tensor, error) {
	if err := checkShape(q.Rows, q.Cols); err != nil {
		return nil, err
	}
	if q.Cols%blockMXFP4 != 0 {
		return nil, fmt.Errorf("rows of %d elements are no whole blocks of %v, which hold %d", q.Cols, MXFP4, blockMXFP4)
	}
	if err := checkLength("blocks", len(q.Blocks), q.Rows*q.Cols/2); err != nil {
		return nil, err
	}
	if err := checkLength("scales", len(q.Scales), q.Rows*q.Cols/blockMXFP4); err != nil {
		return nil, err
	}
	return &Tensor{Format: MXFP4, Rows: q.Rows, Cols: q.Cols, storage: &microscaled{q}}, nil
}

// GGUFRow writes a row as GGUF's blocks have it: each its exponent, then 16 bytes of which the low
// nibbles are the first half of its elements. dst has 17 bytes for 32 elements; the parts have been
// checked by Tensor.
func (q Microscaled) GGUFRow(dst []byte, row int) {
	const codes, size = blockMXFP4 / 2, 1 + blockMXFP4/2
	first := row * q.Cols / blockMXFP4
	for i := range q.Cols / blockMXFP4 {
		block, to := q.Blocks[(first+i)*codes:][:codes], dst[i*size:][:size]
		to[0] = q.Scales[first+i]
		for j := range codes {
			low, high := block[j/2]>>(j%2*4)&15, block[(j+codes)/2]>>(j%2*4)&15
			to[1+j] = low | high<<4
		}
	}
}

// microscaled is the storage of a Microscaled.
type microscaled struct{ Microscaled }

func (q *microscaled) bytes() int64 { return int64(len(q.Blocks) + len(q.Scales)) }

func (q *microscaled) decode(dst []float32, row, col int) {
	at := row*q.Cols + col
	for len(dst) > 0 {
		block, skip := at/blockMXFP4, at%blockMXFP4
		n := min(len(dst), blockMXFP4-skip)
		codes := swapNibbles(q.Blocks[block*blockMXFP4/2:])
		widenNibbles(dst[:n], codes[:], skip, &valuesMXFP4, halfScaleMXFP4(q.Scales[block]))
		dst, at = dst[n:], at+n
	}
}

// swapNibbles is the codes of a block with the even element in the high nibble, where widenNibbles
// looks for it.
func swapNibbles(block []byte) (swapped [blockMXFP4 / 2]byte) {
	const low = 0x0f0f0f0f0f0f0f0f
	for i := 0; i < len(swapped); i += 8 {
		x := binary.LittleEndian.Uint64(block[i:])
		binary.LittleEndian.PutUint64(swapped[i:], x>>4&low|x&low<<4)
	}
	return swapped
}
