package ops

import (
	"maps"
	"slices"
	"strings"

	"gorgonia.org/gorgonia"

	"github.com/cultivar/cultivar/internal/kernels/gemm"
	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/internal/parallel"
)

// LoRA is the low-rank update of one projection, W + Scaling·B·A (Hu et al., arXiv:2106.09685).
type LoRA struct {
	A       *Weight // (r, in)
	B       *Weight // (out, r)
	Scaling float32
	Dropout float32 // probability that an element of A's input is dropped

	Magnitude *Weight // (1, out) of DoRA, which only [Builder.DoRA] computes; nil without
}

// Projection is one weight of a linear operator.
type Projection struct {
	Weight *Weight // (out, in)
	Bias   *Weight // (1, out), frozen; nil when there is none
	LoRA   *LoRA   // nil when not targeted
}

// linear computes y_i = x·W_iᵀ + bias_i + Scaling·(x·A_iᵀ)·B_iᵀ for several projections of the
// same input, side by side in one matrix: (tokens, in) → (tokens, Σ out_i). One operator for all
// of them gives the input gradient a fixed order of summation and one pass over memory.
type linear struct {
	base
	run      *Run
	projs    []Projection
	in       int
	slots    []slot    // by projection: where its nodes stand among the inputs
	residual int       // which input is added to the result; -1 for none
	shortcut *shortcut // of the residual
}

// slot says which inputs of a linear operator belong to a projection; -1 when absent.
type slot struct{ weight, a, b, down int }

// Linear applies projections to x (tokens, in).
func (b *Builder) Linear(x *gorgonia.Node, projs ...Projection) *gorgonia.Node {
	return b.linear(x, nil, projs)
}

// AddLinear is residual + Linear(x, proj), in one pass over the result.
func (b *Builder) AddLinear(residual, x *gorgonia.Node, proj Projection) *gorgonia.Node {
	return b.linear(x, residual, []Projection{proj})
}

func (b *Builder) linear(x, residual *gorgonia.Node, projs []Projection) *gorgonia.Node {
	var names []string
	cols := 0
	for _, p := range projs {
		names = append(names, p.Weight.Name)
		cols += p.Weight.Rows
	}
	op := &linear{run: b.run, projs: projs, in: projs[0].Weight.Cols, residual: -1, shortcut: &shortcut{from: residual}}
	inputs := gorgonia.Nodes{x}
	add := func(n *gorgonia.Node) int {
		inputs = append(inputs, n)
		return len(inputs) - 1
	}
	if residual != nil {
		op.residual = add(residual)
	}
	for _, p := range projs {
		s := slot{-1, -1, -1, -1}
		if p.Weight.Trainable() {
			s.weight = add(p.Weight.node)
		}
		if l := p.LoRA; l != nil {
			s.a, s.b = add(l.A.node), add(l.B.node)
			s.down = add(b.apply(newDown(b.run, p), x, l.A.node))
		}
		op.slots = append(op.slots, s)
	}
	op.base = base{name: "linear " + strings.Join(names, "+"), arity: len(inputs), cols: cols}
	op.shortcut.to = b.apply(op, inputs...)
	if residual != nil {
		b.shortcuts = append(b.shortcuts, op.shortcut)
	}
	return op.shortcut.to
}

// Do implements gorgonia.Op.
func (o *linear) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	rows, _ := dims(inputs[0])
	x := gemm.F32(floats(inputs[0]), rows, o.in)
	out := o.run.arena.matrix(rows, o.cols)
	y, col := out.Float32s(), 0
	products := make([]gemm.Product, len(o.projs))
	for i, p := range o.projs {
		terms := []gemm.Term{{A: x, B: p.Weight.matrix().T()}}
		if p.LoRA != nil {
			down := gemm.F32(floats(inputs[o.slots[i].down]), rows, p.LoRA.A.Rows)
			terms = append(terms, gemm.Term{A: down, B: p.LoRA.B.matrix().T()})
		}
		products[i] = gemm.Product{C: y[col:], Stride: o.cols, Terms: terms}
		if p.Bias != nil {
			products[i].Bias = p.Bias.vector()
		}
		if o.residual >= 0 {
			products[i].Plus = floats(inputs[o.residual])[col:]
		}
		col += p.Weight.Rows
	}
	gemm.Group(products...)
	return out, nil
}

