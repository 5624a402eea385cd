package ops

import (
	"math"
	"slices"
	"strings"

	"gorgonia.org/gorgonia"

	"github.com/cultivar/cultivar/internal/kernels/gemm"
	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/internal/parallel"
)

// dora rescales what projections with a magnitude m compute (Liu et al., arXiv:2402.09353, as
// peft/tuners/lora/dora.py): with n the norms of the rows of W + s·B·A, which count as constant in
// the backward pass,
//
//	y = g⊙(W·x + s·B·A·x) + bias,  g = m/n.
//
// With dropout, d(x) being x thinned, PEFT computes W·x + bias + (g−1)⊙W·d(x) + g⊙s·B·A·d(x). That
// is, regrouped, W·(x − d(x)) + bias + g⊙(W·d(x) + s·B·A·d(x)).
type dora struct {
	base
	run   *Run
	parts []doraPart
	gains map[*Arena][]float32 // g and 1/n of each part; no result, for its size does not grow with the rows
	rows  []float32            // a few rows of W + s·B·A
}

// doraPart is the columns of one projection.
type doraPart struct {
	Projection
	lo      int // first column in the result
	z, from int // which input is the projection without magnitude, and its first column there
	rest    int // which input is added; -1 for none
	m       int // which input is the magnitude; -1 for a projection without
}

// normRows is how many rows of W + s·B·A exist at a time.
const normRows = 64

// DoRA applies projections of which some have a magnitude to x (tokens, in).
func (b *Builder) DoRA(x *gorgonia.Node, projs ...Projection) *gorgonia.Node {
	op := &dora{run: b.run, gains: make(map[*Arena][]float32)}
	var inputs gorgonia.Nodes
	add := func(n *gorgonia.Node) int {
		inputs = append(inputs, n)
		return len(inputs) - 1
	}
	var names []string
	whole, cols := -1, 0
	if !thins(projs) {
		whole = add(b.Linear(x, withoutMagnitude(projs)...))
	}
	for _, p := range projs {
		part := doraPart{Projection: p, lo: cols, z: whole, from: cols, rest: -1, m: -1}
		if whole < 0 {
			part.from = 0
			part.z, part.rest = b.doraInputs(x, p, add)
		}
		if p.hasMagnitude() {
			part.m = add(p.LoRA.Magnitude.node)
		}
		op.parts = append(op.parts, part)
		cols += p.Weight.Rows
		names = append(names, p.Weight.Name)
	}
	op.base = base{name: "dora " + strings.Join(names, "+"), arity: len(inputs), cols: cols}
	return b.apply(op, inputs...)
}

func (p Projection) hasMagnitude() bool { return p.LoRA != nil && p.LoRA.Magnitude != nil }

// thins reports whether an input with a magnitude has dropout.
func thins(projs []Projection) bool {
	for _, p := range projs {
		if p.hasMagnitude() && p.LoRA.Dropout > 0 {
			return true
		}
	}
	return false
}

// withoutMagnitude returns the projections as a linear operator computes them; the biases of those
// with a magnitude are added after it.
func withoutMagnitude(projs []Projection) []Projection {
	list := make([]Projection, len(projs))
	for i, p := range projs {
		list[i] = p
		if p.hasMagnitude() {
			list[i].Bias = nil
		}
	}
	return list
}

// doraInputs adds the inputs of one projection under dropout.
func (b *Builder) doraInputs(x *gorgonia.Node, p Projection, add func(*gorgonia.Node) int) (z, rest int) {
	if !p.hasMagnitude() {
		return add(b.Linear(x, p)), -1
	}
	plain := *p.LoRA
	plain.Dropout = 0
	z = add(b.Linear(b.thin(x, p, false), Projection{Weight: p.Weight, LoRA: &plain}))
	return z, add(b.Linear(b.thin(x, p, true), Projection{Weight: p.Weight, Bias: p.Bias}))
}

// Do implements gorgonia.Op.
func (o *dora) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	rows, _ := dims(inputs[o.parts[0].z])
	out := o.run.arena.matrix(rows, o.cols)
	y := out.Float32s()
	gains := o.findGains()
	for i, p := range o.parts {
		n := p.Weight.Rows
		g := o.gainOf(gains, i)
		_, width := dims(inputs[p.z])
		z, rest := floats(inputs[p.z]), []float32(nil)
		if p.rest >= 0 {
			rest = floats(inputs[p.rest])
		}
		parallel.For(rows, rowGrain(n), func(lo, hi int) {
			for r := lo; r < hi; r++ {
				yr, zr := y[r*o.cols+p.lo:][:n], z[r*width+p.from:][:n]
				if g == nil {
					copy(yr, zr)
					continue
				}
				vec.Mul(yr, zr, g)
				if rest != nil {
					vec.Add(yr, yr, rest[r*n:(r+1)*n])
				} else if p.Bias != nil {
					vec.Add(yr, yr, p.Bias.vector())
				}
			}
		})
	}
	return out, nil
}

// findGains computes g and 1/n for the factors that are bound now.
func (o *dora) findGains() []float32 {
	gains := o.gains[o.run.arena]
	if gains == nil {
		gains = make([]float32, 2*o.cols)
		o.gains[o.run.arena] = gains
	}
	for i, p := range o.parts {
		if p.m < 0 {
			continue
		}
		g, inv := o.gainOf(gains, i), o.inverseOf(gains, i)
		o.norms(inv, p.Projection)
		m := p.LoRA.Magnitude.vector()
		for j, n := range inv {
			// A row of zeros has no direction and stays as it is.
			if g[j], inv[j] = 0, 0; n != 0 {
				g[j], inv[j] = m[j]/n, 1/n
			}
		}
	}
	return gains
}

