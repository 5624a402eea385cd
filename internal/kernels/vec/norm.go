package vec

import (
	"math"

	"github.com/cultivar/cultivar/internal/kernels/fma"
)

// RMSNorm normalises one row: dst[j] = (x[j]·inv)·weight[j] with inv = 1/√(Σx²/n + eps), which it
// returns for the backward pass (arXiv:1910.07467).
func RMSNorm(dst, x, weight []float32, eps float32) (inv float32) {
	mustMatch("RMSNorm", len(dst), len(x), len(weight))
	k := current()
	mean := k.sumSquares(x) / float32(len(x))
	inv = 1 / float32(math.Sqrt(float64(mean+eps)))
	k.normApply(dst, x, weight, inv)
	return inv
}

// RMSNormAgain is the result of [RMSNorm] for the inv that it returned.
func RMSNormAgain(dst, x, weight []float32, inv float32) {
	mustMatch("RMSNormAgain", len(dst), len(x), len(weight))
	current().normApply(dst, x, weight, inv)
}

func normApplyGeneric(dst, x, weight []float32, inv float32) {
	for j, v := range x {
		dst[j] = float32(v*inv) * weight[j]
	}
}

// RMSNormBackward is the gradient of one row of [RMSNorm] by x. With g[j] = dy[j]·weight[j]:
//
//	dx[j] = inv·(g[j] − x[j]·c),  c = inv²·(Σ g[k]·x[k])/n
func RMSNormBackward(dx, dy, x, weight []float32, inv float32) {
	mustMatch("RMSNormBackward", len(dx), len(dy), len(x), len(weight))
	k := current()
	c := float32(inv*inv) * (k.dot3(dy, weight, x) / float32(len(x)))
	k.normBackward(dx, dy, x, weight, inv, c)
}

func normBackwardGeneric(dx, dy, x, weight []float32, inv, c float32) {
	for j, v := range x {
		dx[j] = inv * fma.FMA32(-c, v, float32(dy[j]*weight[j]))
	}
}

// RMSNormWeightGrad adds one row's gradient by the weight: dw[j] = fma(dy[j], x[j]·inv, dw[j]).
func RMSNormWeightGrad(dw, dy, x []float32, inv float32) {
	mustMatch("RMSNormWeightGrad", len(dw), len(dy), len(x))
	current().normWeightGrad(dw, dy, x, inv)
}

func normWeightGradGeneric(dw, dy, x []float32, inv float32) {
	for j, v := range x {
		dw[j] = fma.FMA32(dy[j], float32(v*inv), dw[j])
	}
}
