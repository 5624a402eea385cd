package ops

import (
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/internal/parallel"
)

// rmsNorm scales each vector to unit root mean square and multiplies by a weight
// (Zhang & Sennrich, arXiv:1910.07467). A row is one vector, several heads as wide as the weight, or
// groups that each have a part of the weight. It keeps 1/rms of each vector for the backward pass.
type rmsNorm struct {
	base
	run    *Run
	weight *Weight // (1, cols), or (1, width of a head)
	width  int     // of a vector
	eps    float32
}

// RMSNorm normalises x (tokens, cols).
func (b *Builder) RMSNorm(x *gorgonia.Node, w *Weight, eps float32) *gorgonia.Node {
	return b.HeadNorm(x, w, eps)
}

// HeadNorm normalises every run of the weight's width in a row of x by itself.
func (b *Builder) HeadNorm(x *gorgonia.Node, w *Weight, eps float32) *gorgonia.Node {
	return b.vectorNorm(x, w, w.Cols, eps)
}

// GroupNorm normalises each of a number of equal groups of columns of x by itself.
func (b *Builder) GroupNorm(x *gorgonia.Node, w *Weight, groups int, eps float32) *gorgonia.Node {
	return b.vectorNorm(x, w, w.Cols/groups, eps)
}

func (b *Builder) vectorNorm(x *gorgonia.Node, w *Weight, width int, eps float32) *gorgonia.Node {
	cols := x.Shape()[1]
	if cols%w.Cols != 0 || w.Cols%width != 0 {
		panic("ops: cannot normalise by " + w.Name)
	}
	op := &rmsNorm{base{name: "rmsnorm " + w.Name, arity: 1, cols: cols}, b.run, w, width, eps}
	if w.Trainable() {
		op.arity = 2
		return b.apply(op, x, w.node)
	}
	return b.apply(op, x)
}

// Do implements gorgonia.Op.
func (o *rmsNorm) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	rows, cols := dims(inputs[0])
	out := o.run.arena.matrix(rows, cols)
	x, y, w := floats(inputs[0]), out.Float32s(), o.weight.vector()
	n := o.width
	inv := o.run.arena.keep(o.name, len(x)/n)
	parallel.For(len(inv), rowGrain(n), func(lo, hi int) {
		for v := lo; v < hi; v++ {
			inv[v] = vec.RMSNorm(y[v*n:(v+1)*n], x[v*n:(v+1)*n], w[v*n%len(w):][:n], o.eps)
		}
	})
	return out, nil
}

// again implements cheap.
func (o *rmsNorm) again() op {
	return &rmsNormAgain{derivative{base{name: "again " + o.name, arity: o.arity + 1, cols: o.cols}}, o}
}

type rmsNormAgain struct {
	derivative
	norm *rmsNorm
}

// Do implements gorgonia.Op.
func (o *rmsNormAgain) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	return o.norm.Do(inputs[0])
}

// DiffWRT implements gorgonia.SDOp.
func (*rmsNorm) DiffWRT(inputs int) []bool { return slices.Repeat([]bool{true}, inputs) }

// SymDiff implements gorgonia.SDOp.
func (o *rmsNorm) SymDiff(inputs gorgonia.Nodes, out, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	b := o.run.builder
	dx := b.derived[out]
	if dx == nil {
		dx = o.backward(dy, inputs[0], false)
	}
	grads := gorgonia.Nodes{dx}
	if o.weight.Trainable() {
		grads = append(grads, b.handOut(o.weight, dx))
	}
	return grads, nil
}

// restoringBackward implements restorer.
func (o *rmsNorm) restoringBackward(dy, x *gorgonia.Node) *gorgonia.Node {
	return o.backward(dy, x, true)
}

func (o *rmsNorm) backward(dy, x *gorgonia.Node, restore bool) *gorgonia.Node {
	inputs := gorgonia.Nodes{dy, x}
	if past := o.run.builder.pastNorm(x); past != nil {
		inputs = append(inputs, past)
	}
	back := &rmsNormBackward{derivative{base{name: "∂x " + o.name, arity: len(inputs), cols: o.cols}}, o, restore}
	return o.run.builder.apply(back, inputs...)
}

// rmsNormBackward computes the gradient by x, to which it adds the one that comes past the norm, if
// there is a third input, and adds up the gradient by the weight, if that is trained.
type rmsNormBackward struct {
	derivative
	norm    *rmsNorm
	restore bool // the norm's result where dy was
}

// overwrites implements overwriting.
func (*rmsNormBackward) overwrites() int { return 1 }

// Do implements gorgonia.Op.
func (o *rmsNormBackward) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	f := o.norm
	rows, cols := dims(inputs[0])
	out := f.run.arena.matrix(rows, cols)
	dy, x, dx, w := floats(inputs[0]), floats(inputs[1]), out.Float32s(), f.weight.vector()
	n := f.width
	inv := f.run.arena.recall(f.name, len(x)/n)
	if f.weight.Trainable() {
		f.weightGradient(dy, x, inv)
	}
	parallel.For(len(inv), rowGrain(n), func(lo, hi int) {
		memory := borrow(n)
		defer memory.release()
		for v := lo; v < hi; v++ {
			dyv, xv, wv, d := dy[v*n:(v+1)*n], x[v*n:(v+1)*n], w[v*n%len(w):][:n], memory.floats
			vec.RMSNormBackward(d, dyv, xv, wv, inv[v])
			if o.restore {
				vec.RMSNormAgain(dyv, xv, wv, inv[v])
			}
			if dxv := dx[v*n : (v+1)*n]; len(inputs) > 2 { // which may be xv, read for the last time above
				vec.Add(dxv, floats(inputs[2])[v*n:(v+1)*n], d)
			} else {
				copy(dxv, d)
			}
		}
	})
	return out, nil
}

func (o *rmsNorm) weightGradient(dy, x, inv []float32) {
	grad, n := o.weight.param.Grad, o.width
	for v, inv := range inv {
		vec.RMSNormWeightGrad(grad[v*n%len(grad):][:n], dy[v*n:(v+1)*n], x[v*n:(v+1)*n], inv)
	}
}

// rowGrain is how many rows of a width a core takes at a time.
func rowGrain(cols int) int { return max(1, elementGrain/max(cols, 1)) }
