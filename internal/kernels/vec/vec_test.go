package vec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/internal/cpu/cputest"
)

// values returns n numbers of the size activations have.
func values(seed uint64, n int) []float32 {
	r := rand.New(rand.NewPCG(seed, 1))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64() * 2)
	}
	return x
}

// wild returns n numbers with many special ones among them.
func wild(seed uint64, n int) []float32 {
	special := []float32{0, float32(math.Copysign(0, -1)), 1, -1, float32(math.Inf(1)), float32(math.Inf(-1)),
		float32(math.NaN()), 1e-40, -1e-40, 3e38, -3e38, expMax, expMin, 0.625, -0.625, 88.8, -87.4, 1e-30, 16777216,
		math.Float32frombits(0x7fc001ff), math.Float32frombits(0xffffffff), math.Float32frombits(0x7f800001)}
	r := rand.New(rand.NewPCG(seed, 2))
	x := values(seed, n)
	for i := range x {
		if r.IntN(4) == 0 {
			x[i] = special[r.IntN(len(special))]
		}
	}
	return x
}

// every is one call of each kernel on the slices it is given; it returns all that was computed.
// All slices have one length and may be overwritten.
var every = map[string]func(k *kernels, s [6][]float32) (result []float32){
	"exp":         func(k *kernels, s [6][]float32) []float32 { k.exp(s[0], s[1]); return nil },
	"sigmoid":     func(k *kernels, s [6][]float32) []float32 { k.sigmoid(s[0], s[1]); return nil },
	"tanh":        func(k *kernels, s [6][]float32) []float32 { k.tanh(s[0], s[1]); return nil },
	"log":         func(k *kernels, s [6][]float32) []float32 { k.log(s[0], s[1]); return nil },
	"expSub":      func(k *kernels, s [6][]float32) []float32 { k.expSub(s[0], s[1], 1.5); return nil },
	"expSubScale": func(k *kernels, s [6][]float32) []float32 { k.expSubScale(s[0], s[1], 1.5, 0.3); return nil },
	"expSubSum":   func(k *kernels, s [6][]float32) []float32 { return []float32{k.expSubSum(s[0], s[1], 1.5)} },
	"expSum":      func(k *kernels, s [6][]float32) []float32 { return []float32{k.expSum(s[1], 1.5)} },
	"sum":         func(k *kernels, s [6][]float32) []float32 { return []float32{k.sum(s[0])} },
	"sumSquares":  func(k *kernels, s [6][]float32) []float32 { return []float32{k.sumSquares(s[0])} },
	"max":         func(k *kernels, s [6][]float32) []float32 { return []float32{k.max(s[0])} },
	"dot":         func(k *kernels, s [6][]float32) []float32 { return []float32{k.dot(s[0], s[1])} },
	"dot3":        func(k *kernels, s [6][]float32) []float32 { return []float32{k.dot3(s[0], s[1], s[2])} },
	"add":         func(k *kernels, s [6][]float32) []float32 { k.add(s[0], s[1], s[2]); return nil },
	"mul":         func(k *kernels, s [6][]float32) []float32 { k.mul(s[0], s[1], s[2]); return nil },
	"scale":       func(k *kernels, s [6][]float32) []float32 { k.scale(s[0], s[1], 0.7); return nil },
	"axpy":        func(k *kernels, s [6][]float32) []float32 { k.axpy(s[0], s[1], 0.7); return nil },
	"mulAdd":      func(k *kernels, s [6][]float32) []float32 { k.mulAdd(s[0], s[1], s[2]); return nil },
	"siluMul":     func(k *kernels, s [6][]float32) []float32 { k.siluMul(s[0], s[1], s[2]); return nil },
	"geluMul":     func(k *kernels, s [6][]float32) []float32 { k.geluMul(s[0], s[1], s[2]); return nil },
	"siluMulBackward": func(k *kernels, s [6][]float32) []float32 {
		k.siluMulBackward(s[0], s[1], s[2], s[3], s[4], s[5])
		return nil
	},
	"siluMulBackward in place": func(k *kernels, s [6][]float32) []float32 {
		k.siluMulBackward(s[3], s[4], s[2], s[2], s[3], s[4])
		return nil
	},
	"geluMulBackward": func(k *kernels, s [6][]float32) []float32 {
		k.geluMulBackward(s[0], s[1], s[2], s[3], s[4], s[5])
		return nil
	},
	"geluMulBackward in place": func(k *kernels, s [6][]float32) []float32 {
		k.geluMulBackward(s[2], s[4], s[3], s[2], s[3], s[4])
		return nil
	},
	"tanhBackward": func(k *kernels, s [6][]float32) []float32 { k.tanhBackward(s[0], s[1], s[2]); return nil },
	"softmaxBackward": func(k *kernels, s [6][]float32) []float32 {
		k.softmaxBackward(s[0], s[1], s[2], 0.25, 0.125)
		return nil
	},
	"normApply": func(k *kernels, s [6][]float32) []float32 { k.normApply(s[0], s[1], s[2], 0.7); return nil },
	"normBackward": func(k *kernels, s [6][]float32) []float32 {
		k.normBackward(s[0], s[1], s[2], s[3], 0.7, 0.01)
		return nil
	},
	"normWeightGrad": func(k *kernels, s [6][]float32) []float32 { k.normWeightGrad(s[0], s[1], s[2], 0.7); return nil },
	"rotate":         func(k *kernels, s [6][]float32) []float32 { k.rotate(s[0], s[1], s[2], s[3]); return nil },
	"rotateBack":     func(k *kernels, s [6][]float32) []float32 { k.rotateBack(s[0], s[1], s[2], s[3]); return nil },
	"adamw": func(k *kernels, s [6][]float32) []float32 {
		k.adamw(s[0], s[1], s[2], s[3], testStep.constants())
		return nil
	},
}

