package quant

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/cultivar/cultivar/internal/dtype"
)

// maxHalf is the largest finite float16.
const maxHalf = 65504

// QuantiseQ8_0 quantises whole blocks of 32 elements to Q8_0 and returns their bytes, equal to
// ggml's: d is the largest magnitude over 127, a code the value times 1/d to the nearest, a tie away
// from zero, and d is stored as float16 (ggml-quants.c, quantize_row_q8_0_ref).
func QuantiseQ8_0(src []float32) ([]byte, error) {
	if len(src)%32 != 0 {
		return nil, fmt.Errorf("%d elements are no whole blocks of Q8_0, which hold 32", len(src))
	}
	packed := make([]byte, len(src)/32*34)
	for at, out := 0, packed; at < len(src); at, out = at+32, out[34:] {
		block := src[at : at+32 : at+32]
		d := maxAbs(block) / 127
		if d-d != 0 || d > maxHalf {
			return nil, fmt.Errorf("%w, or its scale is not in float16: one of 32 elements from %d on", ErrNotFinite, at)
		}
		inverse := 1 / d
		if inverse > math.MaxFloat32 {
			inverse = 0 // d is 0 in float16, so codes do not matter; ggml's are undefined but for d = 0
		}
		binary.LittleEndian.PutUint16(out, dtype.F32ToF16(d))
		for i, v := range block {
			out[2+i] = byte(int8(math.Round(float64(v * inverse))))
		}
	}
	return packed, nil
}
