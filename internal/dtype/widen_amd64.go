package dtype

import "github.com/cultivar/cultivar/internal/cpu"

//go:generate go -C ../../tools/asm run ./dtype -out ../../internal/dtype/widen_amd64.s

// widenVector converts a prefix of src and returns its length, a multiple of 16.
func widenVector(t Type, dst []float32, src []uint16) int {
	n := len(src) &^ 15
	if n == 0 || cpu.Current() == cpu.Generic {
		return 0
	}
	if t == BF16 {
		widenBF16(&dst[0], &src[0], n)
	} else {
		widenF16(&dst[0], &src[0], n)
	}
	return n
}

// The AVX2 and F16C forms (every processor with AVX2 has F16C); n is a positive multiple of 16.

//go:noescape
func widenBF16(dst *float32, src *uint16, n int)

//go:noescape
func widenF16(dst *float32, src *uint16, n int)
