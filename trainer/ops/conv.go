package ops

import (
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/internal/parallel"
)

// causalConv is a depthwise convolution over the tokens of each sequence. Its result is computed again
// from x where the backward pass needs it.
type causalConv struct {
	base
	run  *Run
	taps taps
	silu bool
}

// CausalConv convolves every column of x (tokens, channels) with a filter of its own, and perhaps
// applies SiLU: y[t] = act(bias + Σ_k w[k]·x[t−K+1+k]) for the K rows of w (K, channels), the last
// of which is for the token itself. What is before the start of a sequence counts as 0. Bias may be
// nil; w and bias must be frozen.
func (b *Builder) CausalConv(x *gorgonia.Node, w, bias *Weight, silu bool) *gorgonia.Node {
	t := b.taps(w, bias)
	return b.apply(&causalConv{base{name: "conv " + w.Name, arity: 1, cols: w.Cols}, b.run, t, silu}, x)
}

// Do implements gorgonia.Op.
func (o *causalConv) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	rows, cols := dims(inputs[0])
	out := o.run.arena.matrix(rows, cols)
	x, y := floats(inputs[0]), out.Float32s()
	if o.silu {
		o.taps.convolve(y, x, func(_ int, z, scratch []float32) {
			vec.Sigmoid(scratch, z)
			vec.Mul(z, z, scratch)
		})
	} else {
		o.taps.convolve(y, x, func(int, []float32, []float32) {})
	}
	o.taps.remember(x)
	return out, nil
}

// again implements cheap.
func (o *causalConv) again() op {
	return &causalConvAgain{derivative{base{name: "again " + o.name, arity: 2, cols: o.cols}}, o}
}

type causalConvAgain struct {
	derivative
	conv *causalConv
}

// Do implements gorgonia.Op.
func (o *causalConvAgain) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	return o.conv.Do(inputs[0])
}

// DiffWRT implements gorgonia.SDOp.
func (*causalConv) DiffWRT(int) []bool { return []bool{true} }

// SymDiff implements gorgonia.SDOp.
func (o *causalConv) SymDiff(inputs gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	back := &causalConvBackward{derivative{base{name: "∂x " + o.name, arity: 1, cols: o.cols}}, o}
	b := o.run.builder
	if !o.silu { // the gradient does not depend on x
		return gorgonia.Nodes{b.apply(back, dy)}, nil
	}
	back.arity = 2
	return gorgonia.Nodes{b.apply(back, dy, b.again(inputs[0], dy))}, nil
}

type causalConvBackward struct {
	derivative
	fwd *causalConv
}

// Do implements gorgonia.Op.
func (o *causalConvBackward) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	f := o.fwd
	rows, cols := dims(inputs[0])
	out := f.run.arena.matrix(rows, cols)
	dz, dx := floats(inputs[0]), out.Float32s()
	if f.silu {
		z := f.run.arena.matrix(rows, cols).Float32s()
		dy := dz
		f.taps.convolve(z, floats(inputs[1]), func(t int, z, scratch []float32) {
			vec.SiLUMulBackward(z, scratch, scratch, dy[t*cols:(t+1)*cols], z, f.taps.ones)
		})
		dz = z
	}
	f.taps.correlate(dx, dz)
	return out, nil
}

// taps is the weights of a convolution, for the operators that convolve.
type taps struct {
	run    *Run
	weight *Weight // (kernel, channels)
	bias   *Weight // (1, channels), or nil
	ones   []float32
}

func (b *Builder) taps(w, bias *Weight) taps {
	if w.Trainable() || bias != nil && (bias.Trainable() || bias.Cols != w.Cols) {
		panic("ops: cannot convolve with " + w.Name)
	}
	return taps{b.run, w, bias, slices.Repeat([]float32{1}, w.Cols)}
}

// convolve sets z[t] = bias + Σ_k w[k]·x[t−K+1+k]. The terms are rounded and added for k ascending;
// those of rows before the sequence are added as well, so that it makes no difference whether a row
// does not exist or is remembered as 0. After each row, then is called for it, with scratch of its
// width.
func (c taps) convolve(z, x []float32, then func(t int, z, scratch []float32)) {
	kernel, n := c.weight.Rows, c.weight.Cols
	w, segments, states := c.weight.vector(), c.run.Layout.Segments, c.states()
	parallel.For(len(x)/n, rowGrain(kernel*n), func(lo, hi int) {
		scratch := borrow(2 * n)
		defer scratch.release()
		term, zeros := scratch.floats[:n], scratch.floats[n:]
		clear(zeros)
		for t := lo; t < hi; t++ {
			row := z[t*n : (t+1)*n]
			if c.bias != nil {
				copy(row, c.bias.vector())
			} else {
				clear(row)
			}
			i := segmentOf(segments, t)
			for k := range kernel {
				from, seen := t-kernel+1+k, zeros
				if back := segments[i].Q0 - from; back <= 0 {
					seen = x[from*n : (from+1)*n]
				} else if states != nil {
					seen = states[i][(kernel-1-back)*n:][:n]
				}
				vec.Mul(term, w[k*n:(k+1)*n], seen)
				vec.Add(row, row, term)
			}
			then(t, row, term)
		}
	})
}

// states returns the last kernel−1 rows of each segment's sequence, in their order; nil without
// caches.
func (c taps) states() [][]float32 {
	var list [][]float32
	for _, cache := range c.run.Caches {
		list = append(list, cache.state(c.weight.Name, (c.weight.Rows-1)*c.weight.Cols))
	}
	return list
}

// remember keeps the last rows of every segment for the tokens that follow.
func (c taps) remember(x []float32) {
	n := c.weight.Cols
	for i, state := range c.states() {
		s := c.run.Layout.Segments[i]
		rows := x[s.Q0*n : s.Q1*n]
		rows = rows[max(0, len(rows)-len(state)):]
		copy(state, state[len(rows):])
		copy(state[len(state)-len(rows):], rows)
	}
}

// correlate is the gradient of convolve by x: dx[t] = Σ_s w[K−1−(s−t)]·dz[s] over the rows s of the
// same segment from t on, ascending.
func (c taps) correlate(dx, dz []float32) {
	kernel, n := c.weight.Rows, c.weight.Cols
	w := c.weight.vector()
	parallel.For(len(dx)/n, rowGrain(kernel*n), func(lo, hi int) {
		scratch := borrow(n)
		defer scratch.release()
		term := scratch.floats
		for t := lo; t < hi; t++ {
			row := dx[t*n : (t+1)*n]
			clear(row)
			end := c.run.Layout.Segments[segmentOf(c.run.Layout.Segments, t)].Q1
			for s := t; s < min(t+kernel, end); s++ {
				k := kernel - 1 - (s - t)
				vec.Mul(term, w[k*n:(k+1)*n], dz[s*n:(s+1)*n])
				vec.Add(row, row, term)
			}
		}
	})
}
