package ops

import (
	"gorgonia.org/gorgonia"
)

// gather picks rows: the head computes only those that have a label.
type gather struct {
	base
	run *Run
	idx *[]int32 // rows to pick; the graph is built for their number
}

// Gather picks the given number of rows of x; which ones is read from idx at each run.
func (b *Builder) Gather(x *gorgonia.Node, idx *[]int32, rows int) *gorgonia.Node {
	op := &gather{base{name: b.unique("gather"), arity: 1, cols: x.Shape()[1], rows: fixedRows(rows)}, b.run, idx}
	return b.apply(op, x)
}

// Do implements gorgonia.Op.
func (o *gather) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	out := o.run.arena.matrix(len(*o.idx), o.cols)
	x, y := floats(inputs[0]), out.Float32s()
	for i, r := range *o.idx {
		copy(y[i*o.cols:(i+1)*o.cols], x[int(r)*o.cols:])
	}
	return out, nil
}

// DiffWRT implements gorgonia.SDOp.
func (*gather) DiffWRT(int) []bool { return []bool{true} }

// SymDiff implements gorgonia.SDOp: rows that were not picked have no gradient.
func (o *gather) SymDiff(inputs gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	back := &scatter{derivative{base{name: "∂x " + o.name, arity: 1, cols: o.cols, rows: fixedRows(inputs[0].Shape()[0])}}, o, inputs[0].Shape()[0]}
	return gorgonia.Nodes{o.run.builder.apply(back, dy)}, nil
}

type scatter struct {
	derivative
	gather *gather
	n      int
}

// Do implements gorgonia.Op.
func (o *scatter) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	out := o.gather.run.arena.matrix(o.n, o.cols)
	dy, dx := floats(inputs[0]), out.Float32s()
	clear(dx)
	for i, r := range *o.gather.idx {
		copy(dx[int(r)*o.cols:(int(r)+1)*o.cols], dy[i*o.cols:])
	}
	return out, nil
}
