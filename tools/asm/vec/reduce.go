package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// lanes are the 16 lanes of a reduction: two vectors of AVX2, one of AVX-512.
func (k *kernel) lanes() []VecVirtual {
	acc := make([]VecVirtual, 16/k.width)
	for i := range acc {
		acc[i] = k.vec()
		VXORPS(acc[i], acc[i], acc[i])
	}
	return acc
}

// reduce writes the loop that updates each of acc in turn by step, which must overwrite its
// argument. Lanes beyond the end keep their value: adding 0 would turn −0 into +0.
func (k *kernel) reduce(acc []VecVirtual, step func(acc VecVirtual)) {
	w := U8(k.width)
	SUBQ(U8(16), k.left)
	JL(LabelRef("rest"))
	Label("loop")
	for range len(acc) - 1 {
		step(acc[0])
		ADDQ(w, k.index)
		acc = append(acc[1:], acc[0])
	}
	step(acc[0])
	acc = append(acc[1:], acc[0])
	ADDQ(w, k.index)
	SUBQ(U8(16), k.left)
	JGE(LabelRef("loop"))
	Label("rest")
	ADDQ(U8(16), k.left)
	if len(acc) == 2 {
		CMPQ(k.left, w)
		JL(LabelRef("tail"))
		step(acc[0])
		ADDQ(w, k.index)
		SUBQ(w, k.left)
		k.masked(acc[1], step)
		JMP(LabelRef("done"))
		Label("tail")
	}
	k.masked(acc[0], step)
	Label("done")
}

// masked updates the lanes of acc for which there is an element left.
func (k *kernel) masked(acc VecVirtual, step func(acc VecVirtual)) {
	k.mask = k.firstLanes(k.left)
	next := k.copy(acc)
	step(next)
	k.choose(k.mask, next, acc)
	k.mask = nil
}

// fold combines the lanes in the fixed tree, 8 apart, 4, 2, 1, and returns the result.
func (k *kernel) fold(acc []VecVirtual, combine func(ops ...Op)) VecVirtual {
	var half Register
	if k.wide() {
		high := YMM()
		VEXTRACTF32X8(U8(1), acc[0], high)
		half = acc[0].AsY()
		combine(high, half, half)
	} else {
		combine(acc[1], acc[0], acc[0])
		half = acc[0]
	}
	x, y := half.(VecVirtual).AsX(), XMM()
	VEXTRACTF128(U8(1), half, y)
	combine(y, x, x)
	VMOVHLPS(x, x, y)
	combine(y, x, x)
	VMOVSHDUP(x, y)
	combine(y, x, x)
	return acc[0]
}

// sum ends the function with the sum of the lanes.
func (k *kernel) sum(acc []VecVirtual) {
	total := k.fold(acc, func(ops ...Op) { VADDPS(ops...) })
	Store(total.AsX(), ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// maximum writes vec.Max. VMAXPS gives its second source for NaN, so these are noted beside it.
func maximum(v isa) {
	k := begin(v, "max", "returns the greatest element, NaN if there is one.", []string{"x"}, nil, "float32")
	acc := k.lanes()
	for _, a := range acc {
		k.set(a, pattern(infinity|signBit))
	}
	var nan Register
	if v.wide() {
		nan = K()
		KXORW(nan, nan, nan)
	} else {
		nan = v.vec()
		VXORPS(nan, nan, nan)
	}
	k.reduce(acc, func(acc VecVirtual) {
		x := k.load("x") // 0 beyond the end, where choose discards the result
		VMAXPS(acc, x, acc)
		if v.wide() {
			KORW(v.compare(unordered, x, x), nan, nan)
		} else {
			VORPS(v.compare(unordered, x, x), nan, nan)
		}
	})
	bits := GP32()
	if v.wide() {
		KMOVW(nan, bits)
	} else {
		VMOVMSKPS(nan, bits)
	}
	total := k.fold(acc, func(ops ...Op) { VMAXPS(ops...) }).AsX()
	zero := XMM()
	VXORPS(zero, zero, zero)
	VADDSS(zero, total, total) // −0 becomes +0
	TESTL(bits, bits)
	JZ(LabelRef("numbers"))
	VMOVSS(pattern(infinity|1<<22), total)
	Label("numbers")
	Store(total, ReturnIndex(0))
	VZEROUPPER()
	RET()
}
