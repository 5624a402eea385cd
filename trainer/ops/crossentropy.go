package ops

import (
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/cultivar/cultivar/internal/kernels/gemm"
	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/internal/parallel"
)

// LogitRows is how many rows of logits exist at a time at most: the logits of a whole batch never do. As
// many as take 147 MB, 746 of a vocabulary of 49,152, since the vocabulary projection is read and packed
// anew for each lot. They lie in memory that is idle then, the scratch of the layers.
func LogitRows(vocab int) int { return min(max(35<<20/vocab, 64), 1024) }

// LogitFloats is how many floats the logits take that exist at a time, for up to a number of rows in all.
func LogitFloats(vocab, rows int) int { return min(rows, LogitRows(vocab)) * logitStride(vocab) }

// logitStride is how far apart rows of logits begin: not by a large power of two, as many a vocabulary would
// have it, for then the rows' elements compete for the same places in the caches.
func logitStride(vocab int) int { return vocab + 16 }

// HeadConfig is what a family does to its logits.
type HeadConfig struct {
	LogitScale float32 // multiplies the logits; 0 means 1
	SoftCap    float32 // cap·tanh(logit/cap); 0 means none
}

// crossEntropy is Σ −log softmax(h·Wᵀ)[label] over the rows, times Run.LossScale, as a 1×1
// matrix. The gradient of h is computed in the same pass over the logits and kept for the backward
// operator, which saves computing the logits twice (as Liger kernel's fused linear cross-entropy).
type crossEntropy struct {
	base
	run    *Run
	weight *Weight // (vocabulary, hidden)
	cfg    HeadConfig
	grad   bool
}

// CrossEntropy is the loss of hidden states h (rows, hidden) under the labels of the Run.
// Every row must have a label.
func (b *Builder) CrossEntropy(h *gorgonia.Node, w *Weight, cfg HeadConfig, grad bool) *gorgonia.Node {
	op := &crossEntropy{base{name: "cross-entropy " + w.Name, arity: 1, cols: 1, rows: fixedRows(1)}, b.run, w, cfg, grad}
	if w.Trainable() {
		op.arity = 2
		return b.apply(op, h, w.node)
	}
	return b.apply(op, h)
}

// Do implements gorgonia.Op.
func (o *crossEntropy) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	rows, hidden := dims(inputs[0])
	h, stride := floats(inputs[0]), logitStride(o.weight.Rows)
	lots := (rows + LogitRows(o.weight.Rows) - 1) / LogitRows(o.weight.Rows)
	atOnce := (rows + lots - 1) / lots
	logits := o.run.arena.temporary(atOnce * stride)
	var dh []float32
	if o.grad {
		dh = o.run.arena.keep(o.name+" grad", rows*hidden)
	}
	scales := o.scales(h, rows, logits)
	for lo := 0; lo < rows; lo += atOnce {
		hi := min(lo+atOnce, rows)
		chunk := o.logits(logits, h, lo, hi)
		parallel.For(hi-lo, 1, func(a, b int) {
			for r := a; r < b; r++ {
				o.row(logits[r*stride:][:o.weight.Rows], lo+r, scales)
			}
		})
		if !o.grad {
			continue
		}
		dlogits := gemm.F32Stride(logits, hi-lo, o.weight.Rows, stride)
		gemm.Gemm(dh[lo*hidden:], hidden, dlogits, o.weight.matrix(), false)
		if o.weight.Trainable() {
			gemm.Gemm(o.weight.param.Grad, hidden, dlogits.T(), chunk, true)
		}
	}
	out := o.run.arena.matrix(1, 1)
	var sum float64
	for _, nll := range o.run.NLL[:rows] {
		sum += nll
	}
	out.Float32s()[0] = float32(sum) * o.run.LossScale
	return out, nil
}

// logits computes the logits of rows lo to hi of h, which it returns.
func (o *crossEntropy) logits(dst, h []float32, lo, hi int) gemm.Matrix {
	hidden := o.weight.Cols
	chunk := gemm.F32(h[lo*hidden:hi*hidden], hi-lo, hidden)
	logits(dst, logitStride(o.weight.Rows), chunk, o.weight.matrix(), o.cfg)
	return chunk
}

