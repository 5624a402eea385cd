package main

import (
	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// A rowKernel is the function being written over rows of dim elements, each with an element of s.
type rowKernel struct {
	kernel
	dim, left, factors Register
}

func beginRows(v isa, name, signature, doc string, slices ...string) *rowKernel {
	TEXT(name+v.name, attr.NOSPLIT, signature)
	Pragma("noescape")
	Doc(name + v.name + " " + doc)
	r := &rowKernel{kernel: kernel{isa: v, slices: map[string]Register{}}}
	for _, s := range slices {
		r.slices[s] = Load(Param(s).Base(), GP64())
	}
	r.dim = Load(Param("dim"), GP64())
	r.factors = Load(Param("s").Base(), GP64())
	r.left = Load(Param("s").Len(), GP64())
	return r
}

func (r *rowKernel) factor() Mem { return Mem{Base: r.factors} }

// each writes the loop over rows and returns from the function. enter begins a row, and may jump to "next";
// step takes a vector of it; next goes on to the slices' next row.
func (r *rowKernel) each(enter, step, next func()) {
	whole, rest := GP64(), GP64()
	MOVQ(r.dim, whole)
	ANDQ(I32(-r.width), whole)
	MOVQ(r.dim, rest)
	SUBQ(whole, rest)
	tail := r.firstLanes(rest)
	r.index = GP64()
	TESTQ(r.left, r.left)
	JZ(LabelRef("done"))
	Label("row")
	XORL(r.index.As32(), r.index.As32())
	enter()
	TESTQ(whole, whole)
	JZ(LabelRef("tail"))
	Label("loop")
	step()
	ADDQ(U8(r.width), r.index)
	CMPQ(r.index, whole)
	JL(LabelRef("loop"))
	Label("tail")
	TESTQ(rest, rest)
	JZ(LabelRef("next"))
	r.mask = tail
	step()
	Label("next")
	next()
	ADDQ(U8(4), r.factors)
	DECQ(r.left)
	JNZ(LabelRef("row"))
	Label("done")
	VZEROUPPER()
	RET()
}

// skip moves a slice to its next row.
func (r *rowKernel) skip(slice string, elements Register) {
	LEAQ(Mem{Base: r.slices[slice], Index: elements, Scale: 4}, r.slices[slice])
}

func scaleRows(v isa) {
	r := beginRows(v, "scaleRows", "func(x []float32, dim int, s []float32)", "multiplies rows of dim elements by an element of s each.", "x")
	factor := v.vec()
	r.each(func() {
		CMPL(r.factor(), U32(float32Bits(1)))
		JE(LabelRef("next"))
		VBROADCASTSS(r.factor(), factor)
	}, func() {
		r.store(r.mul(r.load("x"), factor), "x")
	}, func() {
		r.skip("x", r.dim)
	})
}

func divideRows(v isa) {
	r := beginRows(v, "divideRows", "func(dst []float32, stride int, x []float32, dim int, s []float32)",
		"sets rows of dst to x·(1/s) + 0.", "dst", "x")
	stride := Load(Param("stride"), GP64())
	inverse, zero, one := v.vec(), v.vec(), XMM()
	VXORPS(zero, zero, zero)
	VMOVSS(constant(1), one)
	r.each(func() {
		VDIVSS(r.factor(), one, inverse.AsX())
		VBROADCASTSS(inverse.AsX(), inverse)
	}, func() {
		r.store(r.fma(r.load("x"), inverse, zero), "dst")
	}, func() {
		r.skip("x", r.dim)
		r.skip("dst", stride)
	})
}

// dotRows has no tail: what is left of a row that is no multiple of 16 would need a reduction of its own.
func dotRows(v isa) {
	TEXT("dotRows"+v.name, attr.NOSPLIT, "func(dst, x, y []float32, strideX, strideY, dim int)")
	Pragma("noescape")
	Doc("dotRows" + v.name + " sets dst to Σ x·y of rows of dim elements, a multiple of 16.")
	k := &kernel{isa: v, slices: map[string]Register{}}
	dst := Load(Param("dst").Base(), GP64())
	left := Load(Param("dst").Len(), GP64())
	k.slices["x"], k.slices["y"] = Load(Param("x").Base(), GP64()), Load(Param("y").Base(), GP64())
	strideX, strideY := Load(Param("strideX"), GP64()), Load(Param("strideY"), GP64())
	dim := Load(Param("dim"), GP64())
	k.index = GP64()
	TESTQ(left, left)
	JZ(LabelRef("done"))
	Label("row")
	XORL(k.index.As32(), k.index.As32())
	acc := k.lanes()
	TESTQ(dim, dim)
	JZ(LabelRef("sum"))
	Label("loop")
	for i, a := range acc {
		x := k.vec()
		VMOVUPS(k.at("x").Offset(4*v.width*i), x)
		VFMADD231PS(k.at("y").Offset(4*v.width*i), x, a)
	}
	ADDQ(U8(16), k.index)
	CMPQ(k.index, dim)
	JL(LabelRef("loop"))
	Label("sum")
	total := k.fold(acc, func(ops ...Op) { VADDPS(ops...) })
	VMOVSS(total.AsX(), Mem{Base: dst})
	ADDQ(U8(4), dst)
	LEAQ(Mem{Base: k.slices["x"], Index: strideX, Scale: 4}, k.slices["x"])
	LEAQ(Mem{Base: k.slices["y"], Index: strideY, Scale: 4}, k.slices["y"])
	DECQ(left)
	JNZ(LabelRef("row"))
	Label("done")
	VZEROUPPER()
	RET()
}
