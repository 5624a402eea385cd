// Package optim holds the optimizer and what belongs to it: learning-rate schedules and gradient
// clipping. Names and formulas are those of PyTorch and of transformers' optimization.py.
package optim

import (
	"fmt"
	"math"

	"github.com/cultivar/cultivar/internal/hugepage"
	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/internal/parallel"
	"github.com/cultivar/cultivar/trainer/ops"
)

// Schedule gives the learning rate of a step.
type Schedule struct {
	Type   string // constant, constant_with_warmup, linear, cosine
	Peak   float64
	Warmup int // steps from 0 to Peak
	Total  int // steps in all
}

// ScheduleTypes lists what Schedule.Type may be; constant takes no warmup in transformers, here it
// warms up when asked to.
var ScheduleTypes = []string{"constant", "constant_with_warmup", "cosine", "linear"}

// At returns the learning rate of step (from 0).
func (s Schedule) At(step int) float64 {
	if step < s.Warmup {
		return s.Peak * float64(step) / float64(max(1, s.Warmup))
	}
	progress := float64(step-s.Warmup) / float64(max(1, s.Total-s.Warmup))
	switch s.Type {
	case "constant", "constant_with_warmup":
		return s.Peak
	case "linear":
		return s.Peak * math.Max(0, 1-progress)
	case "cosine":
		_, cos := vec.SinCos64(math.Pi * progress)
		return s.Peak * math.Max(0, 0.5*float64(1+cos))
	}
	panic(fmt.Sprintf("optim: unknown schedule %q", s.Type))
}

// AdamW is Adam with decoupled weight decay (Loshchilov & Hutter, arXiv:1711.05101).
type AdamW struct {
	Beta1, Beta2, Epsilon float64

	Steps  int // taken so far
	State  []Moments
	groups []Group
}

// Moments are the running means of a parameter's gradient and of its square.
type Moments struct {
	M, V []float32
}

// NewAdamW returns an optimizer for the parameters of the groups, moments zero.
func NewAdamW(groups []Group, beta1, beta2, epsilon float64) *AdamW {
	o := &AdamW{Beta1: beta1, Beta2: beta2, Epsilon: epsilon, groups: groups}
	params := Params(groups)
	all := 0
	for _, p := range params {
		all += len(p.Value)
	}
	rest := hugepage.Floats(2 * all)
	for _, p := range params {
		n := len(p.Value)
		o.State = append(o.State, Moments{M: rest[:n:n], V: rest[n : 2*n : 2*n]})
		rest = rest[2*n:]
	}
	return o
}

// Step updates the parameters from their gradients times gradScale, and sets the gradients to zero. lr is
// the schedule's learning rate.
func (o *AdamW) Step(lr float64, gradScale float32) {
	o.Steps++
	step := vec.AdamW{
		Beta1: o.Beta1, Beta2: o.Beta2, Epsilon: o.Epsilon,
		Bias1: 1 - power(o.Beta1, o.Steps), Bias2: 1 - power(o.Beta2, o.Steps),
		GradScale: gradScale,
	}
	state := o.State
	for _, g := range o.groups {
		step.LearningRate, step.WeightDecay = lr*g.LRScale, g.WeightDecay
		for i, p := range g.Params {
			st := state[i]
			parallel.For(len(p.Value), 16<<10, func(lo, hi int) {
				step.Update(p.Value[lo:hi], p.Grad[lo:hi], st.M[lo:hi], st.V[lo:hi])
			})
			clear(p.Grad)
		}
		state = state[len(g.Params):]
	}
}

// power is x^n by squaring, in plain float64 products: math.Pow may round otherwise elsewhere.
func power(x float64, n int) float64 {
	y := 1.0
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			y = float64(y * x)
		}
		x = float64(x * x)
	}
	return y
}

// GradNorm is the Euclidean norm of all gradients. Squares are summed in float32 within a
// parameter, in the fixed order of the kernels, and in float64 over parameters.
func GradNorm(params []*ops.Param) float64 {
	sums := make([]float64, len(params))
	parallel.For(len(params), 1, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			sums[i] = float64(vec.SumSquares(params[i].Grad))
		}
	})
	var sum float64
	for _, s := range sums {
		sum += s
	}
	return math.Sqrt(sum)
}

// ClipScale is what gradients are multiplied with so that their norm does not exceed limit
// (torch.nn.utils.clip_grad_norm_); a limit of 0 means none.
func ClipScale(norm, limit float64) float32 {
	if limit <= 0 {
		return 1
	}
	return float32(math.Min(1, limit/(norm+1e-6)))
}
