// Command vec generates the AVX2 and AVX-512 kernels of internal/kernels/vec. The reference, and
// what each computes, is the function …Generic of the same name there.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/reg"
)

func main() {
	makeTables()
	makeBlockNumbers()
	makeEveryFourth()
	for _, v := range []isa{avx2, avx512} {
		elementary(v)
		arithmetic(v)
		reductions(v)
		layers(v)
		rotations(v)
		adamw(v)
		softmaxes(v)
	}
	Generate()
}

func elementary(v isa) {
	k := begin(v, "exp", "sets dst to e^src.", []string{"dst", "src"}, nil, "")
	k.each(func() { k.store(k.exp(k.load("src")), "dst") })

	k = begin(v, "sigmoid", "sets dst to 1/(1 + e^−src).", []string{"dst", "src"}, nil, "")
	k.each(func() { k.store(k.sigmoid(k.load("src")), "dst") })

	k = begin(v, "tanh", "sets dst to tanh(src).", []string{"dst", "src"}, nil, "")
	k.each(func() { k.store(k.tanh(k.load("src")), "dst") })

	k = begin(v, "log", "sets dst to the natural logarithm of src.", []string{"dst", "src"}, nil, "")
	k.each(func() { k.store(k.log(k.load("src")), "dst") })

	k = begin(v, "expSub", "sets dst to e^(src−m).", []string{"dst", "src"}, []string{"m"}, "")
	k.each(func() { k.store(k.exp(k.sub(k.load("src"), k.scalars["m"])), "dst") })

	k = begin(v, "expSubScale", "sets dst to e^(src−m)·scale.", []string{"dst", "src"}, []string{"m", "scale"}, "")
	k.each(func() {
		e := k.exp(k.sub(k.load("src"), k.scalars["m"]))
		k.store(k.mul(e, k.scalars["scale"]), "dst")
	})
}

func arithmetic(v isa) {
	k := begin(v, "add", "sets dst to a + b.", []string{"dst", "a", "b"}, nil, "")
	k.each(func() { k.store(k.add(k.load("a"), k.load("b")), "dst") })

	k = begin(v, "mul", "sets dst to a·b.", []string{"dst", "a", "b"}, nil, "")
	k.each(func() { k.store(k.mul(k.load("a"), k.load("b")), "dst") })

	k = begin(v, "scale", "sets dst to a·s.", []string{"dst", "a"}, []string{"s"}, "")
	k.each(func() { k.store(k.mul(k.load("a"), k.scalars["s"]), "dst") })

	k = begin(v, "mulAdd", "sets dst to dst·a + b.", []string{"dst", "a", "b"}, nil, "")
	k.each(func() { k.store(k.fma(k.load("dst"), k.load("a"), k.load("b")), "dst") })

	k = begin(v, "axpy", "adds s·x to dst.", []string{"dst", "x"}, []string{"s"}, "")
	k.each(func() { k.store(k.fma(k.load("x"), k.scalars["s"], k.load("dst")), "dst") })
}

func reductions(v isa) {
	k := begin(v, "sum", "returns Σ x.", []string{"x"}, nil, "float32")
	acc := k.lanes()
	k.reduce(acc, func(acc VecVirtual) { VADDPS(k.load("x"), acc, acc) })
	k.sum(acc)

	k = begin(v, "sumSquares", "returns Σ x².", []string{"x"}, nil, "float32")
	acc = k.lanes()
	k.reduce(acc, func(acc VecVirtual) {
		x := k.load("x")
		VFMADD231PS(x, x, acc)
	})
	k.sum(acc)

	k = begin(v, "dot", "returns Σ x·y.", []string{"x", "y"}, nil, "float32")
	acc = k.lanes()
	k.reduce(acc, func(acc VecVirtual) { VFMADD231PS(k.load("x"), k.load("y"), acc) })
	k.sum(acc)

	k = begin(v, "dot3", "returns Σ (x·y)·z.", []string{"x", "y", "z"}, nil, "float32")
	acc = k.lanes()
	k.reduce(acc, func(acc VecVirtual) { VFMADD231PS(k.mul(k.load("x"), k.load("y")), k.load("z"), acc) })
	k.sum(acc)

	k = begin(v, "expSum", "returns Σ e^(src−m).", []string{"src"}, []string{"m"}, "float32")
	acc = k.lanes()
	k.reduce(acc, func(acc VecVirtual) { VADDPS(k.exp(k.sub(k.load("src"), k.scalars["m"])), acc, acc) })
	k.sum(acc)

	k = begin(v, "expSubSum", "sets dst to e^(src−m) and returns its sum.", []string{"dst", "src"}, []string{"m"}, "float32")
	acc = k.lanes()
	k.reduce(acc, func(acc VecVirtual) {
		e := k.exp(k.sub(k.load("src"), k.scalars["m"]))
		k.store(e, "dst")
		VADDPS(e, acc, acc)
	})
	k.sum(acc)

	maximum(v)
}

