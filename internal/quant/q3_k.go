package quant

// widenQ3_K widens blocks of 256: 32 bytes of third bits, 64 bytes of codes as in Q2_K, 12 bytes of
// 6-bit scales, d f16. Sixteen elements share the scale dl = d·(scale − 32); an element is
// dl·(code − 4), or dl·code where the third bit is set (dequantize_row_q3_K).
func widenQ3_K(dst []float32, src []byte) {
	for ; len(src) >= 110; dst, src = dst[superBlock:], src[110:] {
		d := half(src[108:])
		for group := range 16 {
			dl := d * float32(scaleQ3_K(src[96:108], group)-32)
			codes, shift := twoBits(src[32:96], group)
			third, bit := src[group%2*16:], group/2
			out := dst[group*16 : group*16+16]
			for i, b := range codes[:len(out)] {
				out[i] = dl * float32(int(b>>shift&3)+int(third[i]>>bit&1)<<2-4)
			}
		}
	}
}

// scaleQ3_K unpacks the 6-bit scale of a group: the low 4 bits are nibbles of the first 8 bytes, the
// upper 2 are in the last 4.
func scaleQ3_K(packed []byte, group int) int {
	low := packed[group%8] >> (group / 8 * 4) & 15
	high := packed[8+group%4] >> (group / 4 * 2) & 3
	return int(low | high<<4)
}
