package quant

// widenQ6_K widens blocks of 256: 128 bytes of low nibbles, 64 bytes of upper pairs of bits, 16 int8
// scales, d f16. Sixteen elements share dl = d·scale; an element is dl·(code − 32). In each half of
// 128 elements byte i of 32 pairs of bits serves elements i, 32+i, 64+i and 96+i, whose nibbles are
// the low ones of bytes i and 32+i, then the high ones (dequantize_row_q6_K).
func widenQ6_K(dst []float32, src []byte) {
	done := widenQ6_KVector(dst, src)
	dst, src = dst[superBlock*done:], src[210*done:]
	for ; len(src) >= 210; dst, src = dst[superBlock:], src[210:] {
		dl := scalesQ6_K(src)
		for h := range 2 {
			out, low, high := dst[128*h:][:128:128], src[64*h:][:64:64], src[128+32*h:][:32:32]
			for i, b := range high {
				s := dl[8*h+i/16:]
				out[i] = s[0] * float32(int(low[i]&15|b&3<<4)-32)
				out[32+i] = s[2] * float32(int(low[32+i]&15|b>>2&3<<4)-32)
				out[64+i] = s[4] * float32(int(low[i]>>4|b>>4&3<<4)-32)
				out[96+i] = s[6] * float32(int(low[32+i]>>4|b>>6<<4)-32)
			}
		}
	}
}

// scalesQ6_K is the scales of the 16 groups in a block, multiplied out.
func scalesQ6_K(block []byte) (dl [16]float32) {
	d := half(block[208:])
	for i, s := range block[192:208:208] {
		dl[i] = d * float32(int8(s))
	}
	return dl
}
