package quant

// widenQ4_0 widens blocks of 32: d f16, 16 bytes of codes, of which the low nibbles are the first 16
// elements. An element is d·(code − 8) (ggml-quants.c, dequantize_row_q4_0).
func widenQ4_0(dst []float32, src []byte) {
	done := widenQ4_0Vector(dst, src)
	dst, src = dst[32*done:], src[18*done:]
	for ; len(src) >= 18; dst, src = dst[32:], src[18:] {
		d := half(src)
		low, high := dst[:16:16], dst[16:32:32]
		for i, b := range src[2:18:18] {
			low[i] = d * float32(int(b&15)-8)
			high[i] = d * float32(int(b>>4)-8)
		}
	}
}
