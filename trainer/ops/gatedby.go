package ops

import (
	"gorgonia.org/gorgonia"

	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/internal/parallel"
)

// Sigmoid is the gate up·σ(gate) of outputs (Qiu et al., arXiv:2505.06708).
var Sigmoid = Gate{"sigmoid", sigmoidMul, sigmoidMulBackward}

func sigmoidMul(dst, gate, up []float32) {
	vec.Sigmoid(dst, gate)
	vec.Mul(dst, dst, up)
}

func sigmoidMulBackward(dgate, dup, y, dy, gate, up []float32) {
	memory := borrow(len(gate))
	defer memory.release()
	vec.Sigmoid(memory.floats, gate)
	for i, s := range memory.floats {
		dgate[i], dup[i], y[i] = float32(dy[i]*up[i])*float32(s*(1-s)), dy[i]*s, s*up[i]
	}
}

// gatedBy is act(gate)·x for two matrices. The gate has the columns of x, or one for all of them.
type gatedBy struct {
	base
	run  *Run
	gate Gate
	wide bool
}

// GatedBy applies a gate to x (tokens, n), where gate is (tokens, n) or (tokens, 1).
func (b *Builder) GatedBy(x, gate *gorgonia.Node, g Gate) *gorgonia.Node {
	n, wide := x.Shape()[1], gate.Shape()[1]
	if wide != n && wide != 1 {
		panic("ops: a gate must be as wide as what it is applied to, or 1")
	}
	return b.apply(&gatedBy{base{name: b.unique(g.Name), arity: 2, cols: n}, b.run, g, wide == n}, x, gate)
}

// each calls f for every row with its gate, as wide as the row, and scratch of twice that width.
func (o *gatedBy) each(rows int, gate []float32, f func(r int, gate, scratch []float32)) {
	n := o.cols
	parallel.For(rows, rowGrain(n), func(lo, hi int) {
		memory := borrow(3 * n)
		defer memory.release()
		scratch := memory.floats
		for r := lo; r < hi; r++ {
			row := scratch[2*n:]
			if o.wide {
				row = gate[r*n : (r+1)*n]
			} else {
				for i := range row {
					row[i] = gate[r]
				}
			}
			f(r, row, scratch[:2*n])
		}
	})
}

// Do implements gorgonia.Op.
func (o *gatedBy) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	rows, n := dims(inputs[0])
	out := o.run.arena.matrix(rows, n)
	x, y := floats(inputs[0]), out.Float32s()
	o.each(rows, floats(inputs[1]), func(r int, gate, _ []float32) {
		o.gate.Forward(y[r*n:(r+1)*n], gate, x[r*n:(r+1)*n])
	})
	return out, nil
}

// again implements cheap.
func (o *gatedBy) again() op {
	return &gatedByAgain{derivative{base{name: "again " + o.name, arity: 3, cols: o.cols}}, o}
}

type gatedByAgain struct {
	derivative
	gated *gatedBy
}

// Do implements gorgonia.Op.
func (o *gatedByAgain) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	return o.gated.Do(inputs[:2]...)
}

// DiffWRT implements gorgonia.SDOp.
func (*gatedBy) DiffWRT(int) []bool { return []bool{true, true} }

// SymDiff implements gorgonia.SDOp. As the operator is linear in x, dx is the gate applied to dy.
func (o *gatedBy) SymDiff(inputs gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	b := o.run.builder
	dx := &gatedByBackward{derivative{base{name: "∂x " + o.name, arity: 2, cols: o.cols}}, o}
	dgate := &gateGradient{derivative{base{name: "∂gate " + o.name, arity: 3, cols: inputs[1].Shape()[1]}}, o}
	return gorgonia.Nodes{b.apply(dx, dy, inputs[1]), b.apply(dgate, dy, b.again(inputs[0], dy), inputs[1])}, nil
}

type gatedByBackward struct {
	derivative
	gated *gatedBy
}

// Do implements gorgonia.Op.
func (o *gatedByBackward) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	return o.gated.Do(inputs...)
}

type gateGradient struct {
	derivative
	gated *gatedBy
}

// Do implements gorgonia.Op.
func (o *gateGradient) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	f := o.gated
	rows, n := dims(inputs[0])
	out := f.run.arena.matrix(rows, o.cols)
	dy, x, dgate := floats(inputs[0]), floats(inputs[1]), out.Float32s()
	f.each(rows, floats(inputs[2]), func(r int, gate, scratch []float32) {
		if f.wide {
			f.gate.Backward(dgate[r*n:(r+1)*n], scratch[:n], scratch[n:], dy[r*n:(r+1)*n], gate, x[r*n:(r+1)*n])
			return
		}
		f.gate.Backward(scratch[:n], scratch[n:], scratch[n:], dy[r*n:(r+1)*n], gate, x[r*n:(r+1)*n])
		dgate[r] = vec.Sum(scratch[:n])
	})
	return out, nil
}
