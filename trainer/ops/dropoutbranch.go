package ops

import (
	"gorgonia.org/gorgonia"

	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/internal/parallel"
)

// thinned is d(x), x with dropout for one projection, or what dropout changes, x − d(x). Dropout is
// linear, so that the gradient is the same operator on dy.
type thinned struct {
	base
	run  *Run
	proj Projection
	rest bool // x − d(x)
}

// thin adds a thinned operator.
func (b *Builder) thin(x *gorgonia.Node, p Projection, rest bool) *gorgonia.Node {
	return b.apply(&thinned{base{name: b.unique("thin " + p.Weight.Name), arity: 1, cols: x.Shape()[1]}, b.run, p, rest}, x)
}

// Do implements gorgonia.Op.
func (o *thinned) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	rows, cols := dims(inputs[0])
	out := o.run.arena.matrix(rows, cols)
	x, y := floats(inputs[0]), out.Float32s()
	if o.run.drops(o.proj) {
		o.run.dropout(y, x, cols, o.proj)
	} else {
		copy(y, x)
	}
	if o.rest {
		parallel.For(len(x), elementGrain, func(lo, hi int) {
			vec.Scale(y[lo:hi], y[lo:hi], -1)
			vec.Add(y[lo:hi], x[lo:hi], y[lo:hi])
		})
	}
	return out, nil
}

// DiffWRT implements gorgonia.SDOp.
func (*thinned) DiffWRT(int) []bool { return []bool{true} }

// SymDiff implements gorgonia.SDOp.
func (o *thinned) SymDiff(_ gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	back := &thinnedBackward{derivative{base{name: "∂x " + o.name, arity: 1, cols: o.cols}}, o}
	return gorgonia.Nodes{o.run.builder.apply(back, dy)}, nil
}

type thinnedBackward struct {
	derivative
	thinned *thinned
}

// Do implements gorgonia.Op.
func (o *thinnedBackward) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	return o.thinned.Do(inputs...)
}
