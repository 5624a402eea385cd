package ops

import (
	"gorgonia.org/gorgonia"

	"github.com/cultivar/cultivar/internal/kernels/attention"
	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/internal/parallel"
)

// selfAttention rotates queries and keys and attends within each sequence of the layout.
// Input: (tokens, (Heads + 2·KVHeads)·HeadDim) = [q | k | v]. Output: (tokens, Heads·HeadDim).
type selfAttention struct {
	base
	run *Run
	cfg attention.Config

	sinks *Weight // (1, Heads): a score of every head's that no value goes with; nil for none
}

// AttentionWithSinks is Attention with one more score in the softmax of every query, that of the
// head's sink, which takes weight and adds nothing (Xiao et al., arXiv:2309.17453; gpt-oss).
func (b *Builder) AttentionWithSinks(qkv *gorgonia.Node, cfg attention.Config, sinks *Weight) *gorgonia.Node {
	return b.apply(&selfAttention{base{name: b.unique("attention"), arity: 1, cols: cfg.Heads * cfg.HeadDim}, b.run, cfg, sinks}, qkv)
}

// sink adds the sinks to what attention without them gives: with l the log-sum-exp of a row's scores
// and l' that with the sink, the weights, and so the row, shrink by e^(l−l'). The backward pass is the
// same as without, of the new row and l'.
func (o *selfAttention) sink(out, lse []float32, rows int) {
	n, dim := o.cfg.Heads, o.cfg.HeadDim
	parallel.For(rows, rowGrain(n*dim), func(lo, hi int) {
		for i := lo * n; i < hi*n; i++ {
			l, s := float64(lse[i]), float64(o.sinks.vector()[i%n])
			m := max(l, s)
			all := m + vec.Log64(vec.Exp64(l-m)+vec.Exp64(s-m))
			lse[i] = float32(all)
			row := out[i*dim : (i+1)*dim]
			vec.Scale(row, row, float32(vec.Exp64(l-all)))
		}
	})
}

// Attention attends over qkv, which it turns in place: nothing else may read it.
func (b *Builder) Attention(qkv *gorgonia.Node, cfg attention.Config) *gorgonia.Node {
	return b.apply(&selfAttention{base{name: b.unique("attention"), arity: 1, cols: cfg.Heads * cfg.HeadDim}, b.run, cfg, nil}, qkv)
}

// widths returns the columns of q, and of k and of v.
func (o *selfAttention) widths() (q, kv int) {
	return o.cfg.Heads * o.cfg.HeadDim, o.cfg.KVHeads * o.cfg.HeadDim
}

// Do implements gorgonia.Op.
func (o *selfAttention) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	rows, cols := dims(inputs[0])
	qw, kvw := o.widths()
	qkv := floats(inputs[0])
	if o.run.Rope != nil {
		o.run.Rope.rotate(qkv, cols, qw, kvw, o.run.Layout, false)
	}
	at := func(col int) attention.Heads { return attention.Heads{Data: qkv[col:], Stride: cols} }
	out := o.run.arena.matrix(rows, qw)
	y := attention.Heads{Data: out.Float32s(), Stride: qw}
	lse := o.run.arena.keep(o.name+" lse", rows*o.cfg.Heads)
	if o.run.Caches == nil {
		attention.Forward(y, lse, at(0), at(qw), at(qw+kvw), o.run.Layout.Segments, o.cfg)
	}
	for i, s := range o.run.Layout.Segments {
		if o.run.Caches == nil {
			break
		}
		k, v := o.run.Caches[i].append(qkv[s.Q0*cols:], s.Q1-s.Q0, cols, qw, kvw)
		attention.Forward(y, lse, at(0), k, v, o.run.Layout.Segments[i:i+1], o.cfg)
	}
	if o.sinks != nil {
		o.sink(out.Float32s(), lse, rows)
	}
	return out, nil
}

// DiffWRT implements gorgonia.SDOp.
func (*selfAttention) DiffWRT(int) []bool { return []bool{true} }

// SymDiff implements gorgonia.SDOp.
func (o *selfAttention) SymDiff(inputs gorgonia.Nodes, out, dy *gorgonia.Node) (gorgonia.Nodes, error) {
	back := &attentionBackward{derivative{base{name: "∂x " + o.name, arity: 3, cols: inputs[0].Shape()[1]}}, o}
	return gorgonia.Nodes{o.run.builder.apply(back, dy, out, inputs[0])}, nil
}

type attentionBackward struct {
	derivative
	fwd *selfAttention
}

// Do implements gorgonia.Op.
func (o *attentionBackward) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	f := o.fwd
	rows, _ := dims(inputs[0])
	qw, kvw := f.widths()
	cols := o.cols
	qkv := floats(inputs[2]) // turned
	lse := f.run.arena.recall(f.name+" lse", rows*f.cfg.Heads)
	grad := f.run.arena.matrix(rows, cols)
	d := grad.Float32s()
	heads := func(data []float32, at int) attention.Heads { return attention.Heads{Data: data[at:], Stride: cols} }
	dout := attention.Heads{Data: floats(inputs[0]), Stride: qw}
	out := attention.Heads{Data: floats(inputs[1]), Stride: qw}
	attention.Backward(heads(d, 0), heads(d, qw), heads(d, qw+kvw), dout, out, lse,
		heads(qkv, 0), heads(qkv, qw), heads(qkv, qw+kvw), f.run.Layout.Segments, f.cfg)
	if f.run.Rope != nil {
		f.run.Rope.rotate(d, cols, qw, kvw, f.run.Layout, true)
	}
	return grad, nil
}
