package vec

import "math"

// Package math is pure Go but not one result everywhere: some architectures have assembly, and on
// others the compiler fuses x*y+z. The functions of this file are built from math.FMA, whose result
// IEEE 754 defines, and so are the same on all. They are for tables and single values.

// Log returns the natural logarithm of x, computed in float64 and rounded once.
func Log(x float32) float32 { return float32(Log64(float64(x))) }

// Logs sets dst[i] = Log(src[i]).
func Logs(dst, src []float32) {
	mustMatch("Logs", len(dst), len(src))
	current().log(dst, src)
}

func logGeneric(dst, src []float32) {
	for i, x := range src {
		dst[i] = Log(x)
	}
}

// ln 2 in two parts: the first has 32 bits, so that its product with an exponent is exact.
const (
	ln2Hi64 = 6.93147180369123816490e-01
	ln2Lo64 = 1.90821492927058770002e-10
)

// logPoly are Lg7…Lg1 of FreeBSD's /usr/src/lib/msun/src/e_log.c (Sun Microsystems, 1993).
var logPoly = [...]float64{
	1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01,
	2.222219843214978396e-01, 2.857142874366239149e-01, 3.999999999940941908e-01,
	6.666666666666735130e-01,
}

// Log64 returns the natural logarithm of x within 1 ulp, by the method of e_log.c:
// x = 2^k·(1+f), log(1+f) = f − f²/2 + s·(f²/2 + R(s²)), s = f/(2+f).
func Log64(x float64) float64 {
	switch {
	case x != x || x > math.MaxFloat64:
		return x
	case x < 0:
		return math.NaN()
	case x == 0:
		return math.Inf(-1)
	}
	m, exponent := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m *= 2
		exponent--
	}
	f, k := m-1, float64(exponent)
	s := f / (2 + f)
	z := s * s
	r := float64(z * horner(z, logPoly[:]))
	half := 0.5 * float64(f*f)
	tail := math.FMA(s, half+r, float64(k*ln2Lo64))
	return math.FMA(k, ln2Hi64, -((half - tail) - f))
}

// expPoly are the coefficients 1/13! … 1/2! of eʳ, whose rest for |r| ≤ ln 2/2 is below 2⁻⁵⁷.
var expPoly = [...]float64{
	1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320,
	1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 1.0 / 2,
}

// Exp64 returns eˣ within 1 ulp where the result is normal: x = n·ln 2 + r, eˣ = 2ⁿ·eʳ, and eʳ by
// its Taylor polynomial of degree 13.
func Exp64(x float64) float64 {
	switch {
	case x != x:
		return x
	case x > 709.78:
		return math.Inf(1)
	case x < -745.2:
		return 0
	}
	n := math.RoundToEven(x / math.Ln2)
	r := math.FMA(-n, ln2Hi64, x)
	r = math.FMA(-n, ln2Lo64, r)
	tail := math.FMA(float64(r*r), horner(r, expPoly[:]), r)
	return math.Ldexp(1+tail, int(n))
}

// π/2 in three parts of decreasing size, each rounded to float64.
const (
	halfPi1 = 0x1.921fb54442d18p+0
	halfPi2 = 0x1.1a62633145c07p-54
	halfPi3 = -0x1.f1976b7ed8fbcp-110
)

// sinPoly and cosPoly are S6…S1 and C6…C1 of FreeBSD's k_sin.c and k_cos.c.
var (
	sinPoly = [...]float64{
		1.58969099521155010221e-10, -2.50507602534068634195e-08, 2.75573137070700676789e-06,
		-1.98412698298579493134e-04, 8.33333333332248946124e-03, -1.66666666666666324348e-01,
	}
	cosPoly = [...]float64{
		-1.13596475577881948265e-11, 2.08757232129817482790e-09, -2.75573143513906633035e-07,
		2.48015872894767294178e-05, -1.38888888888741095749e-03, 4.16666666666666019037e-02,
	}
)

// SinCos64 returns the sine and cosine of x, |x| ≤ 2³⁰, with an absolute error below 2⁻⁵².
func SinCos64(x float64) (sin, cos float64) {
	n := math.RoundToEven(x * (2 / math.Pi))
	r := math.FMA(-n, halfPi1, x)
	r = math.FMA(-n, halfPi2, r)
	r = math.FMA(-n, halfPi3, r)
	z := r * r
	s := math.FMA(float64(r*z), horner(z, sinPoly[:]), r)
	c := math.FMA(float64(z*z), horner(z, cosPoly[:]), math.FMA(-0.5, z, 1))
	switch int64(n) & 3 {
	case 0:
		return s, c
	case 1:
		return c, -s
	case 2:
		return -s, -c
	default:
		return -c, s
	}
}

// horner evaluates the polynomial whose coefficients are given from the highest degree down.
func horner(x float64, coefficients []float64) float64 {
	p := coefficients[0]
	for _, c := range coefficients[1:] {
		p = math.FMA(p, x, c)
	}
	return p
}
