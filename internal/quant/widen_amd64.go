package quant

import "github.com/cultivar/cultivar/internal/cpu"

//go:generate go -C ../../tools/asm run ./quant -out ../../internal/quant/widen_amd64.s

// The vector forms do as many blocks, or elements, as they can and return how many. They are AVX2
// under AVX-512 too: what they write is more than a core can store to memory either way.

func widenQ4_0Vector(dst []float32, src []byte) int {
	blocks := len(src) / 18
	if blocks == 0 || cpu.Current() == cpu.Generic {
		return 0
	}
	dst = dst[:32*blocks]
	widenQ4_0AVX2(&dst[0], &src[0], blocks)
	return blocks
}

func widenQ8_0Vector(dst []float32, src []byte) int {
	blocks := len(src) / 34
	if blocks == 0 || cpu.Current() == cpu.Generic {
		return 0
	}
	dst = dst[:32*blocks]
	widenQ8_0AVX2(&dst[0], &src[0], blocks)
	return blocks
}

func widenQ4_KVector(dst []float32, src []byte) int {
	blocks := len(src) / 144
	if cpu.Current() == cpu.Generic {
		return 0
	}
	for range blocks {
		dl, ml := scalesQ4_K(src)
		codes, out := src[16:144], dst[:superBlock]
		widenQ4KAVX2(&out[0], &codes[0], &dl, &ml)
		dst, src = dst[superBlock:], src[144:]
	}
	return blocks
}

func widenQ6_KVector(dst []float32, src []byte) int {
	blocks := len(src) / 210
	if cpu.Current() == cpu.Generic {
		return 0
	}
	for range blocks {
		dl := scalesQ6_K(src)
		block, out := src[:210], dst[:superBlock]
		widenQ6KAVX2(&out[0], &block[0], &dl)
		dst, src = dst[superBlock:], src[210:]
	}
	return blocks
}

func widenNibblesVector(dst []float32, packed []byte, table *[16]float32, scale float32) int {
	n := min(len(dst), 2*len(packed)) &^ 15
	if n == 0 || cpu.Current() == cpu.Generic {
		return 0
	}
	widenNibblesAVX2(&dst[0], &packed[0], table, scale, n)
	return n
}

func widenInt8Vector(dst []float32, codes []byte, scale float32) int {
	n := min(len(dst), len(codes)) &^ 15
	if n == 0 || cpu.Current() == cpu.Generic {
		return 0
	}
	widenInt8AVX2(&dst[0], &codes[0], scale, inverse127, n)
	return n
}

//go:noescape
func widenNibblesAVX2(dst *float32, packed *byte, table *[16]float32, scale float32, n int)

//go:noescape
func widenInt8AVX2(dst *float32, codes *byte, scale, inverse float32, n int)

//go:noescape
func widenQ8_0AVX2(dst *float32, src *byte, blocks int)

//go:noescape
func widenQ4_0AVX2(dst *float32, src *byte, blocks int)

//go:noescape
func widenQ4KAVX2(dst *float32, codes *byte, dl, ml *[8]float32)

//go:noescape
func widenQ6KAVX2(dst *float32, block *byte, dl *[16]float32)
