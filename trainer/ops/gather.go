package ops

import (
	"gorgonia.org/gorgonia"
)

// gather picks rows: the head computes only those that have a label.
type gather struct {
	base
	run *Run
}

// Gather picks the rows of x that Run.Picked lists.
func (b *Builder) Gather(x *gorgonia.Node) *gorgonia.Node {
	return b.apply(&gather{base{name: b.unique("gather"), arity: 1, cols: x.Shape()[1]}, b.run}, x)
}

// Do implements gorgonia.Op.
func (o *gather) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	picked := o.run.Picked
	out := o.run.arena.matrix(len(picked), o.cols)
	x, y := floats(inputs[0]), out.Float32s()
	for i, r := range picked {
		copy(y[i*o.cols:(i+1)*o.cols], x[int(r)*o.cols:])
	}
	return out, nil
}

// DiffWRT implements gorgonia.SDOp.
func (*gather) DiffWRT(int) []bool { return []bool{true} }

// SymDiff implements gorgonia.SDOp: rows that were not picked have no gradient.
func (o *gather) SymDiff(_ gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	back := &scatter{derivative{base{name: "∂x " + o.name, arity: 1, cols: o.cols}}, o.run}
	return gorgonia.Nodes{o.run.builder.apply(back, dy)}, nil
}

type scatter struct {
	derivative
	run *Run
}

// Do implements gorgonia.Op.
func (o *scatter) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	out := o.run.arena.matrix(o.run.Layout.Rows(), o.cols)
	dy, dx := floats(inputs[0]), out.Float32s()
	clear(dx)
	for i, r := range o.run.Picked {
		copy(dx[int(r)*o.cols:(int(r)+1)*o.cols], dy[i*o.cols:])
	}
	return out, nil
}
