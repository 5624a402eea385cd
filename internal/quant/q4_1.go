package quant

// widenQ4_1 widens blocks of 32: d f16, m f16, 16 bytes of codes, of which the low nibbles are the
// first 16 elements. An element is d·code + m, the product rounded (dequantize_row_q4_1).
func widenQ4_1(dst []float32, src []byte) {
	for ; len(src) >= 20; dst, src = dst[32:], src[20:] {
		d, m := half(src), half(src[2:])
		low, high := dst[:16:16], dst[16:32:32]
		for i, b := range src[4:20:20] {
			low[i] = float32(d*float32(b&15)) + m
			high[i] = float32(d*float32(b>>4)) + m
		}
	}
}
