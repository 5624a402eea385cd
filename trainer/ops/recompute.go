package ops

import (
	"slices"

	"gorgonia.org/gorgonia"
)

// cheap is an operator whose result the backward pass computes again: that takes no longer than
// fetching it from memory (docs/decisions/0005), and it need not be kept.
type cheap interface {
	// again is the operator that does so. It has the same inputs and one more, which is not read:
	// it only makes the repetition wait for the backward pass.
	again() op
}

// restorer is a cheap operator whose derivative computes the result in passing: it reads what that is
// made of anyway, and the time of both is that of one pass over memory.
type restorer interface {
	cheap
	// restoringBackward is the node of the derivative by x, the first input. It reads the gradient dy
	// of the result, and leaves the result where dy was.
	restoringBackward(dy, x *gorgonia.Node) *gorgonia.Node
}

// again is what a backward pass reads in place of n once it has got as far as the gradient after:
// n itself, or its repetition, which reads repetitions in its turn.
func (b *Builder) again(n, after *gorgonia.Node) *gorgonia.Node {
	inputs, ok := b.inputs[n]
	if !ok {
		return n
	}
	if b.repeats[n] == nil {
		o := n.Op().(*recorded).op.(cheap)
		inputs = slices.Clone(inputs)
		for i, in := range inputs {
			inputs[i] = b.again(in, after)
		}
		b.repeats[n] = b.apply(o.again(), append(inputs, after)...)
	}
	return b.repeats[n]
}

// restore is again for the reader of n whose result has the gradient dy and which gives n the gradient
// dn. If n has no other reader, dn is all of its gradient: n's derivative can follow at once, and x is
// what that leaves in dn's place, for whoever waits for the nodes in after.
func (b *Builder) restore(n, dn, dy *gorgonia.Node) (x *gorgonia.Node, after gorgonia.Nodes) {
	if inputs, ok := b.inputs[n]; ok && b.wanted[n] && len(b.readers[n]) == 1 {
		if o, ok := n.Op().(*recorded).op.(restorer); ok {
			b.derived[n] = o.restoringBackward(dn, inputs[0])
			return dn, gorgonia.Nodes{b.derived[n]}
		}
	}
	return b.again(n, dy), nil
}
