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

// product writes the results of n rows of x to y, whose rows are stride apart.
func (a Affine) product(y []float32, stride int, x []float32, n int) gemm.Product {
	p := gemm.Product{C: y, Stride: stride, Terms: []gemm.Term{{A: gemm.F32(x, n, a.Weight.Cols), B: a.Weight.matrix().T()}}}
	if a.Bias != nil {
		p.Bias = a.Bias.vector()
	}
	return p
}

// Mixture is a layer of experts of which a router picks TopK for every token (Shazeer et al.,
// arXiv:1701.06538). Its weights are frozen, and may have updates.
type Mixture struct {
	Router  Affine // (experts, hidden)
	Experts []Expert
	TopK    int
	// Normalise makes the weights of the picked experts sum to one; otherwise they are their shares
	// of the softmax over all experts.
	Normalise bool
	Gate      Gate
	Sigmoid   *SigmoidRouter // nil for a softmax

	RouterLoRA, GateUpLoRA, DownLoRA *StackedLoRA // nil when not targeted; the router's is of one matrix
	// Interleaved tells that the outputs of GateUp's matrices alternate among the rows of GateUpLoRA's B,
	// instead of standing one matrix after the other.
	Interleaved bool
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
	inputs := gorgonia.Nodes{x}
	for _, w := range m.factors() {
		inputs = append(inputs, w.node)
	}
	op := &mixture{
		base{name: b.unique("experts"), arity: len(inputs), cols: m.Router.Weight.Cols},
		b.run, m, m.Experts[0].Down.Weight.Cols, make(map[*Arena]*routes),
	}
	return b.apply(op, inputs...)
}

// routes says which experts a micro-batch's tokens go to. A pair is a token and one of its experts;
// pairs are sorted by expert, then token.
type routes struct {
	topK  int
	probs []float32 // (tokens, experts) softmax, or with Normalise that of the picked ones and 0; or sigmoids
	row   []int32   // of each pair
	place []int32   // (tokens, TopK): each token's pairs, ascending by expert
	share []float32 // of each pair: the expert's weight
	first []int     // first pair of each expert, and the number of pairs
}

// route picks the experts of every token. Of equal logits the lower expert wins.
func (o *mixture) route(x []float32, rows int) *routes {
	n := len(o.m.Experts)
	r := &routes{topK: o.m.TopK, probs: make([]float32, rows*n), first: make([]int, n+1)}
	u := o.newLowRank(o.m.RouterLoRA, all(rows), rows, false)
	u.computeDown(x)
	gemm.Group(u.forward(o.m.Router.product(r.probs, n, x, rows), 0, 0, rows, stripe{0, 1, n}))
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
	if o.m.Sigmoid != nil {
		o.weigh(r)
	}
	return r
}

// pick turns a token's logits into weights and lists its experts, ascending.
func (o *mixture) pick(logits []float32, order, picked []int32) {
	if o.m.Sigmoid != nil {
		o.m.Sigmoid.pick(logits, order, picked)
		return
	}
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
func (r *routes) each(body func(expert, from, n int)) {
	for e := range len(r.first) - 1 {
		if n := r.first[e+1] - r.first[e]; n > 0 {
			body(e, r.first[e], n)
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
	o.first(gateUp, xs, o.newLowRank(o.m.GateUpLoRA, r, rows, false))
	o.activate(hs, gateUp)
	o.second(ys, hs, o.newLowRank(o.m.DownLoRA, r, rows, false))
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

// first computes gate and up of all pairs.
func (o *mixture) first(gateUp, xs []float32, u *lowRank) {
	hidden, width := o.cols, 2*o.inner
	u.computeDown(xs)
	var products []gemm.Product
	u.r.each(func(e, from, n int) {
		col := from * width
		for i, s := range o.m.stripes(o.m.Experts[e]) {
			p := o.m.Experts[e].GateUp[i].product(gateUp[col:], width, xs[from*hidden:], n)
			products = append(products, u.forward(p, e, from, n, s))
			col += s.n
		}
	})
	gemm.Group(products...)
}

// second computes the results of all pairs.
func (o *mixture) second(ys, hs []float32, u *lowRank) {
	hidden, inner := o.cols, o.inner
	u.computeDown(hs)
	var products []gemm.Product
	u.r.each(func(e, from, n int) {
		p := o.m.Experts[e].Down.product(ys[from*hidden:], hidden, hs[from*inner:], n)
		products = append(products, u.forward(p, e, from, n, stripe{0, 1, hidden}))
	})
	gemm.Group(products...)
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