var testStep = AdamW{LearningRate: 0.01, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: 0.1, Bias1: 0.271, Bias2: 0.002997, GradScale: 0.5}

// Each kernel of each implementation must compute the bits of the reference, at every length of
// tail, at any alignment, with special values in every lane, and write nowhere else.
func TestImplementationsAgree(t *testing.T) {
	for name, call := range every {
		t.Run(name, func(t *testing.T) {
			for _, impl := range cpu.Available()[1:] {
				k := kernelsFor(impl)
				for n := range 70 {
					for trial := range 6 {
						make := values
						if trial > 2 {
							make = wild
						}
						what := fmt.Sprintf("%s, length %d, trial %d", impl, n, trial)
						compare(t, what, call, k, n, trial, make)
					}
				}
			}
		})
	}
}

func compare(t *testing.T, what string, call func(*kernels, [6][]float32) []float32, k *kernels, n, offset int, fill func(uint64, int) []float32) {
	t.Helper()
	const margin = 9
	var want, got, wantPart, gotPart [6][]float32
	for i := range want {
		want[i] = fill(uint64(100*n+10*offset+i), offset+n+margin)
		got[i] = append([]float32(nil), want[i]...)
		wantPart[i], gotPart[i] = want[i][offset:offset+n], got[i][offset:offset+n]
	}
	a, b := call(&generic, wantPart), call(k, gotPart)
	for i, v := range a {
		if !same(v, b[i]) {
			t.Fatalf("%s: returned %x, want %x", what, b[i], v)
		}
	}
	for i := range want {
		for j, v := range want[i] {
			if !same(v, got[i][j]) {
				t.Fatalf("%s: slice %d [%d] = %x, want %x", what, i, j-offset, got[i][j], v)
			}
		}
	}
}

func TestKernelTableIsFull(t *testing.T) {
	for _, impl := range cpu.Available() {
		k := kernelsFor(impl)
		for name, call := range every {
			func() {
				defer func() {
					if r := recover(); r != nil {
						t.Errorf("%s %s: %v", impl, name, r)
					}
				}()
				var s [6][]float32
				for i := range s {
					s[i] = make([]float32, 3)
				}
				call(k, s)
			}()
		}
	}
}

func TestReductionsUseSixteenLanesAndTheTree(t *testing.T) {
	cputest.EachImplementation(t, func(t *testing.T) {
		x := values(5, 37)
		var l [16]float32
		for i, v := range x {
			l[i%16] += v
		}
		for _, step := range []int{8, 4, 2, 1} {
			for j := range step {
				l[j] += l[j+step]
			}
		}
		if got := Sum(x); got != l[0] {
			t.Errorf("Sum = %x, want %x", got, l[0])
		}
	})
}

