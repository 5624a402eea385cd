package gemm

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/cultivar/cultivar/internal/cpu/cputest"
)

// Panels are the products of Serial, to the bit, whatever is in C before and however the factors lie.
func TestPanelsAreSerial(t *testing.T) {
	cputest.EachImplementation(t, func(t *testing.T) {
		var p Panels // the same one for all, as it is used
		r := rand.New(rand.NewPCG(1, 2))
		for _, shape := range [][3]int{{1, 1, 1}, {3, 64, 64}, {14, 32, 5}, {29, 40, 130}, {64, 64, 128}, {7, 17, 64}, {128, 65, 33}, {13, 8, 300}} {
			m, n, k := shape[0], shape[1], shape[2]
			for _, turned := range []bool{false, true} {
				for _, once := range []bool{false, true} {
					a, b := layout{transposed: turned}.matrix(r, m, k, normal), layout{transposed: !turned}.matrix(r, k, n, normal)
					if once {
						b = layout{}.matrix(r, k, n, normal)
					}
					p.Set(b, once)
					for _, accumulate := range []bool{false, true} {
						want := make([]float32, m*(n+3))
						for i := range want {
							want[i] = float32(r.NormFloat64())
						}
						got := append([]float32(nil), want...)
						Serial(want, n+3, a, b, accumulate)
						p.Multiply(got, n+3, a, n, accumulate)
						part := append([]float32(nil), got...)
						Serial(part, n+3, a.Slice(0, m, 0, (k+1)/2), b.Slice(0, (k+1)/2, 0, (n+1)/2), accumulate)
						partly := append([]float32(nil), got...)
						p.Multiply(partly, n+3, a.Slice(0, m, 0, (k+1)/2), (n+1)/2, accumulate)
						for i := range want {
							if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
								t.Fatalf("%v, turned %v, once %v, accumulate %v: [%d] = %g, want %g", shape, turned, once, accumulate, i, got[i], want[i])
							}
							if math.Float32bits(partly[i]) != math.Float32bits(part[i]) {
								t.Fatalf("%v, turned %v, once %v, accumulate %v: part [%d] = %g, want %g", shape, turned, once, accumulate, i, partly[i], part[i])
							}
						}
					}
				}
			}
		}
	})
}

func TestPanelsRefuseWhatDoesNotFit(t *testing.T) {
	var p Panels
	p.Set(F32(make([]float32, 12), 3, 4), false)
	for name, f := range map[string]func(){
		"inner":  func() { p.Multiply(make([]float32, 8), 4, F32(make([]float32, 8), 2, 4), 4, false) },
		"stride": func() { p.Multiply(make([]float32, 8), 3, F32(make([]float32, 6), 2, 3), 4, false) },
		"short":  func() { p.Multiply(make([]float32, 7), 4, F32(make([]float32, 6), 2, 3), 4, false) },
		"wide":   func() { p.Multiply(make([]float32, 99), 9, F32(make([]float32, 6), 2, 3), 5, false) },
		"unset":  func() { new(Panels).Multiply(nil, 0, F32(nil, 1, 0), 0, false) },
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

func TestPanelsDoNotAllocate(t *testing.T) {
	cputest.EachImplementation(t, func(t *testing.T) {
		var p Panels
		r := rand.New(rand.NewPCG(1, 2))
		a, b := layout{}.matrix(r, 30, 64, normal), layout{transposed: true}.matrix(r, 64, 64, normal)
		c := make([]float32, 30*64)
		if n := testing.AllocsPerRun(10, func() {
			p.Set(b, false)
			p.Multiply(c, 64, a, 64, true)
			p.Forget()
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}
