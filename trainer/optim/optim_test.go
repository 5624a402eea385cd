package optim

import (
	"math"
	"slices"
	"testing"

	"github.com/cultivar/cultivar/trainer/ops"
)

func TestSchedule(t *testing.T) {
	for _, tt := range []struct {
		s    Schedule
		step int
		want float64
	}{
		{Schedule{"cosine", 1, 2, 10}, 0, 0},
		{Schedule{"cosine", 1, 2, 10}, 1, 0.5},
		{Schedule{"cosine", 1, 2, 10}, 2, 1},
		{Schedule{"cosine", 1, 2, 10}, 6, 0.5},
		{Schedule{"cosine", 1, 2, 10}, 10, 0},
		{Schedule{"linear", 2, 0, 4}, 0, 2},
		{Schedule{"linear", 2, 0, 4}, 3, 0.5},
		{Schedule{"linear", 2, 0, 4}, 9, 0},
		{Schedule{"constant", 3, 2, 4}, 1, 1.5},
		{Schedule{"constant", 3, 2, 4}, 9, 3},
	} {
		if got := tt.s.At(tt.step); math.Abs(got-tt.want) > 1e-15 {
			t.Errorf("%+v at %d: %g, want %g", tt.s, tt.step, got, tt.want)
		}
	}
}

func TestClip(t *testing.T) {
	p := ops.NewParam("w", 1, 2)
	copy(p.Grad, []float32{3, 4})
	if n := GradNorm([]*ops.Param{p}); n != 5 {
		t.Errorf("norm %g", n)
	}
	for _, tt := range []struct{ norm, limit, want float64 }{{5, 1, 1 / 5.000001}, {0.5, 1, 1}, {5, 0, 1}} {
		if got := ClipScale(tt.norm, tt.limit); float64(got) != float64(float32(tt.want)) {
			t.Errorf("clip %g to %g: %g, want %g", tt.norm, tt.limit, got, tt.want)
		}
	}
}

// Two steps by the formulas of torch.optim.AdamW, in float64.
func TestAdamW(t *testing.T) {
	p := ops.NewParam("w", 2, 1)
	copy(p.Value, []float32{1, -2})
	o := NewAdamW(OneGroup([]*ops.Param{p}, 0.1), 0.9, 0.99, 1e-8)
	want, m, v := []float64{1, -2}, []float64{0, 0}, []float64{0, 0}
	for step := 1; step <= 2; step++ {
		grad := []float64{0.5 * float64(step), -1}
		for i, g := range grad {
			p.Grad[i] = float32(g)
			m[i] = 0.9*m[i] + 0.1*g
			v[i] = 0.99*v[i] + 0.01*g*g
			want[i] -= 0.01 * 0.1 * want[i]
			mean, square := m[i]/(1-math.Pow(0.9, float64(step))), v[i]/(1-math.Pow(0.99, float64(step)))
			want[i] -= 0.01 * mean / (math.Sqrt(square) + 1e-8)
		}
		o.Step(0.01, 1)
		for i := range want {
			if math.Abs(float64(p.Value[i])-want[i]) > 1e-6 {
				t.Errorf("step %d: w[%d] is %g, want %g", step, i, p.Value[i], want[i])
			}
			if p.Grad[i] != 0 {
				t.Error("the gradient is not cleared")
			}
		}
	}
}

func TestVectorsDoNotDecay(t *testing.T) {
	vector, matrix, last := ops.NewParam("v", 1, 1), ops.NewParam("m", 2, 1), ops.NewParam("w", 1, 1)
	params := []*ops.Param{vector, matrix, last}
	for _, p := range params {
		p.Value[0] = 1
	}
	groups := MatricesDecay(params, 0.5)
	if !slices.Equal(Params(groups), params) {
		t.Error("the order of the parameters changed")
	}
	NewAdamW(groups, 0.9, 0.99, 1e-8).Step(0.1, 1)
	if vector.Value[0] != 1 || matrix.Value[0] == 1 || last.Value[0] != 1 {
		t.Errorf("vectors %g and %g, matrix %g", vector.Value[0], last.Value[0], matrix.Value[0])
	}
}

// A group at half the rate moves half as far.
func TestLearningRatesOfGroups(t *testing.T) {
	a, b := ops.NewParam("a", 1, 1), ops.NewParam("b", 1, 1)
	a.Grad[0], b.Grad[0] = 1, 1
	NewAdamW([]Group{{Params: []*ops.Param{a}, LRScale: 1}, {Params: []*ops.Param{b}, LRScale: 0.5}}, 0.9, 0.99, 1e-8).Step(0.1, 1)
	if a.Value[0] == 0 || a.Value[0] != 2*b.Value[0] {
		t.Errorf("moved by %g and %g", a.Value[0], b.Value[0])
	}
}

func TestPower(t *testing.T) {
	for n := range 40 {
		if got, want := power(0.9, n), math.Pow(0.9, float64(n)); math.Abs(got-want) > 1e-15 {
			t.Errorf("0.9^%d = %g, want %g", n, got, want)
		}
	}
}
