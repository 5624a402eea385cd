package ops

import (
	"gorgonia.org/gorgonia"

	"github.com/cultivar/cultivar/internal/parallel"
)

// Columns is a run of a matrix's columns.
type Columns struct{ From, Count int }

// columns copies runs of x's columns, side by side: for what a linear module computes interleaved.
type columns struct {
	base
	run   *Run
	width int // of x
	runs  []Columns
}

// Columns picks runs of columns of x, which do not overlap.
func (b *Builder) Columns(x *gorgonia.Node, runs ...Columns) *gorgonia.Node {
	op := &columns{base{name: b.unique("columns"), arity: 1}, b.run, x.Shape()[1], runs}
	for _, c := range runs {
		if c.From < 0 || c.From+c.Count > op.width {
			panic("ops: columns that are not there")
		}
		op.cols += c.Count
	}
	return b.apply(op, x)
}

// Do implements gorgonia.Op.
func (o *columns) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	rows, _ := dims(inputs[0])
	out := o.run.arena.matrix(rows, o.cols)
	x, y := floats(inputs[0]), out.Float32s()
	parallel.For(rows, rowGrain(o.cols), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			at := r * o.cols
			for _, c := range o.runs {
				at += copy(y[at:], x[r*o.width+c.From:][:c.Count])
			}
		}
	})
	return out, nil
}

// DiffWRT implements gorgonia.SDOp.
func (*columns) DiffWRT(int) []bool { return []bool{true} }

// SymDiff implements gorgonia.SDOp.
func (o *columns) SymDiff(_ gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	back := &columnsBackward{derivative{base{name: "∂x " + o.name, arity: 1, cols: o.width}}, o}
	return gorgonia.Nodes{o.run.builder.apply(back, dy)}, nil
}

type columnsBackward struct {
	derivative
	columns *columns
}

// Do implements gorgonia.Op: columns that were not picked have the gradient 0.
func (o *columnsBackward) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	f := o.columns
	rows, _ := dims(inputs[0])
	out := f.run.arena.matrix(rows, f.width)
	dy, dx := floats(inputs[0]), out.Float32s()
	parallel.For(rows, rowGrain(f.width), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			row, at := dx[r*f.width:(r+1)*f.width], r*f.cols
			clear(row)
			for _, c := range f.runs {
				at += copy(row[c.From:], dy[at:at+c.Count])
			}
		}
	})
	return out, nil
}