// DiffWRT implements gorgonia.SDOp: x and the trainable factors, not the products of x with A that
// are passed in to be shared.
func (o *linear) DiffWRT(inputs int) []bool {
	d := make([]bool, inputs)
	d[0] = true
	if o.residual >= 0 {
		d[o.residual] = !o.shortcut.pastNorm
	}
	for _, s := range o.slots {
		for _, i := range []int{s.weight, s.a, s.b} {
			if i >= 0 {
				d[i] = true
			}
		}
	}
	return d
}

// SymDiff implements gorgonia.SDOp. With dy the gradient of y and v = Scaling·dy·B:
// dW = dyᵀ·x, dB = dyᵀ·(Scaling·x·Aᵀ), dA = vᵀ·x, dx = dy·W + v·A; a residual's is dy.
func (o *linear) SymDiff(inputs gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	b := o.run.builder
	grads := make(gorgonia.Nodes, len(inputs))
	if o.residual >= 0 {
		grads[o.residual], o.shortcut.gradient = dy, dy
	}
	back := &linearBackward{linear: o}
	backInputs := gorgonia.Nodes{dy}
	col := 0
	for i, p := range o.projs {
		if p.LoRA == nil {
			back.up = append(back.up, -1)
		} else {
			back.up = append(back.up, len(backInputs))
			backInputs = append(backInputs, b.apply(newUp(o, i, col), dy, inputs[o.slots[i].b]))
		}
		col += p.Weight.Rows
	}
	back.base = base{name: "∂x " + o.name, arity: len(backInputs), cols: o.in}
	grads[0] = dy // stands for what nobody asks for
	if b.wanted[inputs[0]] {
		grads[0] = b.apply(back, backInputs...)
	}
	o.weightGradients(grads, inputs, backInputs, back.up)
	return grads, nil
}

// weightGradients adds the nodes of the gradients of the weights that are trained.
func (o *linear) weightGradients(grads, inputs, up gorgonia.Nodes, upOf []int) {
	b, dy := o.run.builder, up[0]
	trained := make(map[int]*Weight) // by input
	op := &linearGradients{linear: o}
	opInputs := gorgonia.Nodes{dy, nil}
	for i, s := range o.slots {
		p := o.projs[i]
		if s.weight >= 0 {
			trained[s.weight] = p.Weight
		}
		op.factors = append(op.factors, len(opInputs))
		if p.LoRA != nil {
			trained[s.a], trained[s.b] = p.LoRA.A, p.LoRA.B
			opInputs = append(opInputs, inputs[s.down], up[upOf[i]])
		}
	}
	if len(trained) == 0 {
		return
	}
	x, after := b.restore(inputs[0], grads[0], dy)
	opInputs[1] = x
	opInputs = append(opInputs, after...)
	op.base = base{name: "∂weights " + o.name, arity: len(opInputs), cols: 1}
	all := b.apply(op, opInputs...)
	for _, input := range slices.Sorted(maps.Keys(trained)) {
		grads[input] = b.handOut(trained[input], all)
	}
}

// linearGradients adds up the gradients of all weights of a linear operator that are trained, in one
// group of products. Its inputs are dy, x and, for each projection with LoRA, its down and its v, and last
// what must come before it; its result stands for them.
type linearGradients struct {
	derivative
	linear  *linear
	factors []int // by projection: which input is its down; v is the next
}

// Do implements gorgonia.Op.
func (o *linearGradients) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	l := o.linear
	out := l.run.arena.matrix(1, 1)
	rows, cols := dims(inputs[0])
	dy, x := gemm.F32(floats(inputs[0]), rows, cols), floats(inputs[1])
	products := make([]gemm.Product, 0, 2*len(l.projs))
	add := func(w *Weight, a, b gemm.Matrix) {
		products = append(products, gemm.Product{C: w.param.Grad, Stride: w.Cols, Accumulate: true, Terms: []gemm.Term{{A: a.T(), B: b}}})
	}
	lo := 0
	for i, p := range l.projs {
		d := dy.Slice(0, rows, lo, lo+p.Weight.Rows)
		lo += p.Weight.Rows
		if p.Weight.Trainable() {
			add(p.Weight, d, gemm.F32(x, rows, l.in))
		}
		if p.LoRA != nil {
			at, rank := o.factors[i], p.LoRA.A.Rows
			add(p.LoRA.B, d, gemm.F32(floats(inputs[at]), rows, rank))
			add(p.LoRA.A, gemm.F32(floats(inputs[at+1]), rows, rank), gemm.F32(l.run.droppedInput(p, x), rows, l.in))
		}
	}
	gemm.Group(products...)
	return out, nil
}

