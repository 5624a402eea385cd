package ops

import "gorgonia.org/gorgonia"

// residual is x + y.
type residual struct {
	base
	run      *Run
	shortcut *shortcut // of x
}

// Add returns x + y.
func (b *Builder) Add(x, y *gorgonia.Node) *gorgonia.Node {
	s := &shortcut{from: x}
	s.to = b.apply(&residual{base{name: b.unique("add"), arity: 2, cols: x.Shape()[1]}, b.run, s}, x, y)
	b.shortcuts = append(b.shortcuts, s)
	return s.to
}

// overwrites implements overwriting.
func (*residual) overwrites() int { return 1 }

// Do implements gorgonia.Op.
func (o *residual) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	rows, cols := dims(inputs[0])
	out := o.run.arena.matrix(rows, cols)
	add(out.Float32s(), floats(inputs[0]), floats(inputs[1]))
	return out, nil
}

// DiffWRT implements gorgonia.SDOp.
func (o *residual) DiffWRT(int) []bool { return []bool{!o.shortcut.pastNorm, true} }

// SymDiff implements gorgonia.SDOp: the gradient passes to both.
func (o *residual) SymDiff(_ gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	o.shortcut.gradient = dy
	return gorgonia.Nodes{dy, dy}, nil
}
