package blas

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
	"gorgonia.org/tensor"
)

var _ tensor.BLAS = Implementation{}

func random(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// A case of Sgemm. Distances between rows exceed the columns, so that what lies between shows.
type product struct {
	tA, tB                 blas.Transpose
	m, n, k, lda, ldb, ldc int
	alpha, beta            float32
	a, b, c                []float32
}

func randomProduct(r *rand.Rand) product {
	op := []blas.Transpose{blas.NoTrans, blas.Trans, blas.ConjTrans}
	p := product{tA: op[r.IntN(3)], tB: op[r.IntN(3)], m: r.IntN(40), n: r.IntN(40), k: r.IntN(40)}
	p.alpha, p.beta = []float32{0, 1, -0.5}[r.IntN(3)], []float32{0, 1, 2}[r.IntN(3)]
	size := func(t blas.Transpose, rows, cols int) (stride, n int) {
		if t != blas.NoTrans {
			rows, cols = cols, rows
		}
		stride = max(1, cols) + r.IntN(4)
		return stride, rows * stride
	}
	var n [3]int
	p.lda, n[0] = size(p.tA, p.m, p.k)
	p.ldb, n[1] = size(p.tB, p.k, p.n)
	p.ldc, n[2] = size(blas.NoTrans, p.m, p.n)
	p.a, p.b, p.c = random(r, n[0]), random(r, n[1]), random(r, n[2])
	return p
}

func (p product) run(b blas.Float32, c []float32) {
	b.Sgemm(p.tA, p.tB, p.m, p.n, p.k, p.alpha, p.a, p.lda, p.b, p.ldb, p.beta, c, p.ldc)
}

// Gonum rounds each product before it adds: the results differ by no more than that, for sums of 40.
func TestSgemmAgreesWithGonum(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		p := randomProduct(r)
		got, want := append([]float32(nil), p.c...), append([]float32(nil), p.c...)
		p.run(Implementation{}, got)
		p.run(gonum.Implementation{}, want)
		for i := range got {
			if d := math.Abs(float64(got[i] - want[i])); !(d <= 4e-5) {
				t.Fatalf("%v%v %d×%d×%d, alpha %v, beta %v: C[%d] = %v, Gonum has %v",
					p.tA, p.tB, p.m, p.n, p.k, p.alpha, p.beta, i, got[i], want[i])
			}
		}
	}
}

// What Gonum refuses is refused in its words.
func TestSgemmRefusesAsGonumDoes(t *testing.T) {
	x := make([]float32, 12)
	message := func(b blas.Float32, f func(b blas.Float32)) (m any) {
		defer func() { m = recover() }()
		f(b)
		return nil
	}
	for name, f := range map[string]func(b blas.Float32){
		"transpose": func(b blas.Float32) { b.Sgemm('x', blas.NoTrans, 3, 3, 4, 1, x, 4, x, 3, 0, x, 3) },
		"negative":  func(b blas.Float32) { b.Sgemm(blas.NoTrans, blas.NoTrans, -3, 3, 4, 1, x, 4, x, 3, 0, x, 3) },
		"short A":   func(b blas.Float32) { b.Sgemm(blas.NoTrans, blas.NoTrans, 3, 3, 4, 1, x[:11], 4, x, 3, 0, x, 3) },
		"stride":    func(b blas.Float32) { b.Sgemm(blas.NoTrans, blas.Trans, 3, 3, 4, 1, x, 4, x, 3, 0, x, 3) },
		"short C":   func(b blas.Float32) { b.Sgemm(blas.NoTrans, blas.NoTrans, 3, 3, 4, 1, x, 4, x, 3, 0, x[:8], 3) },
	} {
		got, want := message(Implementation{}, f), message(gonum.Implementation{}, f)
		if want == nil || got != want {
			t.Errorf("%s: panics with %v, Gonum with %v", name, got, want)
		}
	}
}

func TestGorgoniaMultipliesWithIt(t *testing.T) {
	old := tensor.WhichBLAS()
	defer tensor.Use(old)
	calls := &counting{}
	tensor.Use(calls)
	a := tensor.New(tensor.WithShape(2, 3), tensor.WithBacking([]float32{1, 2, 3, 4, 5, 6}))
	b := tensor.New(tensor.WithShape(3, 2), tensor.WithBacking([]float32{1, 0, 0, 1, 1, 1}))
	c, err := tensor.MatMul(a, b)
	if err != nil {
		t.Fatal(err)
	}
	want := []float32{4, 5, 10, 11}
	for i, x := range c.Data().([]float32) {
		if x != want[i] {
			t.Errorf("product is %v, want %v", c.Data(), want)
			break
		}
	}
	if calls.n != 1 {
		t.Errorf("Sgemm is called %d times", calls.n)
	}
}

type counting struct {
	Implementation
	n int
}

func (c *counting) Sgemm(tA, tB blas.Transpose, m, n, k int, alpha float32, a []float32, lda int,
	b []float32, ldb int, beta float32, out []float32, ldc int) {
	c.n++
	c.Implementation.Sgemm(tA, tB, m, n, k, alpha, a, lda, b, ldb, beta, out, ldc)
}