// down is Scaling·x·Aᵀ, (tokens, r): the first factor of a LoRA update.
type down struct {
	derivative
	run  *Run
	proj Projection
}

func newDown(run *Run, p Projection) *down {
	return &down{derivative{base{name: downName(p), arity: 2, cols: p.LoRA.A.Rows}}, run, p}
}

func downName(p Projection) string { return "down " + p.Weight.Name }

// Do implements gorgonia.Op.
func (o *down) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	rows, in := dims(inputs[0])
	out := o.run.arena.matrix(rows, o.cols)
	x := floats(inputs[0])
	if o.run.drops(o.proj) {
		kept := o.run.arena.keep(o.name, len(x))
		o.run.dropout(kept, x, in, o.proj)
		x = kept
	}
	l := o.proj.LoRA
	gemm.Group(gemm.Product{
		C: out.Float32s(), Stride: o.cols, Scale: l.Scaling,
		Terms: []gemm.Term{{A: gemm.F32(x, rows, in), B: l.A.matrix().T()}},
	})
	return out, nil
}

// up is v = Scaling·dy·B, (tokens, r).
type up struct {
	derivative
	linear *linear
	index  int
	lo     int // first column of the projection in dy
}

func newUp(l *linear, index, lo int) *up {
	p := l.projs[index]
	return &up{derivative{base{name: "up " + p.Weight.Name, arity: 2, cols: p.LoRA.B.Cols}}, l, index, lo}
}

// Do implements gorgonia.Op.
func (o *up) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	rows, cols := dims(inputs[0])
	p := o.linear.projs[o.index]
	out := o.linear.run.arena.matrix(rows, o.cols)
	dy := gemm.F32(floats(inputs[0]), rows, cols).Slice(0, rows, o.lo, o.lo+p.Weight.Rows)
	gemm.Group(gemm.Product{
		C: out.Float32s(), Stride: o.cols, Scale: p.LoRA.Scaling,
		Terms: []gemm.Term{{A: dy, B: p.LoRA.B.matrix()}},
	})
	return out, nil
}

// linearBackward is dx = Σ_i dy_i·W_i + Σ_i v_i·A_i, one chain of sums over the projections in order.
type linearBackward struct {
	derivative
	linear *linear
	up     []int // by projection: which input is v_i, -1 when there is none
}

// Do implements gorgonia.Op.
func (o *linearBackward) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	l := o.linear
	rows, cols := dims(inputs[0])
	out := l.run.arena.matrix(rows, l.in)
	dx, lo := out.Float32s(), 0
	dy := gemm.F32(floats(inputs[0]), rows, cols)
	terms := make([]gemm.Term, 0, 2*len(l.projs))
	for _, p := range l.projs {
		n := p.Weight.Rows
		terms = append(terms, gemm.Term{A: dy.Slice(0, rows, lo, lo+n), B: p.Weight.matrix()})
		lo += n
	}
	v := func(i int) gemm.Matrix { return gemm.F32(floats(inputs[o.up[i]]), rows, l.projs[i].LoRA.A.Rows) }
	for i, p := range l.projs {
		if o.up[i] >= 0 && !l.run.drops(p) {
			terms = append(terms, gemm.Term{A: v(i), B: p.LoRA.A.matrix()})
		}
	}
	gemm.Group(gemm.Product{C: dx, Stride: l.in, Terms: terms})
	for i, p := range l.projs {
		if o.up[i] < 0 || !l.run.drops(p) {
			continue
		}
		through := l.run.arena.keep(o.name, len(dx))
		gemm.Gemm(through, l.in, v(i), p.LoRA.A.matrix(), false)
		l.run.dropout(through, through, l.in, p)
		add(dx, dx, through)
	}
	return out, nil
}

func scale(x []float32, s float32) {
	if s != 1 {
		scaleInto(x, x, s)
	}
}

func scaleInto(dst, x []float32, s float32) {
	parallel.For(len(x), elementGrain, func(lo, hi int) { vec.Scale(dst[lo:hi], x[lo:hi], s) })
}