func TestReductionsAgainstFloat64(t *testing.T) {
	cputest.EachImplementation(t, func(t *testing.T) {
		for _, n := range []int{0, 1, 7, 16, 100, 4097} {
			x, y := values(1, n), values(2, n)
			var sum, squares, dot, size float64
			for i := range x {
				a, b := float64(x[i]), float64(y[i])
				sum, squares, dot, size = sum+a, squares+a*a, dot+a*b, size+math.Abs(a)+a*a+math.Abs(a*b)
			}
			for _, c := range []struct {
				name      string
				got, want float64
			}{{"Sum", float64(Sum(x)), sum}, {"SumSquares", float64(SumSquares(x)), squares}, {"Dot", float64(Dot(x, y)), dot}} {
				if math.Abs(c.got-c.want) > 1e-6*size {
					t.Errorf("%s of %d = %g, want %g", c.name, n, c.got, c.want)
				}
			}
		}
	})
}

func TestMax(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	negZero := float32(math.Copysign(0, -1))
	cputest.EachImplementation(t, func(t *testing.T) {
		for _, c := range []struct {
			x    []float32
			want float32
		}{
			{nil, -inf}, {[]float32{-inf, -inf}, -inf}, {[]float32{-3}, -3}, {[]float32{-3, -2, -5}, -2},
			{[]float32{negZero}, 0}, {[]float32{0, negZero}, 0}, {[]float32{negZero, 0}, 0},
			{[]float32{1, nan, 2}, nan}, {[]float32{nan, inf}, nan},
		} {
			if got := Max(c.x); !same(got, c.want) {
				t.Errorf("Max(%v) = %v, want %v", c.x, got, c.want)
			}
		}
		for n := 1; n < 40; n++ {
			for at := range n {
				x := make([]float32, n)
				for i := range x {
					x[i] = -float32(i) - 1
				}
				x[at] = 7
				if got := Max(x); got != 7 {
					t.Errorf("Max with 7 at %d of %d = %v", at, n, got)
				}
				x[at] = nan
				if got := Max(x); got == got {
					t.Errorf("Max with NaN at %d of %d = %v", at, n, got)
				}
			}
		}
	})
}

func TestLengthMismatchPanics(t *testing.T) {
	a, b := make([]float32, 3), make([]float32, 4)
	for name, f := range map[string]func(){
		"Exp": func() { Exp(a, b) }, "Sigmoid": func() { Sigmoid(a, b) }, "Tanh": func() { Tanh(a, b) },
		"TanhBackward": func() { TanhBackward(a, a, b) }, "ExpSub": func() { ExpSub(a, b, 0) },
		"ExpSubSum": func() { ExpSubSum(a, b, 0) }, "Dot": func() { Dot(a, b) }, "Add": func() { Add(a, a, b) },
		"Mul": func() { Mul(b, a, a) }, "Scale": func() { Scale(a, b, 1) }, "Axpy": func() { Axpy(a, 1, b) }, "ScaleRows": func() { ScaleRows(a, b) },
		"SiLUMul": func() { SiLUMul(a, b, a) }, "SiLUMulBackward": func() { SiLUMulBackward(a, a, a, a, a, b) },
		"GELUTanhMul":         func() { GELUTanhMul(a, a, b) },
		"GELUTanhMulBackward": func() { GELUTanhMulBackward(a, a, b, a, a, a) },
		"RMSNorm":             func() { RMSNorm(a, a, b, 0) }, "RMSNormBackward": func() { RMSNormBackward(a, a, b, a, 1) },
		"RMSNormAgain":      func() { RMSNormAgain(a, b, a, 1) },
		"RMSNormWeightGrad": func() { RMSNormWeightGrad(b, a, a, 1) },
		"RoPE sin":          func() { RoPE(b, b[:2], a[:1], 4) }, "RoPE head": func() { RoPE(b, b[:2], b[:2], 3) },
		"RoPE row": func() { RoPEBackward(a, a[:1], a[:1], 2) }, "RoPEInterleaved": func() { RoPEInterleaved(b, a[:2], a[:2], 4, a) },
		"AdamW": func() { testStep.Update(a, a, a, b) }, "label": func() { CrossEntropyBackward(a, 3, 0, 1) },
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

func TestNothingAllocates(t *testing.T) {
	x, y, z := values(1, 67), values(2, 67), values(3, 67)
	cputest.EachImplementation(t, func(t *testing.T) {
		if n := testing.AllocsPerRun(10, func() {
			ExpSubSum(z, x, 1)
			_ = Dot(x, y) + LogSumExp(x)
			SiLUMul(z, x, y)
			_ = RMSNorm(z, x, y, 1e-5)
			RoPE(z[:64], x[:8], y[:8], 16)
			testStep.Update(z, y, x, z)
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}
