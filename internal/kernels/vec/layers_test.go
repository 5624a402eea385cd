package vec

import (
	"math"
	"slices"
	"testing"

	"github.com/cultivar/cultivar/internal/cpu/cputest"
)

// near reports whether got is want to relative accuracy tol of scale.
func near(got float32, want, scale, tol float64) bool {
	return math.Abs(float64(got)-want) <= tol*max(scale, math.Abs(want))
}

// slope is the central difference of f by x[i] in float64.
func slope(f func(x []float64) float64, x []float64, i int) float64 {
	const h = 1e-5
	old := x[i]
	x[i] = old + h
	up := f(x)
	x[i] = old - h
	down := f(x)
	x[i] = old
	return (up - down) / (2 * h)
}

func wide(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

func silu64(x float64) float64 { return x / (1 + math.Exp(-x)) }

func gelu64(x float64) float64 {
	return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
}

func TestGatedActivations(t *testing.T) {
	for _, c := range []struct {
		name     string
		forward  func(dst, gate, up []float32)
		backward func(dgate, dup, y, dy, gate, up []float32)
		act      func(float64) float64
	}{
		{"silu", SiLUMul, SiLUMulBackward, silu64},
		{"gelu", GELUTanhMul, GELUTanhMulBackward, gelu64},
	} {
		t.Run(c.name, func(t *testing.T) {
			cputest.EachImplementation(t, func(t *testing.T) {
				const n = 300
				gate, up, dy := values(1, n), values(2, n), values(3, n)
				y, dgate, dup := make([]float32, n), make([]float32, n), make([]float32, n)
				c.forward(y, gate, up)
				again := make([]float32, n)
				c.backward(dgate, dup, again, dy, gate, up)
				if !slices.Equal(again, y) {
					t.Error("the backward pass gives another result than the forward pass")
				}
				for i := range y {
					x, u, d := float64(gate[i]), float64(up[i]), float64(dy[i])
					if want := c.act(x) * u; !near(y[i], want, 1e-2, 1e-6) {
						t.Errorf("y(%g, %g) = %g, want %g", x, u, y[i], want)
					}
					if want := d * c.act(x); !near(dup[i], want, 1e-2, 1e-6) {
						t.Errorf("dup(%g, %g) = %g, want %g", x, u, dup[i], want)
					}
					want := d * u * slope(func(x []float64) float64 { return c.act(x[0]) }, []float64{x}, 0)
					if !near(dgate[i], want, math.Abs(d*u), 3e-6) {
						t.Errorf("dgate(%g, %g) = %g, want %g", x, u, dgate[i], want)
					}
				}
			})
		})
	}
}

func rms64(x, w []float64, eps float64) []float64 {
	s := 0.0
	for _, v := range x {
		s += v * v
	}
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = v / math.Sqrt(s/float64(len(x))+eps) * w[i]
	}
	return y
}

func TestRMSNorm(t *testing.T) {
	cputest.EachImplementation(t, func(t *testing.T) {
		for _, n := range []int{1, 5, 16, 77} {
			const eps = 1e-3
			x, w, dy := values(1, n), values(2, n), values(3, n)
			y, dx, dw := make([]float32, n), make([]float32, n), values(4, n)
			inv := RMSNorm(y, x, w, eps)
			again := make([]float32, n)
			if RMSNormAgain(again, x, w, inv); !slices.Equal(again, y) {
				t.Errorf("%d elements: again the result is another", n)
			}
			RMSNormBackward(dx, dy, x, w, inv)
			before := append([]float32(nil), dw...)
			RMSNormWeightGrad(dw, dy, x, inv)
			x64, w64 := wide(x), wide(w)
			loss := func(x, w []float64) (sum float64) {
				for i, v := range rms64(x, w, eps) {
					sum += v * float64(dy[i])
				}
				return sum
			}
			for i, want := range rms64(x64, w64, eps) {
				if !near(y[i], want, 1e-2, 1e-6) {
					t.Errorf("y[%d] of %d = %g, want %g", i, n, y[i], want)
				}
				if want := slope(func(x []float64) float64 { return loss(x, w64) }, x64, i); !near(dx[i], want, 1, 2e-6) {
					t.Errorf("dx[%d] of %d = %g, want %g", i, n, dx[i], want)
				}
				want := slope(func(w []float64) float64 { return loss(x64, w) }, w64, i)
				if !near(dw[i], want+float64(before[i]), 1, 2e-6) {
					t.Errorf("dw[%d] of %d = %g, want %g", i, n, dw[i], want+float64(before[i]))
				}
			}
		}
	})
}

