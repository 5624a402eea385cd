package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// isa is an instruction set. What differs between the two is the width of a vector and where the
// result of a comparison is kept: in a vector (AVX2) or in a mask register (AVX-512).
type isa struct {
	name  string
	width int // float32 in a vector
}

var (
	avx2   = isa{"AVX2", 8}
	avx512 = isa{"AVX512", 16}
)

func (v isa) wide() bool { return v.width == 16 }

// vec allocates a vector register.
func (v isa) vec() VecVirtual {
	if v.wide() {
		return ZMM()
	}
	return YMM()
}

// Predicates of VCMPPS.
const (
	lessThan     = 0x11 // LT_OQ: false for NaN
	unordered    = 0x03 // UNORD_Q
	notLessThan  = 0x15 // NLT_UQ: true for NaN
	notLessEqual = 0x16 // NLE_UQ: true for NaN
)

// compare returns the lanes in which "a predicate b" is true.
func (v isa) compare(predicate uint8, a VecVirtual, b Op) Register {
	if v.wide() {
		k := K()
		VCMPPS(U8(predicate), b, a, k)
		return k
	}
	m := YMM()
	VCMPPS(U8(predicate), b, a, m)
	return m
}

// choose sets dst to src in the lanes of mask.
func (v isa) choose(mask Register, src Op, dst VecVirtual) {
	if v.wide() {
		VMOVAPS(src, mask, dst)
		return
	}
	VBLENDVPS(mask, src, dst, dst)
}

// keep clears dst outside the lanes of mask.
func (v isa) keep(mask Register, dst VecVirtual) {
	if v.wide() {
		VMOVAPS_Z(dst, mask, dst)
		return
	}
	VANDPS(mask, dst, dst)
}

// constants are the data symbols made so far: 16 copies of each, so that they serve as a memory
// operand of either width.
var constants = map[uint32]Mem{}

// constant is x in every lane, in memory.
func constant(x float32) Mem { return pattern(float32Bits(x)) }

func pattern(bits uint32) Mem {
	if m, ok := constants[bits]; ok {
		return m
	}
	m := GLOBL(fmt.Sprintf("x%08x", bits), rodata)
	for lane := range 16 {
		DATA(4*lane, U32(bits))
	}
	constants[bits] = m
	return m
}

// tailMask is 8 lanes of ones and 8 of zeros: loaded r lanes before the border, it selects the
// first r.
var tailMask Mem

// laneNumbers is 0, 1, … 15.
var laneNumbers Mem

func makeTables() {
	laneNumbers = GLOBL("laneNumbers", rodata)
	for lane := range 16 {
		DATA(4*lane, U32(lane))
	}
	tailMask = GLOBL("tailMask", rodata)
	for lane := range 16 {
		bits := uint32(0)
		if lane < 8 {
			bits = 1<<32 - 1
		}
		DATA(4*lane, U32(bits))
	}
}

// firstLanes returns the mask of the first r lanes, r < width.
func (v isa) firstLanes(r Register) Register {
	if v.wide() {
		count, k := ZMM(), K()
		VPBROADCASTD(r.(GPVirtual).As32(), count)
		VPCMPGTD(laneNumbers, count, k)
		return k
	}
	at, minus := GP64(), GP64()
	LEAQ(tailMask.Offset(32), at)
	MOVQ(r, minus)
	NEGQ(minus)
	m := YMM()
	VMOVUPS(Mem{Base: at, Index: minus, Scale: 4}, m)
	return m
}
