package ops

import "gorgonia.org/gorgonia"

// scaled is x·by.
type scaled struct {
	base
	run *Run
	by  float32
}

// Scale returns x times a constant, x itself when that is 1.
func (b *Builder) Scale(x *gorgonia.Node, by float32) *gorgonia.Node {
	if by == 1 {
		return x
	}
	return b.apply(&scaled{base{name: b.unique("scale"), arity: 1, cols: x.Shape()[1]}, b.run, by}, x)
}

// overwrites implements overwriting.
func (*scaled) overwrites() int { return 0 }

// Do implements gorgonia.Op.
func (o *scaled) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	rows, cols := dims(inputs[0])
	out := o.run.arena.matrix(rows, cols)
	scaleInto(out.Float32s(), floats(inputs[0]), o.by)
	return out, nil
}

// DiffWRT implements gorgonia.SDOp.
func (*scaled) DiffWRT(int) []bool { return []bool{true} }

// SymDiff implements gorgonia.SDOp: the gradient is scaled alike.
func (o *scaled) SymDiff(_ gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	back := &scaledBackward{derivative{base{name: "∂x " + o.name, arity: 1, cols: o.cols}}, o}
	return gorgonia.Nodes{o.run.builder.apply(back, dy)}, nil
}

type scaledBackward struct {
	derivative
	scaled *scaled
}

// overwrites implements overwriting.
func (*scaledBackward) overwrites() int { return 0 }

// Do implements gorgonia.Op.
func (o *scaledBackward) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	return o.scaled.Do(inputs...)
}
