package worker

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/cultivar/cultivar/bench/contest"
	"github.com/cultivar/cultivar/bench/fixture"
	"github.com/cultivar/cultivar/internal/kernels/gemm"
	"github.com/cultivar/cultivar/internal/rng"
)

// A product is one matrix product of a training step, named "m n k direction":
//
//	forward   x·Wᵀ   (m, k)·(n, k)ᵀ  a linear module
//	backward  dy·W   (m, k)·(k, n)   the gradient of its input
//	weights   dyᵀ·x  (k, m)ᵀ·(k, n)  the gradient of a LoRA factor
type product struct {
	m, n, k   int
	direction string
}

func parseProduct(name string) (product, error) {
	var p product
	if _, err := fmt.Sscanf(name, "%d %d %d %s", &p.m, &p.n, &p.k, &p.direction); err != nil {
		return p, fmt.Errorf("read product %q: %w", name, err)
	}
	return p, nil
}

func (p product) String() string { return fmt.Sprintf("%d %d %d %s", p.m, p.n, p.k, p.direction) }

// flops of one product.
func (p product) flops() float64 { return 2 * float64(p.m) * float64(p.n) * float64(p.k) }

// repeats is how often a run does the product: long enough to time, the same on both sides.
func (p product) repeats() int { return max(1, int(math.Ceil(2e10/p.flops()))) }

// operands are views of a and b, which hold enough random numbers.
func (p product) operands(a, b []float32) (x, y gemm.Matrix, err error) {
	switch p.direction {
	case "forward":
		return gemm.F32(a, p.m, p.k), gemm.F32(b, p.n, p.k).T(), nil
	case "backward":
		return gemm.F32(a, p.m, p.k), gemm.F32(b, p.k, p.n), nil
	case "weights":
		return gemm.F32(a, p.k, p.m).T(), gemm.F32(b, p.k, p.n), nil
	}
	return x, y, fmt.Errorf("product %s: want forward, backward or weights", p)
}

// NewGemm is the worker of matrix products; a case is a product.
func NewGemm(json.RawMessage) (contest.Runner, error) {
	return func(name string) (contest.Sample, error) {
		p, err := parseProduct(name)
		if err != nil {
			return contest.Sample{}, err
		}
		x, y, err := p.operands(random("a", p.m*p.k), random("b", p.k*p.n))
		if err != nil {
			return contest.Sample{}, err
		}
		c := make([]float32, p.m*p.n)
		gemm.Gemm(c, p.n, x, y, false) // c's pages, and the kernels' own memory
		began := time.Now()
		for range p.repeats() {
			gemm.Gemm(c, p.n, x, y, false)
		}
		return contest.Sample{Seconds: time.Since(began).Seconds(), Work: p.flops() * float64(p.repeats())}, nil
	}, nil
}

// random is n numbers of [−1, 1).
func random(purpose string, n int) []float32 {
	draw := rng.New(1, purpose).At(0, 0)
	v := make([]float32, n)
	for i := range v {
		v[i] = draw.Uniform(-1, 1)
	}
	return v
}

// BigProducts are the frozen matrices of the step and the squares around them.
func BigProducts() []string {
	var list []string
	for _, k := range []int{576, 1536, 2048} {
		for _, n := range []int{576, 1536, 2048} {
			list = append(list, product{2048, n, k, "forward"}.String())
		}
	}
	return append(list, product{2048, fixture.Hidden, fixture.Inner, "backward"}.String(), product{512, fixture.Vocabulary, fixture.Hidden, "forward"}.String())
}

// OddProducts are what LoRA adds, and others that no tile fits.
func OddProducts() []string {
	var list []string
	for _, p := range []product{
		{2048, 16, 576, "forward"}, {2048, 16, 1536, "forward"}, // x·Aᵀ
		{2048, 576, 16, "forward"}, {2048, 1536, 16, "forward"}, // h·Bᵀ
		{2048, 16, 1536, "backward"}, {2048, 576, 16, "backward"}, // dy·B, dh·A
		{16, 576, 2048, "weights"}, {1536, 16, 2048, "weights"}, // gradients of A and B
		{2048, 8, 576, "forward"}, {8, 576, 2048, "weights"}, // rank 8
		{2048, 64, 576, "forward"}, {2048, 576, 64, "forward"}, // rank 64
		{1, 1536, 576, "forward"}, {7, 1536, 576, "forward"}, {33, 1536, 576, "forward"}, // few rows
		{2047, 575, 577, "forward"}, {511, 1535, 577, "backward"},
	} {
		list = append(list, p.String())
	}
	return list
}
