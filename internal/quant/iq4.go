package quant

import "encoding/binary"

// valuesIQ4 is what the codes of IQ4_NL and IQ4_XS stand for (ggml-common.h, kvalues_iq4nl).
var valuesIQ4 = [16]float32{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}

// widenIQ4_NL widens blocks of 32: d f16, 16 bytes of codes as in Q4_0. An element is d·value
// (dequantize_row_iq4_nl).
func widenIQ4_NL(dst []float32, src []byte) {
	for ; len(src) >= 18; dst, src = dst[32:], src[18:] {
		lookUp(dst[:32:32], src[2:18:18], half(src))
	}
}

// widenIQ4_XS widens blocks of 256: d f16, 2 bits each of 8 scales, their low nibbles, 128 bytes of
// codes. Thirty-two elements share dl = d·(scale − 32); an element is dl·value
// (dequantize_row_iq4_xs).
func widenIQ4_XS(dst []float32, src []byte) {
	for ; len(src) >= 136; dst, src = dst[superBlock:], src[136:] {
		d, upper := half(src), binary.LittleEndian.Uint16(src[2:])
		for g := range 8 {
			scale := int(src[4+g/2]>>(g%2*4)&15) | int(upper>>(2*g)&3)<<4
			lookUp(dst[32*g:][:32:32], src[8+16*g:][:16:16], d*float32(scale-32))
		}
	}
}

// lookUp widens 32 elements whose codes are the low nibbles of 16 bytes, then the high ones.
func lookUp(dst []float32, codes []byte, d float32) {
	low, high := dst[:16:16], dst[16:32:32]
	for i, b := range codes[:16:16] {
		low[i] = d * valuesIQ4[b&15]
		high[i] = d * valuesIQ4[b>>4]
	}
}
