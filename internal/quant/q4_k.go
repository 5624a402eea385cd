package quant

// widenQ4_K widens blocks of 256: d f16, dmin f16, 12 bytes of 6-bit scales and minima, 128 bytes of
// codes. Thirty-two elements share dl = d·scale and ml = dmin·minimum; an element is dl·code − ml,
// each product rounded. Of 32 bytes of codes the low nibbles are one such group, the high the next
// (dequantize_row_q4_K).
func widenQ4_K(dst []float32, src []byte) {
	done := widenQ4_KVector(dst, src)
	dst, src = dst[superBlock*done:], src[144*done:]
	for ; len(src) >= 144; dst, src = dst[superBlock:], src[144:] {
		dl, ml := scalesQ4_K(src)
		for pair := range 4 {
			d0, m0, d1, m1 := dl[2*pair], ml[2*pair], dl[2*pair+1], ml[2*pair+1]
			low, high := dst[64*pair:64*pair+32], dst[64*pair+32:64*pair+64]
			for i, b := range src[16+32*pair:][:32:32] {
				low[i] = float32(d0*float32(b&15)) - m0
				high[i] = float32(d1*float32(b>>4)) - m1
			}
		}
	}
}

// scalesQ4_K unpacks the scales and minima of the 8 groups in a block of Q4_K or Q5_K, multiplied out.
// The first four are the low 6 bits of a byte; the others have 4 bits of their own in the last four
// bytes, and their upper 2 above the first four's (ggml-quants.c, get_scale_min_k4).
func scalesQ4_K(block []byte) (dl, ml [8]float32) {
	d, dmin := half(block), half(block[2:])
	scales, minima, rest := block[4:8:8], block[8:12:12], block[12:16:16]
	for i := range 4 {
		s, m, r := scales[i], minima[i], rest[i]
		dl[i], ml[i] = d*float32(s&63), dmin*float32(m&63)
		dl[4+i], ml[4+i] = d*float32(r&15|s>>6<<4), dmin*float32(r>>4|m>>6<<4)
	}
	return dl, ml
}
