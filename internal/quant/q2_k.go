package quant

// widenQ2_K widens blocks of 256: 16 bytes of scales and minima, 64 bytes of codes, d f16, dmin f16.
// Sixteen elements share the scale dl = d·(low nibble) and the minimum ml = dmin·(high nibble); an
// element is dl·code − ml, each product rounded. Codes lie as [half][pair of bits][32 elements]
// (dequantize_row_q2_K).
func widenQ2_K(dst []float32, src []byte) {
	for ; len(src) >= 84; dst, src = dst[superBlock:], src[84:] {
		d, dmin := half(src[80:]), half(src[82:])
		for group, s := range src[:16] { // 16 elements each
			dl, ml := d*float32(s&15), dmin*float32(s>>4)
			codes, shift := twoBits(src[16:80], group)
			out := dst[group*16 : group*16+16]
			for i, b := range codes[:len(out)] {
				out[i] = float32(dl*float32(b>>shift&3)) - ml
			}
		}
	}
}

// twoBits finds the 2-bit codes of a group of 16 elements in the 64 bytes of a block of Q2_K or Q3_K:
// the bytes they are in and how far they are shifted.
func twoBits(codes []byte, group int) (bytes []byte, shift int) {
	return codes[group/8*32+group%2*16:], group / 2 % 4 * 2
}