func TestRoPE(t *testing.T) {
	cputest.EachImplementation(t, func(t *testing.T) {
		for _, c := range []struct{ heads, headDim, half int }{{1, 2, 1}, {3, 12, 6}, {2, 64, 32}, {2, 20, 3}} {
			row := values(1, c.heads*c.headDim)
			cos, sin := make([]float32, c.half), make([]float32, c.half)
			for i := range cos {
				s, k := SinCos64(float64(i) + 0.3)
				sin[i], cos[i] = float32(s), float32(k)
			}
			got := append([]float32(nil), row...)
			RoPE(got, cos, sin, c.headDim)
			for i, v := range got {
				want := float64(row[i])
				switch d := i % c.headDim; {
				case d < c.half:
					want = want*float64(cos[d]) - float64(row[i+c.half])*float64(sin[d])
				case d < 2*c.half:
					want = want*float64(cos[d-c.half]) + float64(row[i-c.half])*float64(sin[d-c.half])
				}
				if !near(v, want, 1, 1e-6) {
					t.Errorf("%+v: [%d] = %g, want %g", c, i, v, want)
				}
			}
			RoPEBackward(got, cos, sin, c.headDim)
			for i, v := range got {
				if !near(v, float64(row[i]), 1, 1e-6) {
					t.Errorf("%+v: turned back [%d] = %g, want %g", c, i, v, row[i])
				}
			}
		}
	})
}

func TestCrossEntropy(t *testing.T) {
	inf := float32(math.Inf(1))
	cputest.EachImplementation(t, func(t *testing.T) {
		for _, n := range []int{1, 2, 33, 1000} {
			x := values(1, n)
			label := n / 2
			lse := LogSumExp(x)
			loss := func(x []float64) float64 {
				s := 0.0
				for _, v := range x {
					s += math.Exp(v)
				}
				return math.Log(s) - x[label]
			}
			x64 := wide(x)
			if want := loss(x64) + x64[label]; !near(lse, want, 1, 1e-6) {
				t.Errorf("LogSumExp of %d = %g, want %g", n, lse, want)
			}
			CrossEntropyBackward(x, label, lse, 0.5)
			for i := range x {
				if want := 0.5 * slope(loss, x64, i); !near(x[i], want, 1e-2, 1e-5) {
					t.Errorf("gradient[%d] of %d = %g, want %g", i, n, x[i], want)
				}
			}
		}
		for _, c := range []struct {
			x    []float32
			want float32
		}{{nil, -inf}, {[]float32{-inf, -inf}, -inf}, {[]float32{1, inf}, inf}, {[]float32{1e30, -inf}, 1e30}, {[]float32{-1e30, -1e30}, -1e30}} {
			if got := LogSumExp(c.x); got != c.want {
				t.Errorf("LogSumExp(%v) = %v, want %v", c.x, got, c.want)
			}
		}
	})
}

func TestSoftmaxBlockBackward(t *testing.T) {
	cputest.EachImplementation(t, func(t *testing.T) {
		const n, scale = 21, 0.125
		s, dp := values(1, SoftmaxWidth), values(2, SoftmaxWidth)
		p, ds := make([]float32, n), append([]float32(nil), dp...)
		Scale(p, s[:n], scale)
		lse := LogSumExp(p)
		ExpSub(p, p, lse)
		SoftmaxBlockBackward(append([]float32(nil), s...), ds, []float32{lse}, []float32{Dot(p, dp[:n])}, Band{-1, n}, scale, scale)
		s, ds = s[:n], ds[:n]
		loss := func(s []float64) float64 {
			sum, weighted := 0.0, 0.0
			for i, v := range s {
				e := math.Exp(v * scale)
				sum, weighted = sum+e, weighted+e*float64(dp[i])
			}
			return weighted / sum
		}
		for i, got := range ds {
			if want := slope(loss, wide(s), i); !near(got, want, 1e-2, 1e-5) {
				t.Errorf("ds[%d] = %g, want %g", i, got, want)
			}
		}
	})
}

// Ten steps against the formula in float64.
func TestAdamW(t *testing.T) {
	cputest.EachImplementation(t, func(t *testing.T) {
		const n, lr, b1, b2, eps, wd = 37, 0.02, 0.9, 0.999, 1e-8, 0.1
		p, m, v := values(1, n), make([]float32, n), make([]float32, n)
		p64, m64, v64 := wide(p), make([]float64, n), make([]float64, n)
		for step := 1; step <= 10; step++ {
			g := values(uint64(step), n)
			bias1, bias2 := 1-math.Pow(b1, float64(step)), 1-math.Pow(b2, float64(step))
			AdamW{LearningRate: lr, Beta1: b1, Beta2: b2, Epsilon: eps, WeightDecay: wd, Bias1: bias1, Bias2: bias2, GradScale: 0.25}.Update(p, g, m, v)
			for i := range g {
				d := float64(g[i]) * 0.25
				p64[i] *= 1 - lr*wd
				m64[i] += (1 - b1) * (d - m64[i])
				v64[i] = v64[i]*b2 + (1-b2)*d*d
				p64[i] -= lr / bias1 * m64[i] / (math.Sqrt(v64[i])/math.Sqrt(bias2) + eps)
			}
		}
		for i := range p {
			if !near(p[i], p64[i], 0.1, 2e-6) || !near(m[i], m64[i], 0.1, 1e-6) || !near(v[i], v64[i], 1e-3, 1e-6) {
				t.Errorf("[%d]: p %g m %g v %g, want %g %g %g", i, p[i], m[i], v[i], p64[i], m64[i], v64[i])
			}
		}
	})
}
