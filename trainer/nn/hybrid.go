package nn

import "github.com/cultivar/cultivar/trainer/ops"

// CausalConv convolves every column of x with the filters of a module of kernel taps and applies SiLU
// where it is asked for.
func (l *Layer) CausalConv(x *Node, module string, kernel int, bias, silu bool) *Node {
	channels := x.Shape()[1]
	w := l.Weights.Filters(l.Builder, module+".weight", channels, kernel)
	var b *ops.Weight
	if bias {
		b = l.Weights.FrozenVector(l.Builder, module+".bias", channels)
	}
	return l.Builder.CausalConv(x, w, b, silu)
}

// ShortConv is the block of LFM2 (transformers models/lfm2/modeling_lfm2.py, Lfm2ShortConv): of
// [b | c | x], which one module computes, c·conv(b·x) goes through another.
func (l *Layer) ShortConv(x *Node, module string, kernel int, bias bool) *Node {
	n := x.Shape()[1]
	bcx := l.LinearBias(x, bias, module+".in_proj")
	MustHave(bcx, 3*n, module+".conv")
	third := func(i int) *Node { return l.Columns(bcx, ops.Columns{From: i * n, Count: n}) }
	h := l.GatedBy(third(2), third(0), ops.Product)
	h = l.GatedBy(l.CausalConv(h, module+".conv", kernel, bias, false), third(1), ops.Product)
	return l.LinearBias(h, bias, module+".out_proj")
}

// SigmoidRouter is how LFM2 weighs experts, see [ops.SigmoidRouter].
type SigmoidRouter struct {
	Bias  string // the name of a vector; "" for none
	Scale float32
}

// sigmoid looks up what the router of experts needs.
func (l *Layer) sigmoid(e Experts) *ops.SigmoidRouter {
	if e.Sigmoid == nil {
		return nil
	}
	r := &ops.SigmoidRouter{Scale: e.Sigmoid.Scale}
	if e.Sigmoid.Bias != "" {
		r.Bias = l.Weights.FrozenVector(l.Builder, e.Sigmoid.Bias, e.Count)
	}
	return r
}
