package ops

import "gorgonia.org/gorgonia"

// keptGradient hands out a gradient that another operator has computed along with its own, and kept by
// name in the arena.
type keptGradient struct {
	derivative
	run *Run
	key string
}

// keptGradient is the node of a gradient of cols columns that the operator of after keeps under key.
func (b *Builder) keptGradient(key string, cols int, after *gorgonia.Node) *gorgonia.Node {
	return b.apply(&keptGradient{derivative{base{name: "∂ " + key, arity: 1, cols: cols}}, b.run, key}, after)
}

// Do implements gorgonia.Op.
func (o *keptGradient) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	rows, _ := dims(inputs[0])
	out := o.run.arena.matrix(rows, o.cols)
	copy(out.Float32s(), o.run.arena.recall(o.key, rows*o.cols))
	return out, nil
}
