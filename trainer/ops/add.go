package ops

import "gorgonia.org/gorgonia"

// residual is x + y.
type residual struct {
	base
	run *Run
}

// Add returns x + y.
func (b *Builder) Add(x, y *gorgonia.Node) *gorgonia.Node {
	return b.apply(&residual{base{name: b.unique("add"), arity: 2, cols: x.Shape()[1]}, b.run}, x, y)
}

// Do implements gorgonia.Op.
func (o *residual) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	rows, cols := dims(inputs[0])
	out := o.run.arena.matrix(rows, cols)
	add(out.Float32s(), floats(inputs[0]), floats(inputs[1]))
	return out, nil
}

// DiffWRT implements gorgonia.SDOp.
func (*residual) DiffWRT(int) []bool { return []bool{true, true} }

// SymDiff implements gorgonia.SDOp: the gradient passes to both.
func (*residual) SymDiff(_ gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	return gorgonia.Nodes{dy, dy}, nil
}
