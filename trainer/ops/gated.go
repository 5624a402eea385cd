package ops

import (
	"gorgonia.org/gorgonia"

	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/internal/parallel"
)

// Gate is the activation of a gated linear unit and its derivative, on one row.
type Gate struct {
	Name     string
	Forward  func(dst, gate, up []float32)
	Backward func(dgate, dup, dy, gate, up []float32)
}

// The gates of the families (Shazeer, arXiv:2002.05202), by hidden_act.
var (
	SiLU     = Gate{"silu", vec.SiLUMul, vec.SiLUMulBackward}
	GELUTanh = Gate{"gelu_pytorch_tanh", vec.GELUTanhMul, vec.GELUTanhMulBackward}
)

// ClampedSwiGLU is gpt-oss's gate (transformers models/gpt_oss/modeling_gpt_oss.py):
// (u + 1)·g·σ(1.702·g) with g = min(gate, 7) and u = up within ±7.
var ClampedSwiGLU = Gate{"clamped_swiglu", clampedSwiGLU, clampedSwiGLUBackward}

const (
	swigluAlpha = 1.702
	swigluLimit = 7
)

func clampedSwiGLU(dst, gate, up []float32) {
	for i, g := range gate {
		dst[i] = -swigluAlpha * min(g, swigluLimit)
	}
	vec.Exp(dst, dst)
	for i, e := range dst {
		u := max(-swigluLimit, min(up[i], swigluLimit))
		dst[i] = float32((u+1)*min(gate[i], swigluLimit)) / (1 + e)
	}
}

func clampedSwiGLUBackward(dgate, dup, dy, gate, up []float32) {
	for i, g := range gate {
		dgate[i] = -swigluAlpha * min(g, swigluLimit)
	}
	vec.Exp(dgate, dgate)
	for i, e := range dgate {
		g, u, s := min(gate[i], swigluLimit), max(-swigluLimit, min(up[i], swigluLimit)), 1/(1+e)
		slope := s * (1 + float32(float32(swigluAlpha*g)*(1-s))) // of g·σ(αg)
		dgate[i], dup[i] = 0, 0
		if gate[i] <= swigluLimit {
			dgate[i] = float32(dy[i]*(u+1)) * slope
		}
		if -swigluLimit <= up[i] && up[i] <= swigluLimit {
			dup[i] = float32(dy[i]*g) * s
		}
	}
}

// gated is act(gate)·up for (tokens, 2n) = [gate | up].
type gated struct {
	base
	run  *Run
	gate Gate
}

// Gated applies a gate to x (tokens, 2n), giving (tokens, n).
func (b *Builder) Gated(x *gorgonia.Node, g Gate) *gorgonia.Node {
	return b.apply(&gated{base{name: b.unique(g.Name), arity: 1, cols: x.Shape()[1] / 2}, b.run, g}, x)
}

// Do implements gorgonia.Op.
func (o *gated) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	rows, _ := dims(inputs[0])
	n := o.cols
	out := o.run.arena.matrix(rows, n)
	x, y := floats(inputs[0]), out.Float32s()
	parallel.For(rows, rowGrain(n), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			row := x[r*2*n : (r+1)*2*n]
			o.gate.Forward(y[r*n:(r+1)*n], row[:n], row[n:])
		}
	})
	return out, nil
}

// again implements cheap.
func (o *gated) again() op {
	return &gatedAgain{derivative{base{name: "again " + o.name, arity: 2, cols: o.cols}}, o}
}

type gatedAgain struct {
	derivative
	gated *gated
}

// Do implements gorgonia.Op.
func (o *gatedAgain) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	return o.gated.Do(inputs[0])
}

// DiffWRT implements gorgonia.SDOp.
func (*gated) DiffWRT(int) []bool { return []bool{true} }

// SymDiff implements gorgonia.SDOp.
func (o *gated) SymDiff(inputs gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	back := &gatedBackward{derivative{base{name: "∂x " + o.name, arity: 2, cols: 2 * o.cols}}, o}
	return gorgonia.Nodes{o.run.builder.apply(back, dy, inputs[0])}, nil
}

type gatedBackward struct {
	derivative
	gated *gated
}

// Do implements gorgonia.Op.
func (o *gatedBackward) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	rows, n := dims(inputs[0])
	out := o.gated.run.arena.matrix(rows, 2*n)
	dy, x, dx := floats(inputs[0]), floats(inputs[1]), out.Float32s()
	parallel.For(rows, rowGrain(n), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			row, drow := x[r*2*n:(r+1)*2*n], dx[r*2*n:(r+1)*2*n]
			o.gated.gate.Backward(drow[:n], drow[n:], dy[r*n:(r+1)*n], row[:n], row[n:])
		}
	})
	return out, nil
}
