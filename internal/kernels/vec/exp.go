package vec

import (
	"math"

	"github.com/cultivar/cultivar/internal/kernels/fma"
)

// exp(x) = 2^n · e^r with n = round(x·log2 e) and r = x − n·ln 2, |r| ≤ ln 2 / 2, and
// e^r = 1 + r + r²·q(r). q is the minimax polynomial of degree 4 for the relative error of e^r
// (Remez), 3·10⁻⁹ before its coefficients were rounded to float32.
const (
	log2E = 0x1.715476p+0
	ln2Hi = 0x1.62e430p-1   // ln 2 rounded to float32
	ln2Lo = -0x1.05c610p-29 // ln 2 − ln2Hi
	// Adding 1.5·2²³ rounds to an integer, which then is in the low bits of the float32.
	roundMagic = 0x1.8p23

	expQ0 = 0.49999994
	expQ1 = 0.166665211
	expQ2 = 0.041668389
	expQ3 = 0.00836874545
	expQ4 = 0.00138145406

	// Above expMax exp overflows. Below expMin it would be denormal and is 0 instead.
	expMax = 0x1.62e42ep+6
	expMin = -0x1.5d589ep+6
)

// exp1 is exp of one value: within 0.9 ulp (checked for every float32), 0 where e^x < 2⁻¹²⁶, +Inf above the range, NaN for NaN.
func exp1(x float32) float32 {
	switch {
	case x > expMax:
		return float32(math.Inf(1))
	case x < expMin:
		return 0
	case x != x:
		return x
	}
	t := fma.FMA32(x, log2E, roundMagic)
	n := t - roundMagic
	r := fma.FMA32(n, -ln2Hi, x)
	r = fma.FMA32(n, -ln2Lo, r)
	p := fma.FMA32(expQ4, r, expQ3)
	p = fma.FMA32(p, r, expQ2)
	p = fma.FMA32(p, r, expQ1)
	p = fma.FMA32(p, r, expQ0)
	p = fma.FMA32(p, r, 1)
	p = fma.FMA32(p, r, 1)
	// p is in (0.7, 1.42); adding n to its exponent cannot leave the normal range for x in
	// [expMin, expMax], even for n = 128, where p < 1.
	return math.Float32frombits(math.Float32bits(p) + math.Float32bits(t)<<23)
}

// sigmoid1 is 1/(1 + e^−x).
func sigmoid1(x float32) float32 { return 1 / (1 + exp1(-x)) }

// tanh(x) = x + x·z·p(z) with z = x² for |x| < 0.625, p minimax of degree 4 (relative error
// 4·10⁻⁹), and sign(x)·(1 − 2/(e^2|x| + 1)) elsewhere.
const (
	tanhSmall = 0.625

	tanhP0 = -0.333332807
	tanhP1 = 0.133314416
	tanhP2 = -0.0537397154
	tanhP3 = 0.020639088
	tanhP4 = -0.00570498686
)

// tanh1 is tanh of one value, within 2 ulp.
func tanh1(x float32) float32 {
	a := math.Float32frombits(math.Float32bits(x) &^ (1 << 31))
	var y float32
	if a < tanhSmall {
		z := a * a
		p := fma.FMA32(tanhP4, z, tanhP3)
		p = fma.FMA32(p, z, tanhP2)
		p = fma.FMA32(p, z, tanhP1)
		p = fma.FMA32(p, z, tanhP0)
		y = fma.FMA32(a, float32(z*p), a)
	} else {
		y = 1 - 2/(exp1(a+a)+1)
	}
	return math.Float32frombits(math.Float32bits(y) | math.Float32bits(x)&(1<<31))
}

// Exp sets dst[i] = e^src[i].
func Exp(dst, src []float32) {
	mustMatch("Exp", len(dst), len(src))
	current().exp(dst, src)
}

func expGeneric(dst, src []float32) {
	for i, x := range src {
		dst[i] = exp1(x)
	}
}

// ExpSub sets dst[i] = e^(src[i]−m).
func ExpSub(dst, src []float32, m float32) {
	mustMatch("ExpSub", len(dst), len(src))
	current().expSub(dst, src, m)
}

func expSubGeneric(dst, src []float32, m float32) {
	for i, x := range src {
		dst[i] = exp1(x - m)
	}
}

// ExpSubSum sets dst[i] = e^(src[i]−m) and returns the sum of dst: the softmax numerators and
// denominator of a row whose maximum is m.
func ExpSubSum(dst, src []float32, m float32) float32 {
	mustMatch("ExpSubSum", len(dst), len(src))
	return current().expSubSum(dst, src, m)
}

func expSubSumGeneric(dst, src []float32, m float32) float32 {
	var l [lanes]float32
	for i, x := range src {
		dst[i] = exp1(x - m)
		l[i%lanes] += dst[i]
	}
	return tree(&l)
}

// expSumGeneric is expSubSumGeneric for when only the sum is wanted.
func expSumGeneric(src []float32, m float32) float32 {
	var l [lanes]float32
	for i, x := range src {
		l[i%lanes] += exp1(x - m)
	}
	return tree(&l)
}

func expSubScaleGeneric(dst, src []float32, m, scale float32) {
	for i, x := range src {
		dst[i] = exp1(x-m) * scale
	}
}

// Sigmoid sets dst[i] = 1/(1 + e^−src[i]).
func Sigmoid(dst, src []float32) {
	mustMatch("Sigmoid", len(dst), len(src))
	current().sigmoid(dst, src)
}

func sigmoidGeneric(dst, src []float32) {
	for i, x := range src {
		dst[i] = sigmoid1(x)
	}
}

// Tanh sets dst[i] = tanh(src[i]).
func Tanh(dst, src []float32) {
	mustMatch("Tanh", len(dst), len(src))
	current().tanh(dst, src)
}

func tanhGeneric(dst, src []float32) {
	for i, x := range src {
		dst[i] = tanh1(x)
	}
}

// TanhBackward sets dst[i] = dy[i]·(1 − y[i]²), the gradient of y = tanh(x) by x.
func TanhBackward(dst, dy, y []float32) {
	mustMatch("TanhBackward", len(dst), len(dy), len(y))
	current().tanhBackward(dst, dy, y)
}

func tanhBackwardGeneric(dst, dy, y []float32) {
	for i, t := range y {
		dst[i] = dy[i] * fma.FMA32(-t, t, 1)
	}
}
