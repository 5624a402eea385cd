package vec

import (
	"fmt"
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

// DotRows sets dst to Σ x[j]·y[j] of a row of each for every element. Rows have dim elements and are strideX
// and strideY apart.
func DotRows(dst, x, y []float32, strideX, strideY, dim int) {
	n := len(dst)
	if n == 0 {
		return
	}
	if dim < 0 || strideX < 0 || strideY < 0 || len(x) < (n-1)*strideX+dim || len(y) < (n-1)*strideY+dim {
		panic(fmt.Sprintf("vec.DotRows: %d and %d elements do not hold %d rows of %d that are %d and %d apart",
			len(x), len(y), n, dim, strideX, strideY))
	}
	current().runDotRows(dst, x, y, strideX, strideY, dim)
}

func (k *kernels) runDotRows(dst, x, y []float32, strideX, strideY, dim int) {
	if k.dotRows != nil && dim%lanes == 0 {
		k.dotRows(dst, x, y, strideX, strideY, dim)
		return
	}
	for i := range dst {
		dst[i] = k.dot(x[i*strideX:][:dim], y[i*strideY:][:dim])
	}
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