// scales asks Run.Weigh for the weight of each row's loss, for which it needs all the losses: the
// logits are computed twice. Without Weigh it returns nil.
func (o *crossEntropy) scales(h []float32, rows int, logits []float32) []float32 {
	if o.run.Weigh == nil || !o.grad {
		return nil
	}
	stride := logitStride(o.weight.Rows)
	atOnce := len(logits) / stride
	for lo := 0; lo < rows; lo += atOnce {
		hi := min(lo+atOnce, rows)
		o.logits(logits, h, lo, hi)
		parallel.For(hi-lo, 1, func(a, b int) {
			for r := a; r < b; r++ {
				o.loss(logits[r*stride:][:o.weight.Rows], lo+r)
			}
		})
	}
	scales := o.run.arena.keep(o.name+" scales", rows)
	o.run.Weigh(o.run.NLL[:rows], scales)
	return scales
}

// loss records the loss of one row and returns the log-sum-exp of its logits.
func (o *crossEntropy) loss(logits []float32, r int) float32 {
	lse := vec.LogSumExp(logits)
	o.run.NLL[r] = float64(lse) - float64(logits[o.run.Labels[r]])
	return lse
}

// Logits computes h·Wᵀ and what the family does to it into dst (rows, vocabulary).
func Logits(dst []float32, h, w gemm.Matrix, cfg HeadConfig) { logits(dst, w.Rows, h, w, cfg) }

func logits(dst []float32, stride int, h, w gemm.Matrix, cfg HeadConfig) {
	gemm.Gemm(dst, stride, h, w.T(), false)
	x := dst[:(h.Rows-1)*stride+w.Rows]
	if cfg.LogitScale != 0 {
		scale(x, cfg.LogitScale)
	}
	if c := cfg.SoftCap; c != 0 {
		parallel.For(len(x), elementGrain, func(lo, hi int) {
			vec.Scale(x[lo:hi], x[lo:hi], 1/c)
			vec.Tanh(x[lo:hi], x[lo:hi])
			vec.Scale(x[lo:hi], x[lo:hi], c)
		})
	}
}

// row records the loss of one row and turns its logits into their gradient.
func (o *crossEntropy) row(logits []float32, r int, scales []float32) {
	lse := o.loss(logits, r)
	if o.run.Record != nil {
		o.run.Record.record(logits, r)
		return
	}
	s := o.run.LossScale
	if scales != nil {
		s = scales[r]
	}
	if o.cfg.LogitScale != 0 {
		s *= o.cfg.LogitScale
	}
	slope := o.slope(logits)
	switch {
	case o.run.Teacher != nil:
		o.taught(logits, r, lse, s)
	case o.grad:
		vec.CrossEntropyBackward(logits, int(o.run.Labels[r]), lse, s)
	}
	if slope != nil {
		vec.Mul(logits, logits, slope)
	}
}

// slope is the derivative of cap·tanh(x/cap) where its value is given, 1 − (y/cap)²; nil without a
// gradient or a cap.
func (o *crossEntropy) slope(logits []float32) []float32 {
	c := o.cfg.SoftCap
	if c == 0 || !o.grad {
		return nil
	}
	slope := make([]float32, len(logits))
	for i, y := range logits {
		t := y / c
		slope[i] = 1 - float32(t*t)
	}
	return slope
}

// DiffWRT implements gorgonia.SDOp.
func (*crossEntropy) DiffWRT(inputs int) []bool { return slices.Repeat([]bool{true}, inputs) }

// SymDiff implements gorgonia.SDOp.
func (o *crossEntropy) SymDiff(inputs gorgonia.Nodes, loss, dloss *gorgonia.Node) (gorgonia.Nodes, error) {
	b := o.run.builder
	back := &crossEntropyBackward{derivative{base{name: "∂x " + o.name, arity: 3, cols: o.weight.Cols}}, o}
	grads := gorgonia.Nodes{b.apply(back, inputs[0], loss, dloss)}
	if o.weight.Trainable() {
		grads = append(grads, b.handOut(o.weight, loss, dloss)) // the forward pass has added it up already
	}
	return grads, nil
}

type crossEntropyBackward struct {
	derivative
	fwd *crossEntropy
}

// Do implements gorgonia.Op.
func (o *crossEntropyBackward) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	rows, cols := dims(inputs[0])
	out := o.fwd.run.arena.matrix(rows, cols)
	copy(out.Float32s(), o.fwd.run.arena.recall(o.fwd.name+" grad", rows*cols))
	scale(out.Float32s(), floats(inputs[2])[0])
	return out, nil
}
