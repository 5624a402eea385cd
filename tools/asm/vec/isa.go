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
	equal        = 0x00 // EQ_OQ: false for NaN
	lessThan     = 0x11 // LT_OQ: false for NaN
	unordered    = 0x03 // UNORD_Q
	ordered      = 0x07 // ORD_Q
	atMost       = 0x12 // LE_OQ: false for NaN
	notLessThan  = 0x15 // NLT_UQ: true for NaN
	notLessEqual = 0x16 // NLE_UQ: true for NaN
)

// notFinite is the classes of VFPCLASSPS of NaN and infinities.
const notFinite = 0x80 | 0x10 | 0x08 | 0x01

// compare returns the lanes in which "a predicate b" is true.
func (v isa) compare(predicate uint8, a VecVirtual, b Op) Register {
	if !v.wide() {
		m := YMM()
		VCMPPS(U8(predicate), b, a, m)
		return m
	}
	k := K()
	if constants[b] {
		VCMPPS_BCST(U8(predicate), b, a, k)
	} else {
		VCMPPS(U8(predicate), b, a, k)
	}
	return k
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

// An instruction has two forms, if its first operand is in memory: a whole vector, or one element for all
// lanes.
type instruction struct{ whole, broadcast func(...Op) }

var (
	addPS       = instruction{VADDPS, VADDPS_BCST}
	subPS       = instruction{VSUBPS, VSUBPS_BCST}
	mulPS       = instruction{VMULPS, VMULPS_BCST}
	divPS       = instruction{VDIVPS, VDIVPS_BCST}
	andPS       = instruction{VANDPS, VANDPS_BCST}
	xorPS       = instruction{VXORPS, VXORPS_BCST}
	fmadd213PS  = instruction{VFMADD213PS, VFMADD213PS_BCST}
	fmadd231PS  = instruction{VFMADD231PS, VFMADD231PS_BCST}
	fnmadd231PS = instruction{VFNMADD231PS, VFNMADD231PS_BCST}
)

// do writes an instruction. AVX-512 reads one element of a constant: the linker aligns data to 32 bytes at
// most, so that every other constant of 64, or none, would be in two lines of the cache.
func (v isa) do(i instruction, first Op, others ...Op) {
	form := i.whole
	if v.wide() && constants[first] {
		form = i.broadcast
	}
	form(append([]Op{first}, others...)...)
}

// constants are the data symbols that constant and pattern have made.
var constants = map[Op]bool{}

// constant is x in memory, in as many lanes as AVX2 has.
func constant(x float32) Mem { return pattern(float32Bits(x)) }

func pattern(bits uint32) Mem {
	name := fmt.Sprintf("x%08x", bits)
	m := NewDataAddr(Symbol{Name: name, Static: true}, 0)
	if !constants[m] {
		constants[GLOBL(name, rodata)] = true
		for lane := range avx2.width {
			DATA(4*lane, U32(bits))
		}
	}
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
