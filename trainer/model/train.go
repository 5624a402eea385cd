package model

import (
	"context"
	"errors"
	"fmt"

	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/internal/parallel"
	"github.com/cultivar/cultivar/trainer/ops"
)

// MicroBatch is what one forward and backward pass sees.
type MicroBatch struct {
	Tokens    []int32 // (rows)
	Layout    ops.Layout
	Rows      []int32 // the rows that have a label, ascending
	Labels    []int32 // of those rows
	LossScale float32 // 1 / number of labels in the whole step
	// Weigh, unless nil, weighs each label's loss instead, see [ops.Run].
	Weigh func(nll []float64, scales []float32)
	// Teacher, unless nil, has what each label's row is held to beside the label.
	Teacher *ops.Teacher
	Seed    uint64 // of dropout
	Step    uint64
}

// Trainer runs forward and backward passes. Gradients are summed into the attachment's parameters.
type Trainer struct {
	model *Model
	first int // the lowest layer in which, or below which, something is trained
	// Layers below this one compute their forward pass twice.
	recompute int
	pass      *forwardPass   // of the layers before first, of the head, and of evaluation
	arenas    []*ops.Arena   // of each layer from first on; those that recompute share one
	machines  []*ops.Machine // likewise
	hidden    []float32      // the memory of those that follow: large, instead of many that are not
	inputs    [][]float32    // of each layer from first on, and the output of the last
	grads     [2][]float32   // of inputs, alternating
}

// NewTrainer returns a trainer for the model. The first recompute layers keep nothing of their
// forward pass but its input, and run it twice (Chen et al., arXiv:1604.06174); the others keep what
// their backward pass reads. The bits are the same.
func (m *Model) NewTrainer(recompute int) (*Trainer, error) {
	t := &Trainer{
		model: m, first: m.firstTrained(), recompute: recompute, pass: m.newForwardPass(),
		arenas: make([]*ops.Arena, len(m.layers)), machines: make([]*ops.Machine, len(m.layers)),
		inputs: make([][]float32, len(m.layers)+1),
	}
	shared := make(map[tapeKey]*ops.Arena)
	for i := t.first; i < len(m.layers); i++ {
		key := t.key(i)
		tape, err := m.tape(key)
		if err != nil {
			return nil, err
		}
		a := shared[key]
		if a == nil || i >= recompute {
			a = ops.NewArena(tape.Plan(), t.pass.scratch)
			shared[key] = a
		}
		t.arenas[i], t.machines[i] = a, tape.NewMachine(a)
	}
	return t, nil
}

// Reserve takes the memory for micro-batches of up to rows tokens at once, so that what smaller ones
// took before does not linger.
func (t *Trainer) Reserve(rows int) {
	t.resize(rows)
	t.pass.scratch.Reserve(ops.LogitFloats(t.model.Vocab(), rows))
	for _, a := range t.arenas[t.first:] {
		a.Reserve(rows)
	}
}

// resize makes the hidden states and their gradients rows long.
func (t *Trainer) resize(rows int) {
	n := rows * t.model.Config.HiddenSize
	t.hidden = sized(t.hidden, (len(t.model.layers)-t.first+1+len(t.grads))*n)
	part := func(i int) []float32 { return t.hidden[i*n : (i+1)*n : (i+1)*n] }
	t.grads[0], t.grads[1] = part(0), part(1)
	for i := t.first; i <= len(t.model.layers); i++ {
		t.inputs[i] = part(len(t.grads) + i - t.first)
	}
}

// Evaluator returns an evaluator that shares the trainer's memory: they run one after the other.
func (t *Trainer) Evaluator() *Evaluator { return &Evaluator{pass: t.pass} }

// firstTrained is the lowest layer in which something is trained: 0 when the embedding is.
func (m *Model) firstTrained() int {
	if m.embed.param != nil {
		return 0
	}
	for i, b := range m.layers {
		for _, w := range b {
			if w.param != nil {
				return i
			}
		}
	}
	return len(m.layers)
}

// key names the tape of a layer. Nothing below the first trained layer needs a gradient.
func (t *Trainer) key(layer int) tapeKey {
	grads := ops.OfWeightsInput
	if layer == t.first && t.model.embed.param == nil {
		grads = ops.OfWeights
	}
	return tapeKey{t.model.shape[layer], grads}
}

// Bytes is the memory that activations take now.
func (t *Trainer) Bytes() int64 {
	n := t.pass.arena.Bytes() + t.pass.scratch.Bytes() + 4*int64(len(t.hidden))
	counted := make(map[*ops.Arena]bool)
	for _, a := range t.arenas[t.first:] {
		if !counted[a] {
			counted[a] = true
			n += a.Bytes()
		}
	}
	return n
}

