package ops

import (
	"slices"

	"gorgonia.org/gorgonia"
)

// shortcut is the way of a residual past a block (He et al., arXiv:1512.03385), on which the gradient
// goes back as it is. Where the block begins with a norm of the residual, the norm's derivative adds
// that gradient to its own: Gorgonia, which would add them in a pass over memory of its own, is told
// that none comes back on the shortcut.
type shortcut struct {
	from, to *gorgonia.Node // the residual; its sum with what the block computes
	pastNorm bool           // the norm's derivative takes the gradient along
	gradient *gorgonia.Node // of to; nil before it is known
}

// findPastNorms finds the shortcuts whose gradient a norm's derivative can take along: the norm and the
// shortcut are all that reads the residual, and the shortcut ends behind the norm, so that Gorgonia
// comes to its end first. The graph must be complete up to its output.
func (b *Builder) findPastNorms() {
	for _, s := range b.shortcuts {
		readers := b.readers[s.from]
		if len(readers) != 2 || !slices.Contains(readers, s.to) {
			continue
		}
		for _, r := range readers {
			_, isNorm := r.Op().(*recorded).op.(*rmsNorm)
			s.pastNorm = s.pastNorm || isNorm && b.leads(r, s.to)
		}
	}
}

// leads reports whether a gradient comes from a node to another.
func (b *Builder) leads(from, to *gorgonia.Node) bool {
	return from == to || slices.ContainsFunc(b.readers[from], func(r *gorgonia.Node) bool { return b.leads(r, to) })
}

// pastNorm is the gradient of x that its norm's derivative takes along; nil if there is none.
func (b *Builder) pastNorm(x *gorgonia.Node) *gorgonia.Node {
	for _, s := range b.shortcuts {
		if s.from == x && s.pastNorm {
			return s.gradient
		}
	}
	return nil
}
