package vec

import (
	"math"
	"testing"

	"github.com/cultivar/cultivar/internal/cpu/cputest"
)

// ulps is the distance of got from want in units of the last place of a float32 at want.
func ulps(got float32, want float64) float64 {
	w := float32(want)
	if math.IsInf(float64(w), 0) || w == 0 {
		if got == w {
			return 0
		}
		return math.Inf(1)
	}
	_, e := math.Frexp(want)
	return math.Abs(float64(got)-want) / math.Ldexp(1, max(e, -125)-24)
}

// sweep calls f on blocks of consecutive float32 between lo and hi, every step-th.
func sweep(lo, hi float32, step uint32, f func(x []float32)) {
	var block []float32
	for x := lo; x <= hi; {
		block = append(block, x)
		if len(block) == 1000 {
			f(block)
			block = block[:0]
		}
		x = next(x, step)
	}
	f(block)
}

// next returns the n-th float32 above x, counting ±0 as one.
func next(x float32, n uint32) float32 {
	i := int32(math.Float32bits(x))
	if i < 0 {
		i = math.MinInt32 - i
	}
	i += int32(n)
	if i < 0 {
		i = math.MinInt32 - i
	}
	return math.Float32frombits(uint32(i))
}

func TestElementaryFunctionsAgainstFloat64(t *testing.T) {
	for _, c := range []struct {
		name   string
		f      func(dst, src []float32)
		want   func(float64) float64
		lo, hi float32
		ulps   float64
	}{
		{"exp", Exp, math.Exp, expMin, expMax, 1},
		{"sigmoid", Sigmoid, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, -87, 100, 2.5},
		{"tanh", Tanh, math.Tanh, -20, 20, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			cputest.EachImplementation(t, func(t *testing.T) {
				worst, at := 0.0, float32(0)
				y := make([]float32, 1000)
				sweep(c.lo, c.hi, 20011, func(x []float32) {
					c.f(y[:len(x)], x)
					for i, x := range x {
						if e := ulps(y[i], c.want(float64(x))); !(e <= worst) {
							worst, at = e, x
						}
					}
				})
				t.Logf("worst error %.3f ulp at %g", worst, at)
				if !(worst <= c.ulps) {
					t.Errorf("worst error %.3f ulp at %g (%#x), want ≤ %g", worst, at, at, c.ulps)
				}
			})
		})
	}
}

func TestElementaryFunctionsAtTheEdges(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	negZero := float32(math.Copysign(0, -1))
	for _, c := range []struct {
		name    string
		f       func(dst, src []float32)
		x, want float32
	}{
		{"exp", Exp, 0, 1},
		{"exp", Exp, negZero, 1},
		{"exp", Exp, inf, inf},
		{"exp", Exp, -inf, 0},
		{"exp", Exp, next(expMax, 1), inf},
		{"exp", Exp, expMax, 3.4027985e38},
		{"exp", Exp, expMin, 1.1754997e-38},
		{"exp", Exp, -next(-expMin, 1), 0},
		{"exp", Exp, -1e30, 0},
		{"exp", Exp, nan, nan},
		{"sigmoid", Sigmoid, 0, 0.5},
		{"sigmoid", Sigmoid, inf, 1},
		{"sigmoid", Sigmoid, -inf, 0},
		{"sigmoid", Sigmoid, -1000, 0},
		{"sigmoid", Sigmoid, nan, nan},
		{"tanh", Tanh, 0, 0},
		{"tanh", Tanh, negZero, negZero},
		{"tanh", Tanh, 1e-30, 1e-30},
		{"tanh", Tanh, inf, 1},
		{"tanh", Tanh, -inf, -1},
		{"tanh", Tanh, -1000, -1},
		{"tanh", Tanh, nan, nan},
	} {
		cputest.EachImplementation(t, func(t *testing.T) {
			x, y := make([]float32, 11), make([]float32, 11)
			for i := range x {
				x[i] = c.x
			}
			c.f(y, x)
			for i, got := range y {
				if !same(got, c.want) {
					t.Errorf("%s(%g)[%d] = %g (%#x), want %g", c.name, c.x, i, got, math.Float32bits(got), c.want)
				}
			}
		})
	}
}

// same compares bits, taking all NaN for one.
func same(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

func TestExpIsMonotonicAroundIntegerPowers(t *testing.T) {
	// Where n changes, two polynomials meet.
	for n := -125; n <= 127; n++ {
		x := float32((float64(n) + 0.5) * math.Ln2)
		for range 50 {
			y := next(x, 1)
			if exp1(y) < exp1(x)*(1-0x1p-23) {
				t.Errorf("exp(%g) = %g, exp(%g) = %g", x, exp1(x), y, exp1(y))
			}
			x = y
		}
	}
}

func TestFloat64Functions(t *testing.T) {
	for _, x := range []float64{1e-10, 0.1, 0.5, math.Sqrt2 / 2, 0.999999, 1, 1.0000001, math.Sqrt2, 2, 3, 10, 1e10, math.MaxFloat64} {
		if got, want := Log64(x), math.Log(x); math.Abs(got-want) > 4e-16*math.Abs(want) {
			t.Errorf("Log64(%g) = %.17g, want %.17g", x, got, want)
		}
	}
	// math.Log of a denormal is wrong on amd64.
	for _, c := range []struct{ x, want float64 }{{5e-324, -1074 * math.Ln2}, {0x1p-1030, -1030 * math.Ln2}, {0, math.Inf(-1)}, {-1, math.NaN()}, {math.NaN(), math.NaN()}, {math.Inf(1), math.Inf(1)}, {math.Inf(-1), math.NaN()}} {
		if got := Log64(c.x); got != c.want && !(math.IsNaN(got) && math.IsNaN(c.want)) {
			t.Errorf("Log64(%g) = %g, want %g", c.x, got, c.want)
		}
	}
	for i := range 200_000 {
		x := float64(i-100_000) * 1.2345678 * float64(1+i%7*i%1000)
		sin, cos := SinCos64(x)
		if e := max(math.Abs(sin-math.Sin(x)), math.Abs(cos-math.Cos(x))); e > 2.3e-16 {
			t.Fatalf("SinCos64(%g) = %.17g, %.17g: off by %g", x, sin, cos, e)
		}
	}
	if got := Log(2); got != float32(math.Ln2) {
		t.Errorf("Log(2) = %g", got)
	}
}