func layers(v isa) {
	k := begin(v, "siluMul", "sets dst to gate·σ(gate)·up.", []string{"dst", "gate", "up"}, nil, "")
	k.each(func() {
		x := k.load("gate")
		k.gated(x, k.sigmoid(x))
	})

	gradients := []string{"dgate", "dup", "y", "dy", "gate", "up"}
	k = begin(v, "siluMulBackward", "is the gradient of siluMul, and y its result.", gradients, nil, "")
	k.each(func() {
		x := k.load("gate")
		s := k.sigmoid(x)
		k.gatedBackward(x, s, k.slope(s, x))
	})

	k = begin(v, "geluMul", "sets dst to gelu_tanh(gate)·up.", []string{"dst", "gate", "up"}, nil, "")
	k.each(func() {
		x := k.load("gate")
		s, _, _ := k.geluGate(x)
		k.gated(x, s)
	})

	k = begin(v, "geluMulBackward", "is the gradient of geluMul, and y its result.", gradients, nil, "")
	k.each(func() {
		x := k.load("gate")
		s, scaled, square := k.geluGate(x)
		w := k.mul(scaled, k.fma(square, constant(geluB3), constant(1)))
		k.gatedBackward(x, s, k.slope(s, w))
	})

	k = begin(v, "tanhBackward", "sets dst to dy·(1 − y²).", []string{"dst", "dy", "y"}, nil, "")
	k.each(func() {
		y := k.load("y")
		k.store(k.mul(k.load("dy"), k.fnma(y, y, constant(1))), "dst")
	})

	k = begin(v, "softmaxBackward", "sets dst to p·(dp − delta)·scale.", []string{"dst", "p", "dp"}, []string{"delta", "scale"}, "")
	k.each(func() {
		d := k.sub(k.load("dp"), k.scalars["delta"])
		k.store(k.mul(k.mul(k.load("p"), d), k.scalars["scale"]), "dst")
	})

	k = begin(v, "normApply", "sets dst to (x·inv)·weight.", []string{"dst", "x", "weight"}, []string{"inv"}, "")
	k.each(func() { k.store(k.mul(k.mul(k.load("x"), k.scalars["inv"]), k.load("weight")), "dst") })

	k = begin(v, "normBackward", "sets dx to inv·(dy·weight − c·x).", []string{"dx", "dy", "x", "weight"}, []string{"inv", "c"}, "")
	k.each(func() {
		g := k.mul(k.load("dy"), k.load("weight"))
		k.store(k.mul(k.fnma(k.load("x"), k.scalars["c"], g), k.scalars["inv"]), "dx")
	})

	k = begin(v, "normWeightGrad", "adds dy·(x·inv) to dw.", []string{"dw", "dy", "x"}, []string{"inv"}, "")
	k.each(func() {
		x := k.mul(k.load("x"), k.scalars["inv"])
		k.store(k.fma(k.load("dy"), x, k.load("dw")), "dw")
	})
}

func rotations(v isa) {
	slices := []string{"lo", "hi", "cos", "sin"}
	k := begin(v, "rotate", "turns the points (lo, hi) by the angles of cos and sin.", slices, nil, "")
	k.each(func() {
		a, b, c, s := k.load("lo"), k.load("hi"), k.load("cos"), k.load("sin")
		k.store(k.fnma(b, s, k.mul(a, c)), "lo")
		k.store(k.fma(a, s, k.mul(b, c)), "hi")
	})

	k = begin(v, "rotateBack", "turns the points (lo, hi) by the opposite angles.", slices, nil, "")
	k.each(func() {
		a, b, c, s := k.load("lo"), k.load("hi"), k.load("cos"), k.load("sin")
		k.store(k.fma(b, s, k.mul(a, c)), "lo")
		k.store(k.fnma(a, s, k.mul(b, c)), "hi")
	})
}

// adamw takes the eight constants of vec's adamwConstants in the order of its fields.
func adamw(v isa) {
	k := begin(v, "adamw", "is one step of the optimizer.", []string{"p", "g", "m", "v"},
		[]string{"gradScale", "decay", "blend1", "beta2", "blend2", "bias2Root", "epsilon", "step"}, "")
	k.each(func() {
		s := k.scalars
		grad := k.mul(k.load("g"), s["gradScale"])
		m := k.load("m")
		m = k.fma(k.sub(grad, m), s["blend1"], m)
		k.store(m, "m")
		second := k.fma(k.mul(grad, s["blend2"]), grad, k.mul(k.load("v"), s["beta2"]))
		k.store(second, "v")
		root := k.vec()
		VSQRTPS(second, root)
		denominator := k.add(k.div(root, s["bias2Root"]), s["epsilon"])
		w := k.mul(k.load("p"), s["decay"])
		k.store(k.fma(k.div(m, denominator), s["step"], w), "p")
	})
}
