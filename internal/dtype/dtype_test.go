package dtype

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/cultivar/cultivar/internal/cpu/cputest"
)

func TestNamesAndSizes(t *testing.T) {
	for _, c := range []struct {
		t    Type
		name string
		size int
	}{{F32, "F32", 4}, {BF16, "BF16", 2}, {F16, "F16", 2}} {
		if c.t.String() != c.name || c.t.Size() != c.size {
			t.Errorf("%d is %v of %d bytes, want %s of %d", c.t, c.t, c.t.Size(), c.name, c.size)
		}
		if got, err := Parse(c.name); err != nil || got != c.t {
			t.Errorf("Parse(%q) = %v, %v", c.name, got, err)
		}
	}
	if _, err := Parse("I64"); err == nil {
		t.Error("Parse accepts I64")
	}
	if got := Type(9).String(); got != "dtype.Type(9)" {
		t.Errorf("Type(9) prints %q", got)
	}
}

// f16Value is the definition of binary16, in float64.
func f16Value(u uint16) float64 {
	sign := 1.0
	if u>>15 == 1 {
		sign = -1
	}
	exponent, fraction := int(u>>10&31), float64(u&0x3ff)
	switch {
	case exponent == 31 && fraction != 0:
		return math.NaN()
	case exponent == 31:
		return math.Inf(int(sign))
	case exponent == 0:
		return math.Copysign(math.Ldexp(fraction, -24), sign)
	}
	return sign * math.Ldexp(1024+fraction, exponent-25)
}

func sameBits(a, b float32) bool {
	return a != a && b != b || math.Float32bits(a) == math.Float32bits(b)
}

func TestF16WidensEveryValue(t *testing.T) {
	for u := range 1 << 16 {
		if got, want := F16ToF32(uint16(u)), float32(f16Value(uint16(u))); !sameBits(got, want) {
			t.Fatalf("F16ToF32(%#04x) = %v, want %v", u, got, want)
		}
	}
}

func TestSixteenBitValuesSurviveTheRoundTrip(t *testing.T) {
	for u := range 1 << 16 {
		u := uint16(u)
		if f := BF16ToF32(u); f == f && F32ToBF16(f) != u {
			t.Fatalf("BF16 %#04x → %v → %#04x", u, f, F32ToBF16(f))
		} else if f != f && BF16ToF32(F32ToBF16(f)) == BF16ToF32(F32ToBF16(f)) {
			t.Fatalf("BF16 NaN %#04x → %#04x, not a NaN", u, F32ToBF16(f))
		}
		if f := F16ToF32(u); f == f && F32ToF16(f) != u {
			t.Fatalf("F16 %#04x → %v → %#04x", u, f, F32ToF16(f))
		} else if f != f && F16ToF32(F32ToF16(f)) == F16ToF32(F32ToF16(f)) {
			t.Fatalf("F16 NaN %#04x → %#04x, not a NaN", u, F32ToF16(f))
		}
	}
}

// Between each two neighbours: the midpoint goes to the even one, anything else to the nearer.
func TestRoundingIsToNearestEven(t *testing.T) {
	types := []struct {
		name  string
		widen func(uint16) float32
		round func(float32) uint16
		inf   uint16
	}{{"BF16", BF16ToF32, F32ToBF16, 0x7f80}, {"F16", F16ToF32, F32ToF16, 0x7c00}}
	for _, c := range types {
		for u := uint16(0); u < c.inf; u++ {
			low, high := float64(c.widen(u)), float64(c.widen(u+1))
			if u+1 == c.inf { // rounding treats infinity as the next finite value of the format
				high = low + low - float64(c.widen(u-1))
			}
			middle := float32(low + (high-low)/2)
			even := u + u&1
			below := math.Nextafter32(middle, 0)
			above := math.Nextafter32(middle, float32(math.Inf(1)))
			for _, sign := range []uint16{0, 0x8000} {
				s := float32(1)
				if sign != 0 {
					s = -1
				}
				if got := c.round(s * middle); got != even|sign {
					t.Fatalf("%s: tie %v → %#04x, want %#04x", c.name, s*middle, got, even|sign)
				}
				if got := c.round(s * below); got != u|sign {
					t.Fatalf("%s: %v → %#04x, want %#04x", c.name, s*below, got, u|sign)
				}
				if got := c.round(s * above); got != (u+1)|sign {
					t.Fatalf("%s: %v → %#04x, want %#04x", c.name, s*above, got, (u+1)|sign)
				}
			}
		}
	}
}

