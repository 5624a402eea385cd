package ops

import (
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/cultivar/cultivar/internal/hugepage"
	"github.com/cultivar/cultivar/internal/kernels/gemm"
)

// Param is a trainable matrix of one layer: its value, and its gradient summed over the
// micro-batches of a step.
type Param struct {
	Name       string // the published name
	Rows, Cols int
	Value      []float32 // (Rows, Cols)
	Grad       []float32 // (Rows, Cols)
	dense      *tensor.Dense
	gradDense  *tensor.Dense
}

// rehearsed is p with a gradient of its own, to be thrown away.
func (p *Param) rehearsed() *Param {
	q := *p
	q.Grad = make([]float32, len(p.Grad))
	q.gradDense = newDense(p.Rows, p.Cols, q.Grad)
	return &q
}

// NewParam returns a parameter of zeros.
func NewParam(name string, rows, cols int) *Param {
	p := &Param{Name: name, Rows: rows, Cols: cols, Value: hugepage.Floats(rows * cols), Grad: hugepage.Floats(rows * cols)}
	p.dense = newDense(rows, cols, p.Value)
	p.gradDense = newDense(rows, cols, p.Grad)
	return p
}

// Weight is a slot of a graph: a matrix that every layer fills with its own. A frozen one is read
// by the kernels in the type it is stored in; a trainable one is a node of the graph, so that
// Backpropagate can be asked for its gradient.
type Weight struct {
	Name       string // within the layer, e.g. self_attn.q_proj.weight
	Rows, Cols int

	node   *gorgonia.Node // nil when frozen
	frozen gemm.Matrix
	param  *Param
}

// Trainable reports whether the slot takes parameters.
func (w *Weight) Trainable() bool { return w.node != nil }

// Bind fills the slot of a frozen weight.
func (w *Weight) Bind(m gemm.Matrix) {
	if w.Trainable() || m.Rows != w.Rows || m.Cols != w.Cols {
		panic("ops: cannot bind a matrix to " + w.Name)
	}
	w.frozen = m
}

// BindParam fills the slot of a trainable weight.
func (w *Weight) BindParam(p *Param) {
	if !w.Trainable() {
		panic("ops: cannot bind a parameter to " + w.Name)
	}
	w.param = p
}

// matrix is what the slot holds now.
func (w *Weight) matrix() gemm.Matrix {
	if w.param != nil {
		return gemm.F32(w.param.Value, w.Rows, w.Cols)
	}
	return w.frozen
}

// vector is the slot's float32 row, for norms and biases.
func (w *Weight) vector() []float32 {
	if w.param != nil {
		return w.param.Value
	}
	return w.frozen.F32
}

// accumulate is the gradient of a trainable weight. It adds into the parameter's own Grad, so that
// the sums of matrix products go on over the micro-batches of a step (docs/numerics.md), and
// returns it.
type accumulate struct {
	derivative
	weight *Weight
	into   func(grad []float32, inputs []gorgonia.Value)
}

func (b *Builder) accumulate(w *Weight, arity int, into func(grad []float32, inputs []gorgonia.Value)) *accumulate {
	return &accumulate{
		derivative: derivative{base{name: "∂" + w.Name, arity: arity, cols: w.Cols, rows: fixedRows(w.Rows)}},
		weight:     w,
		into:       into,
	}
}

// Do implements gorgonia.Op.
func (o *accumulate) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	o.into(o.weight.param.Grad, inputs)
	return o.weight.param.gradDense, nil
}

// handOut is the node of a gradient that another operator has added up, once that has run.
func (b *Builder) handOut(w *Weight, after ...*gorgonia.Node) *gorgonia.Node {
	return b.apply(b.accumulate(w, len(after), func([]float32, []gorgonia.Value) {}), after...)
}
