package ops

import (
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/internal/parallel"
)

// rmsNorm scales each row to unit root mean square and multiplies by a weight
// (Zhang & Sennrich, arXiv:1910.07467). It keeps 1/rms of each row for the backward pass.
type rmsNorm struct {
	base
	run    *Run
	weight *Weight // (1, cols)
	eps    float32
}

// RMSNorm normalises x (tokens, cols).
func (b *Builder) RMSNorm(x *gorgonia.Node, w *Weight, eps float32) *gorgonia.Node {
	op := &rmsNorm{base{name: "rmsnorm " + w.Name, arity: 1, cols: w.Cols}, b.run, w, eps}
	if w.Trainable() {
		op.arity = 2
		return b.apply(op, x, w.node)
	}
	return b.apply(op, x)
}

// Do implements gorgonia.Op.
func (o *rmsNorm) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	rows, cols := dims(inputs[0])
	out := o.run.arena.matrix(rows, cols)
	x, y, w := floats(inputs[0]), out.Float32s(), o.weight.vector()
	inv := o.run.arena.keep(o.name, rows)
	parallel.For(rows, rowGrain(cols), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			inv[r] = vec.RMSNorm(y[r*cols:(r+1)*cols], x[r*cols:(r+1)*cols], w, o.eps)
		}
	})
	return out, nil
}

// again implements cheap.
func (o *rmsNorm) again() op {
	return &rmsNormAgain{derivative{base{name: "again " + o.name, arity: o.arity + 1, cols: o.cols}}, o}
}

type rmsNormAgain struct {
	derivative
	norm *rmsNorm
}

// Do implements gorgonia.Op.
func (o *rmsNormAgain) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	return o.norm.Do(inputs[0])
}

// DiffWRT implements gorgonia.SDOp.
func (*rmsNorm) DiffWRT(inputs int) []bool { return slices.Repeat([]bool{true}, inputs) }

// SymDiff implements gorgonia.SDOp.
func (o *rmsNorm) SymDiff(inputs gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	b := o.run.builder
	back := &rmsNormBackward{derivative{base{name: "∂x " + o.name, arity: 2, cols: o.cols}}, o}
	grads := gorgonia.Nodes{b.apply(back, dy, inputs[0])}
	if o.weight.Trainable() {
		grads = append(grads, b.apply(b.accumulate(o.weight, 2, o.weightGrad), dy, inputs[0]))
	}
	return grads, nil
}

func (o *rmsNorm) weightGrad(grad []float32, inputs []gorgonia.Value) {
	rows, cols := dims(inputs[0])
	dy, x, inv := floats(inputs[0]), floats(inputs[1]), o.run.arena.recall(o.name, rows)
	for r := range rows {
		vec.RMSNormWeightGrad(grad, dy[r*cols:(r+1)*cols], x[r*cols:(r+1)*cols], inv[r])
	}
}

type rmsNormBackward struct {
	derivative
	norm *rmsNorm
}

// Do implements gorgonia.Op.
func (o *rmsNormBackward) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	n := o.norm
	rows, cols := dims(inputs[0])
	out := n.run.arena.matrix(rows, cols)
	dy, x, dx, w := floats(inputs[0]), floats(inputs[1]), out.Float32s(), n.weight.vector()
	inv := n.run.arena.recall(n.name, rows)
	parallel.For(rows, rowGrain(cols), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			vec.RMSNormBackward(dx[r*cols:(r+1)*cols], dy[r*cols:(r+1)*cols], x[r*cols:(r+1)*cols], w, inv[r])
		}
	})
	return out, nil
}

// rowGrain is how many rows of a width a core takes at a time.
func rowGrain(cols int) int { return max(1, elementGrain/max(cols, 1)) }
