package ops

import (
	"cmp"
	"math"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/cultivar/cultivar/internal/kernels/gemm"
	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/internal/parallel"
)

// Expert is a gated feed-forward network: down(gate(x·GateUpᵀ)).
type Expert struct {
	GateUp []Affine // their outputs side by side are [gate | up]: two matrices (inner, hidden), or one
	Down   Affine   // (hidden, inner)
}

// Affine is x·Weightᵀ + Bias.
type Affine struct {
	Weight *Weight
	Bias   *Weight // nil when there is none
}

// apply writes the products of n rows of x to y, whose rows are stride apart.
func (a Affine) apply(y []float32, stride int, x []float32, n int) {
	if a.Bias != nil {
		fillRows(y, stride, a.Bias.vector(), n)
	}
	gemm.Gemm(y, stride, gemm.F32(x, n, a.Weight.Cols), a.Weight.matrix().T(), a.Bias != nil)
}

// Mixture is a layer of experts of which a router picks TopK for every token (Shazeer et al.,
// arXiv:1701.06538). All its weights are frozen.
type Mixture struct {
	Router  Affine // (experts, hidden)
	Experts []Expert
	TopK    int
	// Normalise makes the weights of the picked experts sum to one; otherwise they are their shares
	// of the softmax over all experts.
	Normalise bool
	Gate      Gate
}

// mixture computes Σ weight·expert(x) over each token's experts, ascending by expert, as one chain
// of fused multiply-adds. Tokens are sorted by expert, so that an expert is one product for all of
// its tokens.
type mixture struct {
	base
	run    *Run
	m      Mixture
	inner  int
	routes map[*Arena]*routes // of the last forward pass in each arena
}

// Mixture applies a layer of experts to x (tokens, hidden).
func (b *Builder) Mixture(x *gorgonia.Node, m Mixture) *gorgonia.Node {
	op := &mixture{base{name: b.unique("experts"), arity: 1, cols: m.Router.Weight.Cols}, b.run, m, m.Experts[0].Down.Weight.Cols, make(map[*Arena]*routes)}
	return b.apply(op, x)
}

// routes says which experts a micro-batch's tokens go to. A pair is a token and one of its experts;
// pairs are sorted by expert, then token.
type routes struct {
	topK  int
	probs []float32 // (tokens, experts) softmax, or with Normalise that of the picked ones and 0
	row   []int32   // of each pair
	place []int32   // (tokens, TopK): each token's pairs, ascending by expert
	share []float32 // of each pair: the expert's weight
	first []int     // first pair of each expert, and the number of pairs
}

// route picks the experts of every token. Of equal logits the lower expert wins.
func (o *mixture) route(x []float32, rows int) *routes {
	n := len(o.m.Experts)
	r := &routes{topK: o.m.TopK, probs: make([]float32, rows*n), first: make([]int, n+1)}
	o.m.Router.apply(r.probs, n, x, rows)
	picked := make([]int32, rows*r.topK)
	parallel.For(rows, 64, func(lo, hi int) {
		order := make([]int32, n)
		for t := lo; t < hi; t++ {
			o.pick(r.probs[t*n:(t+1)*n], order, picked[t*r.topK:(t+1)*r.topK])
		}
	})
	for _, e := range picked {
		r.first[e+1]++
	}
	for e := range n {
		r.first[e+1] += r.first[e]
	}
	next := slices.Clone(r.first)
	r.row, r.place, r.share = make([]int32, len(picked)), make([]int32, len(picked)), make([]float32, len(picked))
	for i, e := range picked {
		t, p := i/r.topK, next[e]
		next[e]++
		r.row[p], r.place[i], r.share[p] = int32(t), int32(p), r.probs[t*n+int(e)]
	}
	return r
}

// pick turns a token's logits into weights and lists its experts, ascending.
func (o *mixture) pick(logits []float32, order, picked []int32) {
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(logits[b], logits[a]) })
	copy(picked, order)
	slices.Sort(picked)
	if o.m.Normalise {
		for _, e := range order[len(picked):] {
			logits[e] = float32(math.Inf(-1))
		}
	}
	top := vec.Max(logits)
	sum := vec.ExpSubSum(logits, logits, top)
	vec.Scale(logits, logits, 1/sum)
}

// gather copies the rows of the pairs' tokens.
func (r *routes) gather(dst, src []float32, cols int) {
	parallel.For(len(r.row), rowGrain(cols), func(lo, hi int) {
		for p := lo; p < hi; p++ {
			copy(dst[p*cols:(p+1)*cols], src[int(r.row[p])*cols:])
		}
	})
}

// each calls body for every expert that has pairs.
func (r *routes) each(experts []Expert, body func(e Expert, from, n int)) {
	for i, e := range experts {
		if n := r.first[i+1] - r.first[i]; n > 0 {
			body(e, r.first[i], n)
		}
	}
}

// Do implements gorgonia.Op.
func (o *mixture) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	rows, hidden := dims(inputs[0])
	out := o.run.arena.matrix(rows, hidden)
	x, y, k, inner := floats(inputs[0]), out.Float32s(), o.m.TopK, o.inner
	r := o.route(x, rows)
	o.routes[o.run.arena] = r
	xs := o.run.arena.matrix(rows, k*hidden).Float32s() // of pairs, like all below
	hs := o.run.arena.matrix(rows, k*inner).Float32s()
	ys := o.run.arena.matrix(rows, k*hidden).Float32s()
	gateUp := o.run.arena.keep(o.name+" gate_up", rows*k*2*inner)
	r.gather(xs, x, hidden)
	r.each(o.m.Experts, func(e Expert, from, n int) {
		col := 0
		for _, w := range e.GateUp {
			w.apply(gateUp[from*2*inner+col:], 2*inner, xs[from*hidden:], n)
			col += w.Weight.Rows
		}
	})
	o.activate(hs, gateUp)
	r.each(o.m.Experts, func(e Expert, from, n int) {
		e.Down.apply(ys[from*hidden:], hidden, hs[from*inner:], n)
	})
	parallel.For(rows, rowGrain(k*hidden), func(lo, hi int) {
		for t := lo; t < hi; t++ {
			row := y[t*hidden : (t+1)*hidden]
			clear(row)
			for _, p := range r.place[t*k : (t+1)*k] {
				vec.Axpy(row, r.share[p], ys[int(p)*hidden:(int(p)+1)*hidden])
			}
		}
	})
	return out, nil
}

