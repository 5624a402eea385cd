// Command vec generates the NEON kernels of internal/kernels/vec. The reference, and what each
// computes, is the function …Generic of the same name there.
package main

import (
	"fmt"
	"os"

	"github.com/cultivar/cultivar/tools/asm/neon"
)

func main() {
	f := neon.NewFile("go run ./neon/vec", "vec")
	elementary(f)
	arithmetic(f)
	reductions(f)
	gates(f)
	layers(f)
	rotations(f)
	adamw(f)
	if err := f.Write(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Vectors at a time, for kernels by the length of their chain of instructions: as many as the units
// can overlap, and as fit in the registers beside the constants.
const (
	short  = 4
	long   = 2
	single = 1
)

func elementary(f *neon.File) {
	k, _ := begin(f, long, "exp", "sets dst to e^src.", []string{"dst", "src"}, nil, "")
	k.each(func() { k.store(k.exp(k.load("src")), "dst") })

	k, _ = begin(f, long, "sigmoid", "sets dst to 1/(1 + e^−src).", []string{"dst", "src"}, nil, "")
	k.each(func() { k.store(k.sigmoid(k.load("src")), "dst") })

	k, _ = begin(f, single, "tanh", "sets dst to tanh(src).", []string{"dst", "src"}, nil, "")
	k.each(func() { k.store(k.tanh(k.load("src")), "dst") })

	k, s := begin(f, long, "expSub", "sets dst to e^(src−m).", []string{"dst", "src"}, []string{"m"}, "")
	k.each(func() { k.store(k.exp(k.sub(k.load("src"), s["m"])), "dst") })

	k, s = begin(f, long, "expSubScale", "sets dst to e^(src−m)·scale.", []string{"dst", "src"}, []string{"m", "scale"}, "")
	k.each(func() { k.store(k.mul(k.exp(k.sub(k.load("src"), s["m"])), s["scale"]), "dst") })
}

func arithmetic(f *neon.File) {
	k, _ := begin(f, short, "add", "sets dst to a + b.", []string{"dst", "a", "b"}, nil, "")
	k.each(func() { k.store(k.add(k.load("a"), k.load("b")), "dst") })

	k, _ = begin(f, short, "mul", "sets dst to a·b.", []string{"dst", "a", "b"}, nil, "")
	k.each(func() { k.store(k.mul(k.load("a"), k.load("b")), "dst") })

	k, s := begin(f, short, "scale", "sets dst to a·s.", []string{"dst", "a"}, []string{"s"}, "")
	k.each(func() { k.store(k.mul(k.load("a"), s["s"]), "dst") })

	k, _ = begin(f, short, "mulAdd", "sets dst to dst·a + b.", []string{"dst", "a", "b"}, nil, "")
	k.each(func() { k.store(k.fma(k.load("dst"), k.load("a"), k.load("b")), "dst") })

	k, s = begin(f, short, "axpy", "adds s·x to dst.", []string{"dst", "x"}, []string{"s"}, "")
	k.each(func() { k.store(k.fma(k.load("x"), s["s"], k.load("dst")), "dst") })
}

func reductions(f *neon.File) {
	// total writes a sum: update adds the current elements to acc.
	total := func(width int, name, doc string, slices, scalars []string, update func(k *kernel, acc vec, scalars map[string]vec)) {
		k, s := begin(f, width, name, doc, slices, scalars, "float32")
		acc := k.lanes()
		k.clear(acc)
		k.reduce(acc, func(acc vec) { update(k, acc, s) })
		k.sum(acc)
	}
	total(short, "sum", "returns Σ x.", []string{"x"}, nil, func(k *kernel, acc vec, _ map[string]vec) {
		k.combine("fadd", acc, k.load("x"))
	})
	total(short, "sumSquares", "returns Σ x².", []string{"x"}, nil, func(k *kernel, acc vec, _ map[string]vec) {
		x := k.load("x")
		k.accumulate("fmla", acc, x, x)
	})
	total(short, "dot", "returns Σ x·y.", []string{"x", "y"}, nil, func(k *kernel, acc vec, _ map[string]vec) {
		k.accumulate("fmla", acc, k.load("x"), k.load("y"))
	})
	total(short, "dot3", "returns Σ (x·y)·z.", []string{"x", "y", "z"}, nil, func(k *kernel, acc vec, _ map[string]vec) {
		k.accumulate("fmla", acc, k.mul(k.load("x"), k.load("y")), k.load("z"))
	})
	total(long, "expSum", "returns Σ e^(src−m).", []string{"src"}, []string{"m"}, func(k *kernel, acc vec, s map[string]vec) {
		k.combine("fadd", acc, k.exp(k.sub(k.load("src"), s["m"])))
	})
	total(long, "expSubSum", "sets dst to e^(src−m) and returns its sum.", []string{"dst", "src"}, []string{"m"}, func(k *kernel, acc vec, s map[string]vec) {
		e := k.exp(k.sub(k.load("src"), s["m"]))
		k.store(e, "dst")
		k.combine("fadd", acc, e)
	})
	maximum(f)
}

func gates(f *neon.File) {
	gradients := []string{"dgate", "dup", "y", "dy", "gate", "up"}

	k, _ := begin(f, long, "siluMul", "sets dst to gate·σ(gate)·up.", []string{"dst", "gate", "up"}, nil, "")
	k.each(func() {
		x := k.load("gate")
		k.gated(x, k.sigmoid(x))
	})

	k, _ = begin(f, long, "siluMulBackward", "is the gradient of siluMul, and y its result.", gradients, nil, "")
	k.each(func() {
		x := k.load("gate")
		s := k.sigmoid(x)
		k.gatedBackward(x, s, k.slope(s, x))
	})

	k, _ = begin(f, long, "geluMul", "sets dst to gelu_tanh(gate)·up.", []string{"dst", "gate", "up"}, nil, "")
	k.each(func() {
		x := k.load("gate")
		s, _, _ := k.geluGate(x)
		k.gated(x, s)
	})

	k, _ = begin(f, long, "geluMulBackward", "is the gradient of geluMul, and y its result.", gradients, nil, "")
	k.each(func() {
		x := k.load("gate")
		s, scaled, square := k.geluGate(x)
		w := k.mul(scaled, k.fma(square, k.constant(geluB3), k.constant(1)))
		k.gatedBackward(x, s, k.slope(s, w))
	})
}

func layers(f *neon.File) {
	k, _ := begin(f, short, "tanhBackward", "sets dst to dy·(1 − y²).", []string{"dst", "dy", "y"}, nil, "")
	k.each(func() {
		y := k.load("y")
		k.store(k.mul(k.load("dy"), k.fnma(y, y, k.constant(1))), "dst")
	})

	k, s := begin(f, short, "softmaxBackward", "sets dst to p·(dp − delta)·scale.", []string{"dst", "p", "dp"}, []string{"delta", "scale"}, "")
	k.each(func() {
		d := k.sub(k.load("dp"), s["delta"])
		k.store(k.mul(k.mul(k.load("p"), d), s["scale"]), "dst")
	})

	k, s = begin(f, short, "normApply", "sets dst to (x·inv)·weight.", []string{"dst", "x", "weight"}, []string{"inv"}, "")
	k.each(func() { k.store(k.mul(k.mul(k.load("x"), s["inv"]), k.load("weight")), "dst") })

	k, s = begin(f, short, "normBackward", "sets dx to inv·(dy·weight − c·x).", []string{"dx", "dy", "x", "weight"}, []string{"inv", "c"}, "")
	k.each(func() {
		g := k.mul(k.load("dy"), k.load("weight"))
		k.store(k.mul(k.fnma(k.load("x"), s["c"], g), s["inv"]), "dx")
	})

	k, s = begin(f, short, "normWeightGrad", "adds dy·(x·inv) to dw.", []string{"dw", "dy", "x"}, []string{"inv"}, "")
	k.each(func() {
		x := k.mul(k.load("x"), s["inv"])
		k.store(k.fma(k.load("dy"), x, k.load("dw")), "dw")
	})
}

func rotations(f *neon.File) {
	slices := []string{"lo", "hi", "cos", "sin"}
	k, _ := begin(f, long, "rotate", "turns the points (lo, hi) by the angles of cos and sin.", slices, nil, "")
	k.each(func() {
		a, b, c, s := k.load("lo"), k.load("hi"), k.load("cos"), k.load("sin")
		k.store(k.fnma(b, s, k.mul(a, c)), "lo")
		k.store(k.fma(a, s, k.mul(b, c)), "hi")
	})

	k, _ = begin(f, long, "rotateBack", "turns the points (lo, hi) by the opposite angles.", slices, nil, "")
	k.each(func() {
		a, b, c, s := k.load("lo"), k.load("hi"), k.load("cos"), k.load("sin")
		k.store(k.fma(b, s, k.mul(a, c)), "lo")
		k.store(k.fnma(a, s, k.mul(b, c)), "hi")
	})
}

// adamw takes the eight constants of vec's adamwConstants in the order of its fields.
func adamw(f *neon.File) {
	k, s := begin(f, long, "adamw", "is one step of the optimizer.", []string{"p", "g", "m", "v"},
		[]string{"gradScale", "decay", "blend1", "beta2", "blend2", "bias2Root", "epsilon", "step"}, "")
	k.each(func() {
		grad := k.mul(k.load("g"), s["gradScale"])
		m := k.load("m")
		m = k.fma(k.sub(grad, m), s["blend1"], m)
		k.store(m, "m")
		second := k.fma(k.mul(grad, s["blend2"]), grad, k.mul(k.load("v"), s["beta2"]))
		k.store(second, "v")
		root := k.apply("fsqrt", nil, second)
		denominator := k.add(k.div(root, s["bias2Root"]), s["epsilon"])
		w := k.mul(k.load("p"), s["decay"])
		k.store(k.fma(k.div(m, denominator), s["step"], w), "p")
	})
}