// Step runs a micro-batch forward and backward and returns the negative log-likelihood of each label. It
// ends between two layers when ctx is done; gradients are spoilt then.
func (t *Trainer) Step(ctx context.Context, mb *MicroBatch) ([]float64, error) {
	if len(mb.Rows) == 0 {
		return nil, errors.New("no row of the micro-batch has a label")
	}
	m := t.model
	if err := m.checkTokens(mb.Tokens); err != nil {
		return nil, err
	}
	m.growRope(mb.Layout.Longest())
	if err := t.start(ctx, mb); err != nil {
		return nil, err
	}
	for i := t.first; i < len(m.layers); i++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := t.forward(i, mb); err != nil {
			return nil, err
		}
	}
	nll, dx, err := t.loss(mb)
	if err != nil {
		return nil, err
	}
	held := make(map[*ops.Arena]bool) // arenas that have served a layer's backward pass
	for i := len(m.layers) - 1; i >= t.first; i-- {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if dx, err = t.backward(i, mb, dx, held[t.arenas[i]]); err != nil {
			return nil, err
		}
		held[t.arenas[i]] = true
	}
	m.embedGradient(mb.Tokens, dx)
	return nll, nil
}

// start computes the input of the first layer that is trained.
func (t *Trainer) start(ctx context.Context, mb *MicroBatch) error {
	m := t.model
	t.resize(len(mb.Tokens))
	if t.first == 0 {
		t.inputs[0] = m.embedTokens(t.inputs[0], mb.Tokens)
		return nil
	}
	x := m.embedTokens(t.grads[0], mb.Tokens)
	for i := range t.first {
		if err := ctx.Err(); err != nil {
			return err
		}
		y := t.grads[(i+1)%2]
		if i == t.first-1 {
			y = t.inputs[t.first]
		}
		if err := m.forwardLayer(i, t.pass, mb.Layout, nil, x, y); err != nil {
			return fmt.Errorf("layer %d: %w", i, err)
		}
		x = y
	}
	return nil
}

func (t *Trainer) forward(layer int, mb *MicroBatch) error {
	mach := t.machines[layer]
	t.prepare(mach.Tape(), layer, mb)
	if _, err := mach.Forward(t.inputs[layer], t.inputs[layer+1]); err != nil {
		return fmt.Errorf("layer %d: %w", layer, err)
	}
	return nil
}

// prepare shows a layer's tape its weights and the batch.
func (t *Trainer) prepare(tape *ops.Tape, layer int, mb *MicroBatch) {
	m := t.model
	m.layers[layer].bindTo(tape)
	run := tape.Run
	run.Layout, run.Rope = mb.Layout, m.family.Rope(m.family.Kind(layer))
	run.Training, run.Seed, run.Step = true, mb.Seed, mb.Step
}

// backward returns the gradient of a layer's input. When the layer's arena has been another's in the
// meantime, what it held is computed again first, into an output that nobody reads.
func (t *Trainer) backward(layer int, mb *MicroBatch, dy []float32, again bool) ([]float32, error) {
	mach := t.machines[layer]
	t.prepare(mach.Tape(), layer, mb)
	if again {
		if _, err := mach.Forward(t.inputs[layer], t.inputs[layer+1]); err != nil {
			return nil, err
		}
	}
	return mach.Backward(dy, t.grads[layer%2])
}

// loss runs the head forward and backward: the likelihoods and the gradient of its input.
func (t *Trainer) loss(mb *MicroBatch) ([]float64, []float32, error) {
	mach, nll, err := t.pass.lossHead(mb, ops.OfWeightsInput)
	if err != nil {
		return nil, nil, err
	}
	if _, err := mach.Forward(t.inputs[len(t.model.layers)], nil); err != nil {
		return nil, nil, err
	}
	dx, err := mach.Backward([]float32{1}, nil)
	return nll, dx, err
}

// growRope makes the rotary tables long enough for sequences of a length.
func (m *Model) growRope(length int) {
	for k := range m.family.Kinds {
		if r := m.family.Rope(k); r != nil {
			r.Grow(length)
		}
	}
}

// checkTokens refuses tokens that the model has no embedding for.
func (m *Model) checkTokens(tokens []int32) error {
	n := min(m.embed.get().Rows, m.Vocab())
	for _, t := range tokens {
		if t < 0 || int(t) >= n {
			return fmt.Errorf("token %d is outside of the model's vocabulary of %d", t, n)
		}
	}
	return nil
}

// embedTokens looks up (rows, hidden) embeddings into dst, growing it.
func (m *Model) embedTokens(dst []float32, tokens []int32) []float32 {
	w, n := m.embed.get(), m.Config.HiddenSize
	dst = sized(dst, len(tokens)*n)
	parallel.For(len(tokens), 256, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			row := dst[i*n : (i+1)*n]
			w.Row(row, int(tokens[i]))
			if s := m.family.EmbedScale; s != 0 {
				vec.Scale(row, row, s)
			}
		}
	})
	return dst
}

// embedGradient adds the gradient of the embedding, when it is trained, in token order.
func (m *Model) embedGradient(tokens []int32, dx []float32) {
	p, n := m.embed.param, m.Config.HiddenSize
	if p == nil {
		return
	}
	s := m.family.EmbedScale
	if s == 0 {
		s = 1
	}
	for i, t := range tokens {
		vec.Axpy(p.Grad[int(t)*n:(int(t)+1)*n], s, dx[i*n:(i+1)*n])
	}
}
