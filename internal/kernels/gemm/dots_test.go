package gemm

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/cultivar/cultivar/internal/cpu/cputest"
	"github.com/cultivar/cultivar/internal/dtype"
)

// fewRows makes a product of few rows and weights as the kernel for them takes them, of one or two terms,
// and what its C will be. C has guards on both sides, which the product begins between.
func fewRows(r *rand.Rand, m int, fill filler) (o Product, got, want []float32) {
	const guard = 16
	n := 8 + r.IntN(90)
	o = Product{Stride: n + r.IntN(3), Accumulate: r.IntN(3) == 0, Scale: []float32{0, 1, -0.3}[r.IntN(3)]}
	got = make([]float32, m*o.Stride+2*guard)
	for i := range got {
		got[i] = fill(r)
	}
	o.C = got[guard : len(got)-guard]
	want = append(want, got...)
	out := want[guard:]
	if !o.Accumulate && r.IntN(2) == 0 {
		o.Bias = make([]float32, n)
		for i := range o.Bias {
			o.Bias[i] = fill(r)
		}
		for i := range m {
			copy(out[i*o.Stride:], o.Bias)
		}
	}
	for i := range 1 + r.IntN(2) {
		k := 16 + r.IntN(70)*(1+r.IntN(8))
		x := layout{typ: dtype.Type(r.IntN(3)), transposed: r.IntN(2) == 0, padding: r.IntN(3)}
		w := layout{typ: dtype.Type(r.IntN(3)), transposed: true, padding: r.IntN(2) * r.IntN(40), offset: r.IntN(9), blocks: r.IntN(4) == 0}
		t := Term{x.matrix(r, m, k, fill), w.matrix(r, k, n, fill)}
		o.Terms = append(o.Terms, t)
		reference(out, o.Stride, t.A, t.B, o.Accumulate || o.Bias != nil || i > 0)
	}
	if o.Scale != 0 {
		for i := range m {
			for j := range n {
				out[i*o.Stride+j] *= o.Scale
			}
		}
	}
	return o, got, want
}

func TestFewRows(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	cputest.EachImplementation(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(21, 22))
		for round := range 240 {
			m := 1 + round%9
			o, got, want := fewRows(r, m, []filler{normal, wild, tiny}[r.IntN(3)])
			Group(o)
			if i := firstDifference(got, want); i >= 0 {
				t.Fatalf("round %d, %d rows × %d columns, bias %v, accumulate %v, scale %v: element %d is %v, want %v",
					round, m, o.Terms[0].B.Cols, o.Bias != nil, o.Accumulate, o.Scale, i-16, got[i], want[i])
			}
		}
	})
}

// A chain that ends in -0 keeps its sign: what rows are padded with adds nothing, not even +0.
func TestPaddingKeepsTheSignOfZero(t *testing.T) {
	cputest.EachImplementation(t, func(t *testing.T) {
		for k := 33; k < 64; k += 5 {
			x, w := make([]float32, k), make([]float32, 16*k)
			for i := range x {
				x[i] = negativeZero
			}
			for i := range w {
				w[i] = 1
			}
			c := make([]float32, 16)
			for i := range c {
				c[i] = negativeZero
			}
			Gemm(c, 16, F32(x, 1, k), F32(w, 16, k).T(), true)
			for i, y := range c {
				if fmt.Sprint(y) != "-0" {
					t.Fatalf("%d steps: [%d] is %v, want -0", k, i, y)
				}
			}
		}
	})
}

// Blocks of columns overlap at the end of a tile; what two tiles share must be stored by one only.
func TestFewRowsInManyTiles(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	cputest.EachImplementation(t, func(t *testing.T) {
		for m := 1; m <= 8; m++ {
			for _, n := range []int{1031, 1100} {
				product{m: m, n: n, k: 544, b: layout{transposed: true}, ldc: n, accumulate: true, fill: normal, seed: uint64(m)}.check(t)
			}
		}
	})
}

// Rows of a page and more, behind which nothing is fetched, with some steps left over.
func TestFewLongRows(t *testing.T) {
	cputest.EachImplementation(t, func(t *testing.T) {
		for m := 1; m <= 8; m++ {
			for _, typ := range []dtype.Type{dtype.F32, dtype.BF16, dtype.F16} {
				w := layout{typ: typ, transposed: true, padding: m}
				product{m: m, n: 71, k: 2048 + 16*m + 5, b: w, ldc: 71, fill: normal, seed: uint64(m)}.check(t)
			}
		}
	})
}
