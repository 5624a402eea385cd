package quant

import (
	"encoding/binary"
	"fmt"

	"github.com/cultivar/cultivar/internal/dtype"
)

// superBlock is the number of elements in a block of the K formats (ggml-common.h, QK_K).
const superBlock = 256

// ggmlBlock is the number of elements in a block of each of GGUF's formats and the bytes it takes
// (gguf-py/gguf/constants.py, GGML_QUANT_SIZES).
var ggmlBlock = [...]struct{ elements, bytes int }{
	Q4_0: {32, 2 + 16}, Q4_1: {32, 2 + 2 + 16}, Q5_0: {32, 2 + 4 + 16}, Q5_1: {32, 2 + 2 + 4 + 16}, Q8_0: {32, 2 + 32},
	Q2_K: {superBlock, 16 + 64 + 2 + 2}, Q3_K: {superBlock, 32 + 64 + 12 + 2}, Q4_K: {superBlock, 2 + 2 + 12 + 128},
	Q5_K: {superBlock, 2 + 2 + 12 + 32 + 128}, Q6_K: {superBlock, 128 + 64 + 16 + 2},
	IQ4_NL: {32, 2 + 16}, IQ4_XS: {superBlock, 2 + 2 + 4 + 128}, MXFP4: {blockMXFP4, 1 + 16},
}

// GGUFBlock returns how many elements of a row a block of the format holds and how many bytes it
// takes; ok tells whether it is a format of GGUF.
func GGUFBlock(f Format) (elements, bytes int, ok bool) {
	if int(f) >= len(ggmlBlock) {
		return 0, 0, false
	}
	return ggmlBlock[f].elements, ggmlBlock[f].bytes, true
}

// FromGGUF is a tensor whose rows are whole blocks of one of GGUF's formats, one after the other in
// data, which it shares.
func FromGGUF(f Format, rows, cols int, data []byte) (*Tensor, error) {
	elements, bytes, ok := GGUFBlock(f)
	if !ok {
		return nil, fmt.Errorf("%v is no format of GGUF", f)
	}
	if err := checkShape(rows, cols); err != nil {
		return nil, err
	}
	if cols%elements != 0 {
		return nil, fmt.Errorf("rows of %d elements are no whole blocks of %v, which hold %d", cols, f, elements)
	}
	stride := cols / elements * bytes
	if err := checkLength("data", len(data), rows*stride); err != nil {
		return nil, err
	}
	return &Tensor{Format: f, Rows: rows, Cols: cols, storage: &ggml{f, data, stride}}, nil
}

// ggml is rows of blocks.
type ggml struct {
	format Format
	data   []byte
	stride int // bytes from one row to the next
}

func (g *ggml) bytes() int64 { return int64(len(g.data)) }

func (g *ggml) decode(dst []float32, row, col int) {
	n, size := ggmlBlock[g.format].elements, ggmlBlock[g.format].bytes
	src := g.data[row*g.stride+col/n*size : (row+1)*g.stride]
	if skip := col % n; skip != 0 {
		done := g.decodePart(dst, src[:size], skip)
		dst, src = dst[done:], src[size:]
	}
	blocks := len(dst) / n
	g.widen(dst[:blocks*n], src[:blocks*size])
	if rest := dst[blocks*n:]; len(rest) > 0 {
		g.decodePart(rest, src[blocks*size:(blocks+1)*size], 0)
	}
}

// decodePart widens the elements of one block from skip on, as many as there are or dst has room
// for, and returns how many.
func (g *ggml) decodePart(dst []float32, block []byte, skip int) int {
	var whole [superBlock]float32
	n := ggmlBlock[g.format].elements
	g.widen(whole[:n], block)
	return copy(dst, whole[skip:n])
}

// widen widens whole blocks. It calls each format by name and not through a table, for which dst
// would have to be on the heap.
func (g *ggml) widen(dst []float32, src []byte) {
	switch g.format {
	case Q4_0:
		widenQ4_0(dst, src)
	case Q4_1:
		widenQ4_1(dst, src)
	case Q5_0:
		widenQ5_0(dst, src)
	case Q5_1:
		widenQ5_1(dst, src)
	case Q8_0:
		widenQ8_0(dst, src)
	case Q2_K:
		widenQ2_K(dst, src)
	case Q3_K:
		widenQ3_K(dst, src)
	case Q4_K:
		widenQ4_K(dst, src)
	case Q5_K:
		widenQ5_K(dst, src)
	case Q6_K:
		widenQ6_K(dst, src)
	case IQ4_NL:
		widenIQ4_NL(dst, src)
	case IQ4_XS:
		widenIQ4_XS(dst, src)
	case MXFP4:
		widenMXFP4(dst, src)
	}
}

// half reads an f16, which blocks of ggml have for scales.
func half(b []byte) float32 { return dtype.F16ToF32(binary.LittleEndian.Uint16(b)) }
