// Package vec holds the single-threaded primitives on []float32 from which layers are made:
// reductions, elementary functions, activations, norms, rotary positions, the loss and the
// optimizer step.
//
// The functions named …Generic are the definition. They are always compiled; assembly stands beside
// them and computes the same bits (docs/numerics.md), except for the payload of a NaN. All
// functions are free of allocation and of global state. They panic when lengths differ. A
// destination may be the same slice as a source, but must not overlap it otherwise.
package vec

import (
	"fmt"

	"github.com/cultivar/cultivar/internal/cpu"
)

//go:generate go -C ../../../tools/asm run ./neon/vec -out ../../internal/kernels/vec/kernels_arm64.s -stubs ../../internal/kernels/vec/kernels_arm64.go

// lanes is the width of every reduction: element i belongs to lane i mod 16.
const lanes = 16

// kernels is one implementation of everything in this package. Lengths have been checked when one
// of its functions is called, and may be zero.
type kernels struct {
	exp, sigmoid, tanh   func(dst, src []float32)
	log                  func(dst, src []float32)
	expSub               func(dst, src []float32, m float32)
	expSubScale          func(dst, src []float32, m, scale float32)
	expSubSum            func(dst, src []float32, m float32) float32
	expSum               func(src []float32, m float32) float32
	sum, sumSquares, max func(x []float32) float32
	dot                  func(x, y []float32) float32
	dot3                 func(x, y, z []float32) float32
	add, mul             func(dst, a, b []float32)
	scale, axpy          func(dst, a []float32, s float32)
	mulAdd               func(dst, a, b []float32)
	siluMul, geluMul     func(dst, gate, up []float32)
	siluMulBackward      func(dgate, dup, y, dy, gate, up []float32)
	geluMulBackward      func(dgate, dup, y, dy, gate, up []float32)
	tanhBackward         func(dst, dy, y []float32)
	softmaxBackward      func(dst, p, dp []float32, delta, scale float32)
	normApply            func(dst, x, weight []float32, inv float32)
	normBackward         func(dx, dy, x, weight []float32, inv, c float32)
	normWeightGrad       func(dw, dy, x []float32, inv float32)
	rotate, rotateBack   func(lo, hi, cos, sin []float32)
	adamw                func(p, g, m, v []float32, c adamwConstants)

	// Those of rows are nil where they are composed of the ones above.
	softmaxScores        func(scores, max, alpha []float32, lo, hi int, scale float32)
	softmaxNumerators    func(scores, max, part []float32, hi int)
	softmaxBlockBackward func(p, ds, lse, delta []float32, lo, hi int, scale, slope float32)
	scaleRows            func(x []float32, dim int, s []float32)
	divideRows           func(dst []float32, stride int, x []float32, dim int, s []float32)
	dotRows              func(dst, x, y []float32, strideX, strideY, dim int) // of 16·n elements
}

var generic = kernels{
	exp: expGeneric, sigmoid: sigmoidGeneric, tanh: tanhGeneric, log: logGeneric,
	expSub: expSubGeneric, expSubScale: expSubScaleGeneric, expSubSum: expSubSumGeneric, expSum: expSumGeneric,
	sum: sumGeneric, sumSquares: sumSquaresGeneric, max: maxGeneric, dot: dotGeneric, dot3: dot3Generic,
	add: addGeneric, mul: mulGeneric, scale: scaleGeneric, axpy: axpyGeneric, mulAdd: mulAddGeneric,
	siluMul: siluMulGeneric, siluMulBackward: siluMulBackwardGeneric,
	geluMul: geluMulGeneric, geluMulBackward: geluMulBackwardGeneric,
	tanhBackward: tanhBackwardGeneric, softmaxBackward: softmaxBackwardGeneric,
	normApply: normApplyGeneric, normBackward: normBackwardGeneric, normWeightGrad: normWeightGradGeneric,
	rotate: rotateGeneric, rotateBack: rotateBackGeneric,
	adamw: adamwGeneric,
}

// current returns the kernels for [cpu.Current].
func current() *kernels { return kernelsFor(cpu.Current()) }

// mustMatch panics unless all lengths are n. name is the public function, for the message.
func mustMatch(name string, n int, lengths ...int) {
	for _, l := range lengths {
		if l != n {
			panic(fmt.Sprintf("vec.%s: length %d does not match %d", name, l, n))
		}
	}
}
