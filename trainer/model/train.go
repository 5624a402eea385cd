package model

import (
	"errors"
	"fmt"

	"github.com/cultivar/cultivar/internal/dtype"
	"github.com/cultivar/cultivar/internal/kernels/gemm"
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
	Seed      uint64  // of dropout
	Step      uint64
}

// Memory chooses what the forward pass keeps for the backward pass.
type Memory int

// The choices. Both give the same bits.
const (
	KeepAll   Memory = iota // the activations of every layer: fastest
	Recompute               // each layer's input; the rest is computed again (activation checkpointing)
)

// Trainer runs forward and backward passes. Gradients are summed into the attachment's parameters.
type Trainer struct {
	model  *Model
	memory Memory
	arenas []*ops.Arena // of each layer; one for all when recomputing
	head   *ops.Arena
	back   [2]*ops.Arena // results of backward passes, alternating
	inputs [][]float32   // of each layer
}

// NewTrainer returns a trainer for the model.
func (m *Model) NewTrainer(memory Memory) *Trainer {
	t := &Trainer{model: m, memory: memory, head: ops.NewArena(), back: [2]*ops.Arena{ops.NewArena(), ops.NewArena()}}
	t.inputs = make([][]float32, len(m.layers)+1)
	for i := range m.layers {
		if memory == Recompute && i > 0 {
			t.arenas = append(t.arenas, t.arenas[0])
		} else {
			t.arenas = append(t.arenas, ops.NewArena())
		}
	}
	return t
}

// Bytes is the memory that activations take now.
func (t *Trainer) Bytes() int64 {
	n := t.head.Bytes() + t.back[0].Bytes() + t.back[1].Bytes()
	for i, a := range t.arenas {
		if i == 0 || t.memory == KeepAll {
			n += a.Bytes()
		}
		if i > 0 && t.memory == Recompute {
			n += 4 * int64(len(t.inputs[i]))
		}
	}
	return n
}

// Step runs a micro-batch forward and backward and returns the negative log-likelihood of each label.
func (t *Trainer) Step(mb *MicroBatch) ([]float64, error) {
	if len(mb.Rows) == 0 {
		return nil, errors.New("no row of the micro-batch has a label")
	}
	m := t.model
	if err := m.checkTokens(mb.Tokens); err != nil {
		return nil, err
	}
	m.growRope(mb.Layout)
	t.inputs[0] = m.embedTokens(t.inputs[0], mb.Tokens)
	machines := make([]*ops.Machine, len(m.layers))
	for i := range m.layers {
		mach, err := t.machine(i, mb)
		if err != nil {
			return nil, err
		}
		y, err := mach.Forward(t.inputs[i])
		if err != nil {
			return nil, err
		}
		machines[i] = mach
		if t.memory == Recompute {
			y = append(t.inputs[i+1][:0], y...)
		}
		t.inputs[i+1] = y
	}
	nll, dx, err := t.loss(mb)
	if err != nil {
		return nil, err
	}
	for i := len(m.layers) - 1; i >= 0; i-- {
		if dx, err = t.backward(i, machines[i], mb, dx); err != nil {
			return nil, err
		}
	}
	m.embedGradient(mb.Tokens, dx)
	return nll, nil
}

// machine prepares the machine of a layer: its tape, its weights, its view of the batch.
func (t *Trainer) machine(layer int, mb *MicroBatch) (*ops.Machine, error) {
	m := t.model
	kind := m.family.Kind(layer)
	c, err := m.layerTape(kind, len(mb.Tokens), true)
	if err != nil {
		return nil, err
	}
	t.prepare(c.tape, layer, mb)
	return c.tape.NewMachine(t.arenas[layer]), nil
}

func (t *Trainer) prepare(tape *ops.Tape, layer int, mb *MicroBatch) {
	m := t.model
	m.layers[layer].bindTo(tape)
	run := tape.Run
	run.Layout, run.Rope = mb.Layout, m.family.Rope(m.family.Kind(layer))
	run.Training, run.Seed, run.Step = true, mb.Seed, mb.Step
}

func (t *Trainer) backward(layer int, mach *ops.Machine, mb *MicroBatch, dy []float32) ([]float32, error) {
	t.prepare(mach.Tape(), layer, mb)
	if t.memory == Recompute {
		if _, err := mach.Forward(t.inputs[layer]); err != nil {
			return nil, err
		}
	}
	return mach.Backward(dy, t.back[layer%2])
}

// loss runs the head forward and backward: the likelihoods and the gradient of its input.
func (t *Trainer) loss(mb *MicroBatch) ([]float64, []float32, error) {
	m := t.model
	c, err := m.lossTape(len(mb.Tokens), len(mb.Rows), true)
	if err != nil {
		return nil, nil, err
	}
	nll := m.prepareLoss(c, mb)
	mach := c.tape.NewMachine(t.head)
	if _, err := mach.Forward(t.inputs[len(m.layers)]); err != nil {
		return nil, nil, err
	}
	dx, err := mach.Backward([]float32{1}, t.back[len(m.layers)%2])
	return nll, dx, err
}

func (m *Model) prepareLoss(c *compiled, mb *MicroBatch) []float64 {
	head := bindings{unembedSlot: m.head}
	for name, b := range m.final {
		head[name] = b
	}
	head.bindTo(c.tape)
	*c.picked = mb.Rows
	run := c.tape.Run
	run.Labels, run.LossScale, run.NLL = mb.Labels, mb.LossScale, make([]float64, len(mb.Rows))
	return run.NLL
}

// growRope makes the rotary tables long enough for the layout.
func (m *Model) growRope(l ops.Layout) {
	last := int32(0)
	for _, p := range l.Positions {
		last = max(last, p)
	}
	for k := range m.family.Kinds {
		if r := m.family.Rope(k); r != nil {
			r.Grow(int(last) + 1)
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
	if cap(dst) < len(tokens)*n {
		dst = make([]float32, len(tokens)*n)
	}
	dst = dst[:len(tokens)*n]
	parallel.For(len(tokens), 256, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			embedRow(dst[i*n:(i+1)*n], w, int(tokens[i]))
			if s := m.family.EmbedScale; s != 0 {
				vec.Scale(dst[i*n:(i+1)*n], dst[i*n:(i+1)*n], s)
			}
		}
	})
	return dst
}

func embedRow(dst []float32, w gemm.Matrix, token int) {
	if w.Type == dtype.F32 {
		copy(dst, w.F32[token*w.RowStride:])
		return
	}
	dtype.Widen(w.Type, dst, w.U16[token*w.RowStride:token*w.RowStride+len(dst)])
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