func TestSpecialValuesRound(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, c := range []struct {
		in        float32
		bf16, f16 uint16
	}{
		{0, 0, 0}, {float32(math.Copysign(0, -1)), 0x8000, 0x8000},
		{inf, 0x7f80, 0x7c00}, {-inf, 0xff80, 0xfc00},
		{math.MaxFloat32, 0x7f80, 0x7c00}, {65504, 0x4780, 0x7bff}, {65519.996, 0x4780, 0x7bff}, {65520, 0x4780, 0x7c00},
		{math.SmallestNonzeroFloat32, 0, 0}, {0x1p-25, 0x3300, 0}, {0x1.000002p-25, 0x3300, 1},
	} {
		if got := F32ToBF16(c.in); got != c.bf16 {
			t.Errorf("F32ToBF16(%v) = %#04x, want %#04x", c.in, got, c.bf16)
		}
		if got := F32ToF16(c.in); got != c.f16 {
			t.Errorf("F32ToF16(%v) = %#04x, want %#04x", c.in, got, c.f16)
		}
	}
}

func TestSlices(t *testing.T) {
	cputest.EachImplementation(t, func(t *testing.T) {
		all := make([]uint16, 1<<16)
		for i := range all {
			all[i] = uint16(i)
		}
		checkWiden(t, all)
		r := rand.New(rand.NewPCG(1, 2))
		for n := range 70 { // every length around the vector width, at any alignment
			at := r.IntN(1 << 15)
			checkWiden(t, all[at:at+n])
		}
	})
}

// checkWiden compares Widen with the single conversions and looks for writes beyond dst.
func checkWiden(t *testing.T, src []uint16) {
	t.Helper()
	for typ, one := range map[Type]func(uint16) float32{BF16: BF16ToF32, F16: F16ToF32} {
		const guard = 8
		dst := make([]float32, guard+len(src)+guard)
		for i := range dst {
			dst[i] = 42
		}
		Widen(typ, dst[guard:guard+len(src)], src)
		for i, got := range dst {
			want := float32(42)
			if j := i - guard; j >= 0 && j < len(src) {
				want = one(src[j])
			}
			if !sameBits(got, want) {
				t.Fatalf("%v, %d elements: [%d] = %v, want %v", typ, len(src), i-guard, got, want)
			}
		}
	}
}

// Every float32 of which the upper half and the bits that decide rounding are given, and NaN of
// every kind, at every length around the vector width.
func TestRoundSlices(t *testing.T) {
	cputest.EachImplementation(t, func(t *testing.T) {
		all := make([]float32, 0, 1<<19)
		for upper := range 1 << 16 {
			for _, lower := range []uint32{0, 1, 0x1000, 0x7fff, 0x8000, 0x8001, 0xefff, 0xffff} {
				all = append(all, math.Float32frombits(uint32(upper)<<16|lower))
			}
		}
		checkRound(t, all)
		r := rand.New(rand.NewPCG(3, 4))
		for n := range 70 {
			at := r.IntN(1 << 18)
			checkRound(t, all[at:at+n])
		}
	})
}

// checkRound compares Round with the single conversions and looks for writes beyond dst.
func checkRound(t *testing.T, src []float32) {
	t.Helper()
	for typ, one := range map[Type]func(float32) uint16{BF16: F32ToBF16, F16: F32ToF16} {
		const guard = 8
		dst := make([]uint16, guard+len(src)+guard)
		for i := range dst {
			dst[i] = 42
		}
		Round(typ, dst[guard:guard+len(src)], src)
		for i, got := range dst {
			want := uint16(42)
			if j := i - guard; j >= 0 && j < len(src) {
				want = one(src[j])
			}
			if got != want {
				t.Fatalf("%v, %d elements: [%d] = %#04x, want %#04x", typ, len(src), i-guard, got, want)
			}
		}
	}
}

func TestMisusePanics(t *testing.T) {
	for name, f := range map[string]func(){
		"lengths": func() { Widen(BF16, make([]float32, 3), make([]uint16, 4)) },
		"type":    func() { Round(F32, make([]uint16, 3), make([]float32, 3)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

func BenchmarkWiden(b *testing.B) {
	src, dst := make([]uint16, 1<<14), make([]float32, 1<<14)
	for _, typ := range []Type{BF16, F16} {
		b.Run(typ.String(), func(b *testing.B) {
			cputest.EachImplementationB(b, func(b *testing.B) {
				b.SetBytes(int64(len(src) * 2))
				for b.Loop() {
					Widen(typ, dst, src)
				}
			})
		})
	}
}