// gainOf is g of a part, nil when it has no magnitude.
func (o *dora) gainOf(gains []float32, part int) []float32 {
	p := o.parts[part]
	if p.m < 0 {
		return nil
	}
	return gains[p.lo : p.lo+p.Weight.Rows]
}

// inverseOf is 1/n of a part.
func (o *dora) inverseOf(gains []float32, part int) []float32 {
	p := o.parts[part]
	return gains[o.cols+p.lo:][:p.Weight.Rows]
}

// norms sets dst to the norms of the rows of W + s·B·A.
func (o *dora) norms(dst []float32, p Projection) {
	w, l := p.Weight.matrix(), p.LoRA
	if need := normRows * (w.Cols + l.A.Rows); len(o.rows) < need {
		o.rows = make([]float32, need)
	}
	b := o.rows[normRows*w.Cols:]
	rowNorms(dst, w, o.rows[:normRows*w.Cols], func(sum []float32, lo, hi int) {
		scaled := b[:(hi-lo)*l.A.Rows]
		scaleInto(scaled, l.B.matrix().F32[lo*l.A.Rows:hi*l.A.Rows], l.Scaling)
		gemm.Gemm(sum, w.Cols, gemm.F32(scaled, hi-lo, l.A.Rows), l.A.matrix(), true)
	})
}

// RowNorms returns the Euclidean norms of the rows of w: the magnitudes that DoRA starts with.
func RowNorms(w gemm.Matrix) []float32 {
	norms := make([]float32, w.Rows)
	rowNorms(norms, w, make([]float32, normRows*w.Cols), func([]float32, int, int) {})
	return norms
}

// rowNorms sets dst to the norms of the rows of w plus what update adds to a few of them at a time.
func rowNorms(dst []float32, w gemm.Matrix, buffer []float32, update func(sum []float32, lo, hi int)) {
	for lo := 0; lo < w.Rows; lo += normRows {
		hi := min(lo+normRows, w.Rows)
		sum := buffer[:(hi-lo)*w.Cols]
		parallel.For(hi-lo, rowGrain(w.Cols), func(from, to int) {
			for r := from; r < to; r++ {
				w.Row(sum[r*w.Cols:(r+1)*w.Cols], lo+r)
			}
		})
		update(sum, lo, hi)
		parallel.For(hi-lo, rowGrain(w.Cols), func(from, to int) {
			for r := from; r < to; r++ {
				dst[lo+r] = float32(math.Sqrt(float64(vec.SumSquares(sum[r*w.Cols : (r+1)*w.Cols]))))
			}
		})
	}
}

// DiffWRT implements gorgonia.SDOp.
func (*dora) DiffWRT(inputs int) []bool { return slices.Repeat([]bool{true}, inputs) }

// SymDiff implements gorgonia.SDOp: dz = dy⊙g, the rest passes dy on, dm = Σ dy⊙z/n over the tokens.
func (o *dora) SymDiff(inputs gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	b := o.run.builder
	grads := make(gorgonia.Nodes, len(inputs))
	for i, p := range o.parts {
		if grads[p.z] == nil {
			back := &doraBackward{derivative{base{name: b.unique("∂z " + o.name), arity: 1, cols: inputs[p.z].Shape()[1]}}, o, p.z, false}
			grads[p.z] = b.apply(back, dy)
		}
		if p.rest >= 0 {
			back := &doraBackward{derivative{base{name: b.unique("∂rest " + o.name), arity: 1, cols: p.Weight.Rows}}, o, p.rest, true}
			grads[p.rest] = b.apply(back, dy)
		}
		if p.m >= 0 {
			grads[p.m] = b.apply(b.accumulate(p.LoRA.Magnitude, 2, func(grad []float32, in []gorgonia.Value) {
				o.magnitudeGrad(grad, i, in[0], in[1])
			}), dy, inputs[p.z])
		}
	}
	return grads, nil
}

// magnitudeGrad adds Σ dy⊙z/n to grad: for each element one chain of sums over the tokens.
func (o *dora) magnitudeGrad(grad []float32, part int, dy, z gorgonia.Value) {
	p := o.parts[part]
	rows, width := dims(z)
	inv := o.inverseOf(o.gains[o.run.arena], part)
	d, x := floats(dy), floats(z)
	parallel.For(len(grad), 64, func(lo, hi int) {
		scaled := make([]float32, hi-lo)
		for r := range rows {
			vec.Mul(scaled, d[r*o.cols+p.lo:][lo:hi], inv[lo:hi])
			vec.Mul(scaled, scaled, x[r*width+p.from:][lo:hi])
			vec.Add(grad[lo:hi], grad[lo:hi], scaled)
		}
	})
}

// doraBackward is the gradient of one input.
type doraBackward struct {
	derivative
	dora  *dora
	input int
	rest  bool // dy itself, not times g
}

// Do implements gorgonia.Op.
func (o *doraBackward) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	f := o.dora
	rows, _ := dims(inputs[0])
	out := f.run.arena.matrix(rows, o.cols)
	dy, dx, gains := floats(inputs[0]), out.Float32s(), f.gains[f.run.arena]
	for i, p := range f.parts {
		at, g := p.from, f.gainOf(gains, i)
		switch {
		case o.rest && p.rest == o.input:
			at, g = 0, nil
		case o.rest || p.z != o.input:
			continue
		}
		n := p.Weight.Rows
		parallel.For(rows, rowGrain(n), func(lo, hi int) {
			for r := lo; r < hi; r++ {
				d, y := dx[r*o.cols+at:][:n], dy[r*f.cols+p.lo:][:n]
				if g == nil {
					copy(d, y)
				} else {
					vec.Mul(d, y, g)
				}
			}
		})
	}
	return out, nil
}
