package quant

import "encoding/binary"

// widenQ5_0 widens blocks of 32: d f16, 32 fifth bits, 16 bytes of low nibbles as in Q4_0. An element
// is d·(code − 16) (dequantize_row_q5_0).
func widenQ5_0(dst []float32, src []byte) {
	for ; len(src) >= 22; dst, src = dst[32:], src[22:] {
		d, fifth := half(src), binary.LittleEndian.Uint32(src[2:])
		low, high := dst[:16:16], dst[16:32:32]
		for i, b := range src[6:22:22] {
			bits := fifth >> i
			low[i] = d * float32(int(uint32(b&15)|bits<<4&16)-16)
			high[i] = d * float32(int(uint32(b>>4)|bits>>12&16)-16)
		}
	}
}
