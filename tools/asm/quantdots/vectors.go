package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

var (
	ymm = []reg.VecPhysical{reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7, reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15}
	zmm = []reg.VecPhysical{reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7, reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
		reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23, reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31}
)

func z(i int) reg.VecPhysical { return zmm[i] }
func y(i int) reg.VecPhysical { return ymm[i] }
func x(i int) reg.VecPhysical { return ymm[i].AsX().(reg.VecPhysical) }

// wideMasks are those of the second to fourth quarter of a vector.
func wideMasks() []reg.OpmaskPhysical { return []reg.OpmaskPhysical{reg.K1, reg.K2, reg.K3} }

// The vectors that stay what they are with 16 lanes: scales of the groups from vScales on while columns
// are multiplied, the shuffles of the second and third byte, and the table of a format.
const vScales, vSecond, vThird, vTable = 24, 28, 29, 31

// With 8 lanes there are two for the shuffles, until the next transpose.
const vSecondHere, vThirdHere = 2, 3

var words = map[string]Mem{}

// word is a 32-bit constant in memory.
func word(value uint32) Mem {
	return constant(fmt.Sprintf("word%08x", value), 8, func(int) uint32 { return value })
}

// shuffle brings a byte of each word to its top and clears the rest.
func shuffle(n int) Mem {
	return constant(fmt.Sprintf("byte%dToTop", n), 4, func(i int) uint32 { return uint32(4*i+n)<<24 | 0x808080 })
}

// constant is n words in memory, made the first time.
func constant(name string, n int, value func(i int) uint32) Mem {
	m, ok := words[name]
	if !ok {
		m = GLOBL(name, RODATA|NOPTR)
		for i := range n {
			DATA(4*i, U32(value(i)))
		}
		words[name] = m
	}
	return m
}

// and masks each byte of a vector.
func (k *kernel) and(mask byte, from, to int) {
	m := word(0x01010101 * uint32(mask))
	if k.wide {
		VPANDD_BCST(m, z(from), z(to))
		return
	}
	VPAND(m, y(from), y(to))
}

// scale multiplies a vector by a power of two or another constant.
func (k *kernel) scale(bits uint32, v int) {
	if k.wide {
		VMULPS_BCST(word(bits), z(v), z(v))
		return
	}
	VMULPS(word(bits), y(v), y(v))
}

// Powers of two as float32.
const (
	two24Less = (127 - 24) << 23 // 2⁻²⁴
	two48Less = (127 - 48) << 23 // 2⁻⁴⁸
)

// top makes vector to byte n of each word of from times 2²⁴ as float32, which is exact and saves a shift
// for the sign.
func (k *kernel) top(n, from, to int) {
	k.toTop(n, from, to)
	VCVTDQ2PS(k.v(to), k.v(to))
}

func (k *kernel) toTop(n, from, to int) {
	switch {
	case n == 0:
		VPSLLD(U8(24), k.v(from), k.v(to))
	case n == 3 && k.wide:
		VPANDD_BCST(word(0xff000000), z(from), z(to))
	case n == 3:
		VPAND(word(0xff000000), y(from), y(to))
	case k.wide:
		VPSHUFB(z(vSecond+n-1), z(from), z(to))
	default:
		VPSHUFB(y(vSecondHere+n-1), y(from), y(to))
	}
}

// store writes a vector of codes of the group.
func (k *kernel) store(v, n int) { VMOVUPS(k.v(v), k.vector(atCodes, n)) }
