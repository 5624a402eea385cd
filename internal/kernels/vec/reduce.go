package vec

import (
	"math"

	"github.com/cultivar/cultivar/internal/kernels/fma"
)

// tree adds the lanes of a reduction in the fixed order.
func tree(l *[lanes]float32) float32 {
	for step := lanes / 2; step > 0; step /= 2 {
		for j := range step {
			l[j] += l[j+step]
		}
	}
	return l[0]
}

// Sum returns Σ x[i].
func Sum(x []float32) float32 { return current().sum(x) }

func sumGeneric(x []float32) float32 {
	var l [lanes]float32
	for i, v := range x {
		l[i%lanes] += v
	}
	return tree(&l)
}

// SumSquares returns Σ x[i]².
func SumSquares(x []float32) float32 { return current().sumSquares(x) }

func sumSquaresGeneric(x []float32) float32 { return dotGeneric(x, x) }

// Dot returns Σ x[i]·y[i].
func Dot(x, y []float32) float32 {
	mustMatch("Dot", len(x), len(y))
	return current().dot(x, y)
}

func dotGeneric(x, y []float32) float32 {
	var l [lanes]float32
	for i, v := range x {
		l[i%lanes] = fma.FMA32(v, y[i], l[i%lanes])
	}
	return tree(&l)
}

// dot3Generic returns Σ (x[i]·y[i])·z[i], the inner product rounded.
func dot3Generic(x, y, z []float32) float32 {
	var l [lanes]float32
	for i, v := range x {
		l[i%lanes] = fma.FMA32(float32(v*y[i]), z[i], l[i%lanes])
	}
	return tree(&l)
}

// Max returns the greatest x[i], −Inf for none, NaN if there is one. A zero is always +0, since
// which of ±0 is met first depends on the order.
func Max(x []float32) float32 { return current().max(x) }

func maxGeneric(x []float32) float32 {
	m := float32(math.Inf(-1))
	for _, v := range x {
		if v != v {
			return v
		}
		if v > m {
			m = v
		}
	}
	return m + 0
}

// LogSumExp returns log Σ e^x[i], computed as m + log Σ e^(x[i]−m) with m the maximum.
// It is −Inf for an empty x.
func LogSumExp(x []float32) float32 {
	k := current()
	m := k.max(x)
	if m-m != 0 { // Inf or NaN
		return m
	}
	return m + Log(k.expSum(x, m))
}
