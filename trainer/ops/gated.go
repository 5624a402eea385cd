package ops

import (
	"gorgonia.org/gorgonia"

	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/internal/parallel"
)

// Gate is the activation of a gated linear unit and its derivative, on one row. The derivative also
// computes the result y again. Each of dgate, dup and y may be any of dy, gate and up, and those that
// nobody reads may be one memory.
type Gate struct {
	Name     string
	Forward  func(dst, gate, up []float32)
	Backward func(dgate, dup, y, dy, gate, up []float32)
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

func clampedSwiGLUBackward(dgate, dup, y, dy, gate, up []float32) {
	memory := borrow(len(gate))
	defer memory.release()
	exp := memory.floats
	for i, g := range gate {
		exp[i] = -swigluAlpha * min(g, swigluLimit)
	}
	vec.Exp(exp, exp)
	for i, e := range exp {
		g, u, s := min(gate[i], swigluLimit), max(-swigluLimit, min(up[i], swigluLimit)), 1/(1+e)
		slope := s * (1 + float32(float32(swigluAlpha*g)*(1-s))) // of g·σ(αg)
		var dg, du float32
		if gate[i] <= swigluLimit {
			dg = float32(dy[i]*(u+1)) * slope
		}
		if -swigluLimit <= up[i] && up[i] <= swigluLimit {
			du = float32(dy[i]*g) * s
		}
		dgate[i], dup[i], y[i] = dg, du, float32((u+1)*g)/(1+e)
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
func (o *gated) SymDiff(inputs gorgonia.Nodes, out, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	b := o.run.builder
	if dx := b.derived[out]; dx != nil {
		return gorgonia.Nodes{dx}, nil
	}
	return gorgonia.Nodes{o.backward(dy, inputs[0], false)}, nil
}

// restoringBackward implements restorer.
func (o *gated) restoringBackward(dy, x *gorgonia.Node) *gorgonia.Node {
	return o.backward(dy, x, true)
}

func (o *gated) backward(dy, x *gorgonia.Node, restore bool) *gorgonia.Node {
	back := &gatedBackward{derivative{base{name: "∂x " + o.name, arity: 2, cols: 2 * o.cols}}, o, restore}
	return o.run.builder.apply(back, dy, x)
}

type gatedBackward struct {
	derivative
	gated   *gated
	restore bool // the gate's result where dy was
}

// overwrites implements overwriting.
func (*gatedBackward) overwrites() int { return 1 }

// Do implements gorgonia.Op.
func (o *gatedBackward) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	rows, n := dims(inputs[0])
	out := o.gated.run.arena.matrix(rows, 2*n)
	dy, x, dx := floats(inputs[0]), floats(inputs[1]), out.Float32s()
	parallel.For(rows, rowGrain(n), func(lo, hi int) {
		memory := borrow(n)
		defer memory.release()
		for r := lo; r < hi; r++ {
			row, drow, dyr, y := x[r*2*n:(r+1)*2*n], dx[r*2*n:(r+1)*2*n], dy[r*n:(r+1)*n], memory.floats
			if o.restore {
				y = dyr
			}
			o.gated.gate.Backward(drow[:n], drow[n:], y, dyr, row[:n], row[n:])
		}
	})
	return out, nil
}
