package fma

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// exact computes fma with big.Float, which rounds to float32 once. It handles finite operands whose
// exact sum is not zero.
func exact(a, b, c float32) float32 {
	p := new(big.Float).SetPrec(600).Mul(big.NewFloat(float64(a)), big.NewFloat(float64(b)))
	p.Add(p, big.NewFloat(float64(c)))
	f, _ := p.Float32()
	return f
}

// want is exact, extended to the IEEE special cases that float64 gets right by itself.
func want(a, b, c float32) float32 {
	s := float64(a)*float64(b) + float64(c)
	if math.IsNaN(s) || s == 0 || math.IsInf(s, 0) {
		return float32(s)
	}
	return exact(a, b, c)
}

func same(x, y float32) bool {
	if x != x && y != y {
		return true
	}
	return math.Float32bits(x) == math.Float32bits(y)
}

func check(t *testing.T, a, b, c float32) {
	t.Helper()
	if got, want := FMA32(a, b, c), want(a, b, c); !same(got, want) {
		t.Fatalf("FMA32(%x, %x, %x) = %x (%#08x), want %x (%#08x)", a, b, c,
			got, math.Float32bits(got), want, math.Float32bits(want))
	}
}

func TestSpecialValues(t *testing.T) {
	inf := float32(math.Inf(1))
	values := []float32{0, float32(math.Copysign(0, -1)), 1, -1, 1.5, -2, 3,
		inf, -inf, float32(math.NaN()), math.MaxFloat32, -math.MaxFloat32,
		math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, 0x1p-126, -0x1p-126,
		0x1.fffffep-127, 0x1p-75, 0x1p-74, 0x1p64, -0x1p63, 1 + 0x1p-23, 1 - 0x1p-24, 0x1p-24, -0x1p-25}
	for _, a := range values {
		for _, b := range values {
			for _, c := range values {
				check(t, a, b, c)
			}
		}
	}
}

// Cases where rounding to float64 first gives the wrong float32; each names what went wrong.
func TestDoubleRounding(t *testing.T) {
	for _, c := range []struct {
		name    string
		a, b, c float32
	}{
		{"just above a tie, rounded onto it", 1 + 0x1p-12, 1 - 0x1p-12, 0x1p24 + 2},
		{"tie broken up by a tiny term", 1, 0x1p-24, 1},
		{"tie broken by a tiny product", 0x1p-60, 0x1p-60, 1 + 0x1p-23},
		{"overflow threshold", math.MaxFloat32, 1, 0x1p103},
		{"just under the overflow threshold", math.MaxFloat32, 1, 0x1.fffffep102},
		{"denormal tie", 0x1p-75, 0x1p-75, 0},
		{"denormal, just above a tie", 0x1.000002p-75, 0x1p-75, 0},
		{"denormal result of cancellation", 0x1p-63, 0x1.000002p-63, -0x1p-126},
	} {
		t.Run(c.name, func(t *testing.T) {
			for sign := range 8 {
				flip := func(x float32, bit int) float32 {
					if sign>>bit&1 == 1 {
						return -x
					}
					return x
				}
				check(t, flip(c.a, 0), flip(c.b, 1), flip(c.c, 2))
			}
		})
	}
}

// The slow path must matter: on these inputs the plain double rounding is wrong.
func TestNaiveFormIsWrongSomewhere(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	wrong := 0
	for range 200_000 {
		a, b, c := nearTie(r)
		if naive := float32(float64(a)*float64(b) + float64(c)); !same(naive, FMA32(a, b, c)) {
			wrong++
		}
		check(t, a, b, c)
	}
	if wrong == 0 {
		t.Error("no input needed the slow path; the generator of hard cases is broken")
	}
}

// nearTie returns operands whose sum lies within a float64 rounding error of a tie of float32:
// a tie c + half an ulp made by the product, plus or minus a bit far below.
func nearTie(r *rand.Rand) (a, b, c float32) {
	// (1 + i·2^-12)(2^-24 ± j·2^-47…) has its leading bit at half an ulp of c ∈ [1, 2).
	a = 1 + float32(r.IntN(3))*0x1p-23
	b = 0x1p-24 * (1 + float32(r.IntN(5)-2)*0x1p-23)
	c = 1 + float32(r.IntN(1<<23))*0x1p-23
	scale := float32(math.Ldexp(1, r.IntN(180)-110))
	b, c = b*scale, c*scale
	if r.IntN(2) == 0 {
		b = -b
	}
	if r.IntN(2) == 0 {
		b, c = -b, -c
	}
	return a, b, c
}

func TestRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 100_000 {
		// Any bit pattern: exponents far apart, NaN, Inf and denormals included.
		check(t, math.Float32frombits(r.Uint32()), math.Float32frombits(r.Uint32()), math.Float32frombits(r.Uint32()))
		// Comparable magnitudes: cancellation and denormal results.
		e := r.IntN(200) - 100
		a := float32(math.Ldexp(r.Float64()+0.5, e))
		b := float32(math.Ldexp(r.Float64()-0.5, r.IntN(40)-140-e))
		c := float32(math.Ldexp(r.Float64()-0.5, r.IntN(40)-140))
		check(t, a, b, c)
		check(t, a, b, -a*b)
	}
}

func FuzzFMA32(f *testing.F) {
	f.Add(uint32(0x3f800001), uint32(0x33800000), uint32(0x3f800000))
	f.Fuzz(func(t *testing.T, a, b, c uint32) {
		check(t, math.Float32frombits(a), math.Float32frombits(b), math.Float32frombits(c))
	})
}

func BenchmarkFMA32(b *testing.B) {
	x, y := float32(1.0000001), float32(0.3)
	var z [4]float32
	for b.Loop() {
		for i := range z {
			z[i] = FMA32(z[i], x, y)
		}
	}
}
