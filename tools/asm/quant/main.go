// Command quant generates the vector decoding of internal/quant. A routine widens whole blocks, or a
// multiple of 16 elements, and reads and writes nothing else.
package main

import (
	"log"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func main() {
	nibbles()
	int8s()
	q8_0()
	q4_0()
	q4K()
	q6K()
	Generate()
}

// constant is a vector of eight 32-bit integers in memory.
func constant(name string, values ...uint32) Mem {
	m := GLOBL(name, RODATA|NOPTR)
	for i, v := range values {
		DATA(4*i, U32(v))
	}
	return m
}

// broadcast is a register that holds value eight times.
func broadcast(name string, value uint32) VecVirtual {
	r := YMM()
	VPBROADCASTD(constant(name, value), r)
	return r
}

// factor is a float32 parameter in all lanes. It is broadcast from memory: a MOVSS between vector
// instructions would cost a change between instruction sets.
func factor(name string) VecVirtual {
	from, err := Param(name).Resolve()
	if err != nil {
		log.Fatal(err)
	}
	all := YMM()
	VBROADCASTSS(from.Addr, all)
	return all
}

// half loads a float16 and widens it into all lanes.
func half(at Mem, dst VecVirtual) {
	VPBROADCASTW(at, dst.AsX())
	VCVTPH2PS(dst.AsX(), dst)
}

// store converts whole numbers, scales them and writes them.
func store(q, scale VecVirtual, dst Mem) {
	VCVTDQ2PS(q, q)
	VMULPS(scale, q, q)
	VMOVUPS(q, dst)
}

// nibbles looks up codes in a table of 16, of which VPERMPS holds eight: the fourth bit of a code,
// moved to the sign, blends between both halves.
func nibbles() {
	TEXT("widenNibblesAVX2", NOSPLIT, "func(dst *float32, packed *byte, table *[16]float32, scale float32, n int)")
	Doc("widenNibblesAVX2 widens n codes, high nibbles first, to table[code]·scale; n is a multiple of 16.")
	dst, src := Load(Param("dst"), GP64()), Load(Param("packed"), GP64())
	table, n := Load(Param("table"), GP64()), Load(Param("n"), GP64())
	low, high, shifts := YMM(), YMM(), YMM()
	scale := factor("scale")
	VMOVUPS(Mem{Base: table}, low)
	VMOVUPS(Mem{Base: table, Disp: 32}, high)
	VMOVDQU(constant("nibbleShifts", 4, 0, 12, 8, 20, 16, 28, 24), shifts)
	Label("loop")
	for i := range 2 {
		code, other := YMM(), YMM()
		VPBROADCASTD(Mem{Base: src, Disp: 4 * i}, code)
		VPSRLVD(shifts, code, code)
		VPERMPS(high, code, other)
		below := YMM()
		VPERMPS(low, code, below)
		VPSLLD(U8(28), code, code)
		VBLENDVPS(code, other, below, below)
		VMULPS(scale, below, below)
		VMOVUPS(below, Mem{Base: dst, Disp: 32 * i})
	}
	ADDQ(U8(8), src)
	ADDQ(U8(64), dst)
	SUBQ(U8(16), n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

func int8s() {
	TEXT("widenInt8AVX2", NOSPLIT, "func(dst *float32, codes *byte, scale, inverse float32, n int)")
	Doc("widenInt8AVX2 widens n codes to (code·scale)·inverse; n is a multiple of 16.")
	dst, src, n := Load(Param("dst"), GP64()), Load(Param("codes"), GP64()), Load(Param("n"), GP64())
	scale, inverse := factor("scale"), factor("inverse")
	Label("loop")
	for i := range 2 {
		q := YMM()
		VPMOVSXBD(Mem{Base: src, Disp: 8 * i}, q)
		VCVTDQ2PS(q, q)
		VMULPS(scale, q, q)
		VMULPS(inverse, q, q)
		VMOVUPS(q, Mem{Base: dst, Disp: 32 * i})
	}
	ADDQ(U8(16), src)
	ADDQ(U8(64), dst)
	SUBQ(U8(16), n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

func q8_0() {
	TEXT("widenQ8_0AVX2", NOSPLIT, "func(dst *float32, src *byte, blocks int)")
	Doc("widenQ8_0AVX2 widens one block or more.")
	dst, src, n := Load(Param("dst"), GP64()), Load(Param("src"), GP64()), Load(Param("blocks"), GP64())
	d := YMM()
	Label("loop")
	half(Mem{Base: src}, d)
	for i := range 4 {
		q := YMM()
		VPMOVSXBD(Mem{Base: src, Disp: 2 + 8*i}, q)
		store(q, d, Mem{Base: dst, Disp: 32 * i})
	}
	ADDQ(U8(34), src)
	SUBQ(I8(-128), dst)
	DECQ(n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

func q4_0() {
	TEXT("widenQ4_0AVX2", NOSPLIT, "func(dst *float32, src *byte, blocks int)")
	Doc("widenQ4_0AVX2 widens one block or more.")
	dst, src, n := Load(Param("dst"), GP64()), Load(Param("src"), GP64()), Load(Param("blocks"), GP64())
	d, fifteen, eight := YMM(), broadcast("fifteen", 15), broadcast("eight", 8)
	Label("loop")
	half(Mem{Base: src}, d)
	for i := range 2 {
		low, high := YMM(), YMM()
		VPMOVZXBD(Mem{Base: src, Disp: 2 + 8*i}, high)
		VPAND(fifteen, high, low)
		VPSRLD(U8(4), high, high)
		for at, q := range []VecVirtual{low, high} {
			VPSUBD(eight, q, q)
			store(q, d, Mem{Base: dst, Disp: 32*i + 64*at})
		}
	}
	ADDQ(U8(18), src)
	SUBQ(I8(-128), dst)
	DECQ(n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

func q4K() {
	TEXT("widenQ4KAVX2", NOSPLIT, "func(dst *float32, codes *byte, dl, ml *[8]float32)")
	Doc("widenQ4KAVX2 widens the 128 bytes of codes in a block to dl·code − ml.")
	dst, src := Load(Param("dst"), GP64()), Load(Param("codes"), GP64())
	dl, ml := Load(Param("dl"), GP64()), Load(Param("ml"), GP64())
	fifteen, n := broadcast("fifteenK", 15), GP64()
	MOVQ(U32(4), n)
	Label("loop") // 64 elements, of two groups
	var d, m [2]VecVirtual
	for g := range 2 {
		d[g], m[g] = YMM(), YMM()
		VBROADCASTSS(Mem{Base: dl, Disp: 4 * g}, d[g])
		VBROADCASTSS(Mem{Base: ml, Disp: 4 * g}, m[g])
	}
	for i := range 4 {
		low, high := YMM(), YMM()
		VPMOVZXBD(Mem{Base: src, Disp: 8 * i}, high)
		VPAND(fifteen, high, low)
		VPSRLD(U8(4), high, high)
		for g, q := range []VecVirtual{low, high} {
			VCVTDQ2PS(q, q)
			VMULPS(d[g], q, q)
			VSUBPS(m[g], q, q)
			VMOVUPS(q, Mem{Base: dst, Disp: 32*i + 128*g})
		}
	}
	ADDQ(U8(32), src)
	ADDQ(U8(8), dl)
	ADDQ(U8(8), ml)
	ADDQ(U32(256), dst)
	DECQ(n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

func q6K() {
	TEXT("widenQ6KAVX2", NOSPLIT, "func(dst *float32, block *byte, dl *[16]float32)")
	Doc("widenQ6KAVX2 widens a block to dl·(code − 32).")
	dst, low := Load(Param("dst"), GP64()), Load(Param("block"), GP64())
	dl, high, n := Load(Param("dl"), GP64()), GP64(), GP64()
	fifteen, pair, offset := broadcast("fifteen6", 15), broadcast("pair6", 0x30), broadcast("offset6", 32)
	LEAQ(Mem{Base: low, Disp: 128}, high)
	MOVQ(U32(2), n)
	Label("loop") // 128 elements
	for i := range 4 {
		var q [4]VecVirtual
		bits := YMM()
		VPMOVZXBD(Mem{Base: high, Disp: 8 * i}, bits)
		for k := range 2 { // bytes i and 32 + i: the low nibbles, then the high ones
			q[k], q[2+k] = YMM(), YMM()
			VPMOVZXBD(Mem{Base: low, Disp: 32*k + 8*i}, q[2+k])
			VPAND(fifteen, q[2+k], q[k])
			VPSRLD(U8(4), q[2+k], q[2+k])
		}
		for k := range 4 { // pair k of bits, moved to bits 4 and 5
			upper := YMM()
			switch k {
			case 0, 1:
				VPSLLD(U8(4-2*k), bits, upper)
				VPAND(pair, upper, upper)
			case 2:
				VPAND(pair, bits, upper)
			case 3:
				VPSRLD(U8(2), bits, upper)
				VPAND(pair, upper, upper)
			}
			VPOR(upper, q[k], q[k])
			VPSUBD(offset, q[k], q[k])
			scale := YMM()
			VBROADCASTSS(Mem{Base: dl, Disp: 4 * (2*k + i/2)}, scale)
			store(q[k], scale, Mem{Base: dst, Disp: 128*k + 32*i})
		}
	}
	ADDQ(U8(64), low)
	ADDQ(U8(32), high)
	ADDQ(U8(32), dl)
	ADDQ(U32(512), dst)
	DECQ(n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}
