package vec

import (
	"math"
	"testing"

	"github.com/cultivar/cultivar/internal/cpu/cputest"
)

// Interleaved rotation is the rotation of halves under a permutation of each head, to the bit.
func TestRoPEInterleaved(t *testing.T) {
	cputest.EachImplementation(t, func(t *testing.T) {
		for _, c := range []struct{ heads, headDim, half int }{{1, 2, 1}, {3, 12, 6}, {2, 160, 70}, {2, 20, 3}} {
			row, cos, sin := values(1, c.heads*c.headDim), values(2, c.half), values(3, c.half)
			halves := append([]float32(nil), row...)
			permute := func(to func(head []float32, i int) (lo, hi *float32)) {
				for at := 0; at < len(row); at += c.headDim {
					for i := range c.half {
						lo, hi := to(halves[at:at+c.headDim], i)
						*lo, *hi = row[at+2*i], row[at+2*i+1]
					}
				}
			}
			permute(func(head []float32, i int) (lo, hi *float32) { return &head[i], &head[i+c.half] })
			got := append([]float32(nil), row...)
			scratch := values(4, 2*c.half)
			check := func(what string) {
				for at := 0; at < len(row); at += c.headDim {
					for i := range c.headDim {
						want := halves[at+i]
						if i < 2*c.half {
							want = halves[at+i/2+i%2*c.half]
						}
						if got[at+i] != want {
							t.Fatalf("%+v: %s [%d] = %g, want %g", c, what, at+i, got[at+i], want)
						}
					}
				}
			}
			RoPE(halves, cos, sin, c.headDim)
			RoPEInterleaved(got, cos, sin, c.headDim, scratch)
			check("turned")
			RoPEBackward(halves, cos, sin, c.headDim)
			RoPEInterleavedBackward(got, cos, sin, c.headDim, scratch)
			check("turned back")
		}
	})
}

func TestExp64(t *testing.T) {
	for i := range 100_000 {
		x := float64(i-50_000) / 50_000 * 700
		got, want := Exp64(x), math.Exp(x)
		if math.Abs(got-want) > 4.5e-16*want { // an ulp of each
			t.Fatalf("Exp64(%g) = %.17g, want %.17g", x, got, want)
		}
	}
	for _, c := range []struct{ x, want float64 }{
		{0, 1}, {math.Inf(1), math.Inf(1)}, {math.Inf(-1), 0}, {800, math.Inf(1)}, {-800, 0}, {math.NaN(), math.NaN()},
	} {
		if got := Exp64(c.x); got != c.want && !(math.IsNaN(got) && math.IsNaN(c.want)) {
			t.Errorf("Exp64(%g) = %g, want %g", c.x, got, c.want)
		}
	}
}
