package ops

import (
	"gorgonia.org/gorgonia"

	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/internal/parallel"
)

// qkNorm normalises queries and keys as RMSNorm does and passes values on (Dehghani et al.,
// arXiv:2302.05442, §2): (tokens, queries + keys + values) → the same.
type qkNorm struct {
	base
	run   *Run
	parts [2]normed // queries, keys
	eps   float32
}

// normed is columns of which every run of the weight's width is one vector: a head (Qwen 3), or all
// heads together (OLMo 2).
type normed struct {
	weight *Weight // (1, head) or (1, hi-lo), frozen
	lo, hi int
}

// QKNorm normalises the first queries columns of qkv by the weight q, the next keys by k.
func (b *Builder) QKNorm(qkv *gorgonia.Node, q, k *Weight, queries, keys int, eps float32) *gorgonia.Node {
	if q.Trainable() || k.Trainable() || queries%q.Cols != 0 || keys%k.Cols != 0 {
		panic("ops: cannot normalise by " + q.Name + " and " + k.Name)
	}
	parts := [2]normed{{q, 0, queries}, {k, queries, queries + keys}}
	return b.apply(&qkNorm{base{name: b.unique("qknorm"), arity: 1, cols: qkv.Shape()[1]}, b.run, parts, eps}, qkv)
}

// vectors is how many vectors of a row are normalised.
func (o *qkNorm) vectors() int {
	n := 0
	for _, p := range o.parts {
		n += (p.hi - p.lo) / p.weight.Cols
	}
	return n
}

// each calls f for the n-th vector of a row, which is columns [lo, hi).
func (o *qkNorm) each(f func(n, lo, hi int, weight []float32)) {
	n := 0
	for _, p := range o.parts {
		w := p.weight.vector()
		for lo := p.lo; lo < p.hi; lo += len(w) {
			f(n, lo, lo+len(w), w)
			n++
		}
	}
}

// Do implements gorgonia.Op.
func (o *qkNorm) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	rows, cols := dims(inputs[0])
	out := o.run.arena.matrix(rows, cols)
	vectors := o.vectors()
	inv := o.run.arena.keep(o.name, rows*vectors)
	values := o.parts[1].hi
	parallel.For(rows, rowGrain(cols), func(from, to int) {
		for r := from; r < to; r++ {
			x, y := floats(inputs[0])[r*cols:(r+1)*cols], out.Float32s()[r*cols:(r+1)*cols]
			o.each(func(n, lo, hi int, w []float32) {
				inv[r*vectors+n] = vec.RMSNorm(y[lo:hi], x[lo:hi], w, o.eps)
			})
			copy(y[values:], x[values:])
		}
	})
	return out, nil
}

// DiffWRT implements gorgonia.SDOp.
func (*qkNorm) DiffWRT(int) []bool { return []bool{true} }

// SymDiff implements gorgonia.SDOp.
func (o *qkNorm) SymDiff(inputs gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	back := &qkNormBackward{derivative{base{name: "∂x " + o.name, arity: 2, cols: o.cols}}, o}
	return gorgonia.Nodes{o.run.builder.apply(back, dy, inputs[0])}, nil
}

type qkNormBackward struct {
	derivative
	norm *qkNorm
}

// overwrites implements overwriting.
func (*qkNormBackward) overwrites() int { return 1 }

// Do implements gorgonia.Op.
func (o *qkNormBackward) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	f := o.norm
	rows, cols := dims(inputs[0])
	out := f.run.arena.matrix(rows, cols)
	vectors := f.vectors()
	inv := f.run.arena.recall(f.name, rows*vectors)
	values := f.parts[1].hi
	parallel.For(rows, rowGrain(cols), func(from, to int) {
		for r := from; r < to; r++ {
			at := func(x []float32) []float32 { return x[r*cols : (r+1)*cols] }
			dy, x, dx := at(floats(inputs[0])), at(floats(inputs[1])), at(out.Float32s())
			f.each(func(n, lo, hi int, w []float32) {
				vec.RMSNormBackward(dx[lo:hi], dy[lo:hi], x[lo:hi], w, inv[r*vectors+n])
			})
			copy(dx[values:], dy[values:])
		}
	})
	return out, nil
}
