package quant

// widenQ8_0 widens blocks of 32: d f16, 32 int8. An element is d·code (dequantize_row_q8_0).
func widenQ8_0(dst []float32, src []byte) {
	done := widenQ8_0Vector(dst, src)
	dst, src = dst[32*done:], src[34*done:]
	for ; len(src) >= 34; dst, src = dst[32:], src[34:] {
		d := half(src)
		out := dst[:32:32]
		for i, b := range src[2:34:34] {
			out[i] = d * float32(int8(b))
		}
	}
}
