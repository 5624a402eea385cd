package ops

import (
	"math"
	"slices"
	"testing"

	"gorgonia.org/gorgonia"

	"github.com/cultivar/cultivar/internal/kernels/gemm"
)

// sigmoidGraph is a small layer of experts that are weighed by sigmoids.
func sigmoidGraph(name string, normalise, bias bool) graph {
	return graph{name, func(b *Builder, x *gorgonia.Node) *gorgonia.Node {
		m := Mixture{
			Router: Affine{Weight: b.Frozen("router", 5, testHidden)}, TopK: 2, Normalise: normalise, Gate: SiLU,
			Sigmoid: &SigmoidRouter{Scale: 1.5},
		}
		if bias {
			m.Sigmoid.Bias = b.Frozen("bias", 1, 5)
		}
		for i := range 5 {
			e := string(rune('a' + i))
			m.Experts = append(m.Experts, Expert{
				GateUp: []Affine{{Weight: b.Frozen(e+".gate_up", 6, testHidden)}}, Down: Affine{Weight: b.Frozen(e+".down", testHidden, 3)},
			})
		}
		return b.Mixture(b.RMSNorm(x, b.Trainable("norm", 1, testHidden), 1e-6), m)
	}, nil}
}

func TestSigmoidRouterGradients(t *testing.T) {
	for _, g := range []graph{
		sigmoidGraph("sigmoids", false, false),
		sigmoidGraph("sigmoids with bias", false, true),
		sigmoidGraph("normalised sigmoids with bias", true, true),
	} {
		g.checkGradients(t, nil)
		g.checkPlan(t)
	}
}

// The bias decides who is picked and not how much they weigh.
func TestSigmoidRouterPicks(t *testing.T) {
	w := &Weight{Name: "bias", Rows: 1, Cols: 4}
	w.Bind(gemm.F32([]float32{0, 0.9, 0, 0.9}, 1, 4))
	s := &SigmoidRouter{Bias: w, Scale: 1}
	logits, order, picked := []float32{2, -1, 1, -2}, make([]int32, 4), make([]int32, 2)
	s.pick(logits, order, picked)
	if !slices.Equal(picked, []int32{1, 3}) {
		t.Errorf("picked %v", picked)
	}
	for i, x := range []float64{2, -1, 1, -2} {
		if want := 1 / (1 + math.Exp(-x)); math.Abs(float64(logits[i])-want) > 1e-6 {
			t.Errorf("sigmoid %d is %g, want %g", i, logits[i], want)
		}
	}
	s.Bias = nil
	logits = []float32{1, 3, 3, 3}
	if s.pick(logits, order, picked); !slices.Equal(picked, []int32{1, 2}) {
		t.Errorf("of equal logits %v are picked", picked)
	}
}
