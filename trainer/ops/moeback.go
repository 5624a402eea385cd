package ops

import (
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/cultivar/cultivar/internal/kernels/gemm"
	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/internal/parallel"
)

// DiffWRT implements gorgonia.SDOp.
func (o *mixture) DiffWRT(inputs int) []bool { return slices.Repeat([]bool{true}, inputs) }

// SymDiff implements gorgonia.SDOp.
func (o *mixture) SymDiff(inputs gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	back := &mixtureBackward{derivative{base{name: "∂x " + o.name, arity: 2, cols: o.cols}}, o}
	dx := o.run.builder.apply(back, dy, inputs[0])
	return o.handOn(gorgonia.Nodes{dx}, dx), nil
}

// mixtureBackward computes the gradient by x and adds up those of the experts' factors.
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
	dhs := f.run.arena.matrix(rows, k*inner).Float32s()
	r.gather(dys, dy, hidden)
	dshare := make([]float32, len(r.row))
	down := f.newLowRank(f.m.DownLoRA, r, rows, true)
	f.backSecond(dhs, dshare, dys, down)
	parallel.For(len(r.row), rowGrain(inner), func(lo, hi int) {
		memory := borrow(inner)
		defer memory.release()
		h := memory.floats
		for p := lo; p < hi; p++ {
			g, gate, up := dhs[p*inner:(p+1)*inner], gateUp[2*p*inner:(2*p+1)*inner], gateUp[(2*p+1)*inner:(2*p+2)*inner]
			vec.Scale(h, g, r.share[p])
			f.m.Gate.Backward(gate, up, h, h, gate, up)
			dshare[p] += vec.Dot(h, g)
			copy(g, h)
		}
	})
	hs, dgu := dhs, gateUp // what they have become
	gate := f.newLowRank(f.m.GateUpLoRA, r, rows, true)
	down.computeDown(hs)
	down.weigh()
	down.accumulate(hs, dys, hidden, []stripe{{0, 1, hidden}})
	dxs := dys // read for the last time above
	f.backFirst(dxs, dgu, gate)
	parallel.For(rows, rowGrain(k*hidden), func(lo, hi int) {
		for t := lo; t < hi; t++ {
			row := dx[t*hidden : (t+1)*hidden]
			clear(row)
			for _, p := range r.place[t*k : (t+1)*k] {
				vec.Add(row, row, dxs[int(p)*hidden:(int(p)+1)*hidden])
			}
		}
	})
	f.backRouter(dx, f.routerGradient(r, dshare, rows), floats(inputs[1]), rows)
	if gate.StackedLoRA != nil {
		xs := dxs // added up above
		r.gather(xs, floats(inputs[1]), hidden)
		gate.computeDown(xs)
		gate.accumulate(xs, dgu, 2*inner, f.m.stripes(f.m.Experts[0]))
	}
	return out, nil
}

// backSecond computes g, the gradients of what the experts' down matrices read, were each expert's
// weight 1, and what their biases add to the gradients by the weights.
func (o *mixture) backSecond(g, dshare, dys []float32, u *lowRank) {
	hidden, inner := o.cols, o.inner
	u.computeUp(dys, hidden, []stripe{{0, 1, hidden}})
	var products []gemm.Product
	u.r.each(func(e, from, n int) {
		down := o.m.Experts[e].Down
		products = append(products, u.backward(gemm.Product{
			C: g[from*inner:], Stride: inner,
			Terms: []gemm.Term{{A: gemm.F32(dys[from*hidden:], n, hidden), B: down.Weight.matrix()}},
		}, e, from, n))
		for p := from; p < from+n && down.Bias != nil; p++ {
			dshare[p] = vec.Dot(dys[p*hidden:(p+1)*hidden], down.Bias.vector())
		}
	})
	gemm.Group(products...)
}

// backFirst computes the gradients of the pairs' inputs: what comes through gate, up and then the update.
func (o *mixture) backFirst(dxs, dgu []float32, u *lowRank) {
	hidden, width := o.cols, 2*o.inner
	u.computeUp(dgu, width, o.m.stripes(o.m.Experts[0]))
	var products []gemm.Product
	u.r.each(func(e, from, n int) {
		p := gemm.Product{C: dxs[from*hidden:], Stride: hidden}
		col := from * width
		for _, w := range o.m.Experts[e].GateUp {
			p.Terms = append(p.Terms, gemm.Term{A: gemm.F32Stride(dgu[col:], n, w.Weight.Rows, width), B: w.Weight.matrix()})
			col += w.Weight.Rows
		}
		products = append(products, u.backward(p, e, from, n))
	})
	gemm.Group(products...)
}

// backRouter adds to dx what comes through the router, whose logits have the gradient d.
func (o *mixture) backRouter(dx, d, x []float32, rows int) {
	n, hidden := len(o.m.Experts), o.cols
	u := o.newLowRank(o.m.RouterLoRA, all(rows), rows, true)
	outputs := []stripe{{0, 1, n}}
	u.computeUp(d, n, outputs)
	gemm.Group(u.backward(gemm.Product{
		C: dx, Stride: hidden, Accumulate: true,
		Terms: []gemm.Term{{A: gemm.F32(d, rows, n), B: o.m.Router.Weight.matrix()}},
	}, 0, 0, rows))
	u.computeDown(x)
	u.accumulate(x, d, n, outputs)
}

// routerGradient is the gradient by the router's logits (tokens, experts): that of a softmax whose
// gradient is 0 for the experts that were not picked.
func (o *mixture) routerGradient(r *routes, dshare []float32, rows int) []float32 {
	if o.m.Sigmoid != nil {
		return o.sigmoidGradient(r, dshare, rows)
	}
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
