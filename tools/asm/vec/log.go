package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// The constants of Log64 in internal/kernels/vec/float64.go, where they are explained.
const (
	ln2Hi64 = 6.93147180369123816490e-01
	ln2Lo64 = 1.90821492927058770002e-10
)

var logPoly = []float64{
	1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01,
	2.222219843214978396e-01, 2.857142874366239149e-01, 3.999999999940941908e-01,
	6.666666666666735130e-01,
}

// doubles are the data symbols of float64 made so far, of one element each.
var doubles = map[uint64]Mem{}

// double returns x in every lane of a vector.
func (k *kernel) double(x float64) VecVirtual { return k.pattern64(math.Float64bits(x)) }

func (k *kernel) pattern64(bits uint64) VecVirtual {
	m, ok := doubles[bits]
	if !ok {
		m = GLOBL(fmt.Sprintf("d%016x", bits), rodata)
		DATA(0, U64(bits))
		doubles[bits] = m
	}
	y := k.vec()
	VBROADCASTSD(m, y)
	return y
}

// log64 is Log64 of positive normal numbers; any others become something.
func (k *kernel) log64(x VecVirtual) VecVirtual {
	// With root the bits of √½, bits − root is 2⁵²·exponent and what the fraction is above root's: the
	// exponent is right for a fraction between √½ and √2. A bias keeps it positive.
	const bias = 1024
	root := math.Float64bits(math.Sqrt2 / 2)
	e, m, exponent, f := k.vec(), k.vec(), k.vec(), k.vec()
	VPSUBQ(k.pattern64(root-bias<<52), x, e)
	VPSRLQ(U8(52), e, e)
	VPSLLQ(U8(52), e, m)
	VPSUBQ(m, x, m)
	VPADDQ(k.pattern64(bias<<52), m, m)
	k.or64(k.pattern64(math.Float64bits(1<<52)), e, e)
	VSUBPD(k.double(1<<52+bias), e, exponent)

	VSUBPD(k.double(1), m, f)
	s, z := k.vec(), k.vec()
	VADDPD(k.double(2), f, s)
	VDIVPD(s, f, s)
	VMULPD(s, s, z)
	r := k.double(logPoly[0])
	for _, c := range logPoly[1:] {
		VFMADD213PD(k.double(c), z, r)
	}
	VMULPD(z, r, r)
	half, tail := k.vec(), k.vec()
	VMULPD(f, f, half)
	VMULPD(k.double(0.5), half, half)
	VADDPD(r, half, r)
	VMULPD(k.double(ln2Lo64), exponent, tail)
	VFMADD231PD(r, s, tail)
	VSUBPD(tail, half, half)
	VSUBPD(f, half, half)
	VFMSUB231PD(k.double(ln2Hi64), exponent, half)
	return half
}

func (v isa) or64(b Op, a, dst VecVirtual) {
	if v.wide() {
		VPORQ(b, a, dst)
	} else {
		VPOR(b, a, dst)
	}
}

// log returns Log of each element.
func (k *kernel) log(x VecVirtual) VecVirtual {
	high, low := k.vec(), k.vec()
	var y VecVirtual
	if k.wide() {
		upper := YMM()
		VEXTRACTF32X8(U8(1), x, upper)
		VCVTPS2PD(upper, high)
		VCVTPS2PD(x.AsY(), low)
		y = ZMM()
		VCVTPD2PS(k.log64(high), upper)
		VCVTPD2PS(k.log64(low), y.AsY())
		VINSERTF32X8(U8(1), upper, y, y)
	} else {
		upper := XMM()
		VEXTRACTF128(U8(1), x, upper)
		VCVTPS2PD(upper, high)
		VCVTPS2PD(x.AsX(), low)
		y = YMM()
		VCVTPD2PSY(k.log64(high), upper)
		VCVTPD2PSY(k.log64(low), y.AsX())
		VINSERTF128(U8(1), upper, y, y)
	}
	k.choose(k.compare(notLessEqual, x, constant(math.MaxFloat32)), x, y)
	zero := k.vec()
	VXORPS(zero, zero, zero)
	k.choose(k.compare(lessThan, x, zero), k.copy(pattern(infinity|1<<22)), y)
	k.choose(k.compare(equal, x, zero), k.copy(pattern(infinity|signBit)), y)
	return y
}
