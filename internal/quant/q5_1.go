package quant

import "encoding/binary"

// widenQ5_1 widens blocks of 32: d f16, m f16, 32 fifth bits, 16 bytes of low nibbles as in Q4_0. An
// element is d·code + m, the product rounded (dequantize_row_q5_1).
func widenQ5_1(dst []float32, src []byte) {
	for ; len(src) >= 24; dst, src = dst[32:], src[24:] {
		d, m, fifth := half(src), half(src[2:]), binary.LittleEndian.Uint32(src[4:])
		low, high := dst[:16:16], dst[16:32:32]
		for i, b := range src[8:24:24] {
			bits := fifth >> i
			low[i] = float32(d*float32(uint32(b&15)|bits<<4&16)) + m
			high[i] = float32(d*float32(uint32(b>>4)|bits>>12&16)) + m
		}
	}
}