// activate computes the gates of all pairs.
func (o *mixture) activate(hs, gateUp []float32) {
	n := o.inner
	parallel.For(len(hs)/n, rowGrain(n), func(lo, hi int) {
		for p := lo; p < hi; p++ {
			row := gateUp[p*2*n : (p+1)*2*n]
			o.m.Gate.Forward(hs[p*n:(p+1)*n], row[:n], row[n:])
		}
	})
}

// DiffWRT implements gorgonia.SDOp.
func (*mixture) DiffWRT(int) []bool { return []bool{true} }

// SymDiff implements gorgonia.SDOp.
func (o *mixture) SymDiff(inputs gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	back := &mixtureBackward{derivative{base{name: "∂x " + o.name, arity: 2, cols: o.cols}}, o}
	return gorgonia.Nodes{o.run.builder.apply(back, dy, inputs[0])}, nil
}

type mixtureBackward struct {
	derivative
	fwd *mixture
}

// Do implements gorgonia.Op. With a the gate's result and g = dy·down of a pair, the gradient by its
// weight is a·g (and dy·bias), and that by x is what comes through the experts, ascending, and then the router.
func (o *mixtureBackward) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	f := o.fwd
	rows, hidden := dims(inputs[0])
	out := f.run.arena.matrix(rows, hidden)
	dy, dx, k, inner := floats(inputs[0]), out.Float32s(), f.m.TopK, f.inner
	r := f.routes[f.run.arena]
	gateUp := f.run.arena.recall(f.name+" gate_up", rows*k*2*inner)
	dys := f.run.arena.matrix(rows, k*hidden).Float32s()
	hs := f.run.arena.matrix(rows, k*inner).Float32s()
	dhs := f.run.arena.matrix(rows, k*inner).Float32s()
	dgu := f.run.arena.matrix(rows, k*2*inner).Float32s()
	r.gather(dys, dy, hidden)
	f.activate(hs, gateUp)
	r.each(f.m.Experts, func(e Expert, from, n int) {
		gemm.Gemm(dhs[from*inner:], inner, gemm.F32(dys[from*hidden:], n, hidden), e.Down.Weight.matrix(), false)
	})
	dshare := make([]float32, len(r.row))
	r.each(f.m.Experts, func(e Expert, from, n int) {
		for p := from; p < from+n && e.Down.Bias != nil; p++ {
			dshare[p] = vec.Dot(dys[p*hidden:(p+1)*hidden], e.Down.Bias.vector())
		}
	})
	parallel.For(len(r.row), rowGrain(inner), func(lo, hi int) {
		for p := lo; p < hi; p++ {
			g, row, drow := dhs[p*inner:(p+1)*inner], gateUp[p*2*inner:(p+1)*2*inner], dgu[p*2*inner:(p+1)*2*inner]
			dshare[p] += vec.Dot(hs[p*inner:(p+1)*inner], g)
			vec.Scale(g, g, r.share[p])
			f.m.Gate.Backward(drow[:inner], drow[inner:], g, row[:inner], row[inner:])
		}
	})
	dxs := dys // read for the last time above
	r.each(f.m.Experts, func(e Expert, from, n int) {
		col := 0
		for i, w := range e.GateUp {
			d := gemm.F32Stride(dgu[from*2*inner+col:], n, w.Weight.Rows, 2*inner)
			gemm.Gemm(dxs[from*hidden:], hidden, d, w.Weight.matrix(), i > 0)
			col += w.Weight.Rows
		}
	})
	parallel.For(rows, rowGrain(k*hidden), func(lo, hi int) {
		for t := lo; t < hi; t++ {
			row := dx[t*hidden : (t+1)*hidden]
			clear(row)
			for _, p := range r.place[t*k : (t+1)*k] {
				vec.Add(row, row, dxs[int(p)*hidden:(int(p)+1)*hidden])
			}
		}
	})
	gemm.Gemm(dx, hidden, gemm.F32(f.routerGradient(r, dshare, rows), rows, len(f.m.Experts)), f.m.Router.Weight.matrix(), true)
	return out, nil
}

// routerGradient is the gradient by the router's logits (tokens, experts): that of a softmax whose
// gradient is 0 for the experts that were not picked.
func (o *mixture) routerGradient(r *routes, dshare []float32, rows int) []float32 {
	n, k := len(o.m.Experts), r.topK
	d := make([]float32, rows*n)
	parallel.For(rows, 64, func(lo, hi int) {
		for t := lo; t < hi; t++ {
			var mean float32
			row := d[t*n : (t+1)*n]
			for _, p := range r.place[t*k : (t+1)*k] {
				e := r.expert(int(p))
				row[e] = dshare[p]
				mean += float32(r.share[p] * dshare[p])
			}
			for e := range row {
				row[e] = r.probs[t*n+e] * (row[e] - mean)
			}
		}
	})
	return d
}

// expert returns the expert of a pair.
func (r *routes) expert(pair int) int {
	e, _ := slices.BinarySearch(r.first, pair+1)
	return e - 1
}
