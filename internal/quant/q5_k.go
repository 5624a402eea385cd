package quant

// widenQ5_K widens blocks of 256: as Q4_K, with 32 bytes of fifth bits before the codes, of which bit
// g belongs to group g (dequantize_row_q5_K).
func widenQ5_K(dst []float32, src []byte) {
	for ; len(src) >= 176; dst, src = dst[superBlock:], src[176:] {
		dl, ml := scalesQ4_K(src)
		fifth := src[16:48:48]
		for pair := range 4 {
			d0, m0, d1, m1 := dl[2*pair], ml[2*pair], dl[2*pair+1], ml[2*pair+1]
			low, high := dst[64*pair:64*pair+32], dst[64*pair+32:64*pair+64]
			for i, b := range src[48+32*pair:][:32:32] {
				bits := fifth[i] >> (2 * pair)
				low[i] = float32(d0*float32(b&15|bits&1<<4)) - m0
				high[i] = float32(d1*float32(b>>4|bits&2<<3)) - m1
			}
		}
	}
}
