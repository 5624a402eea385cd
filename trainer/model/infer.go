package model

import (
	"fmt"

	"github.com/cultivar/cultivar/internal/kernels/attention"
	"github.com/cultivar/cultivar/internal/kernels/gemm"
	"github.com/cultivar/cultivar/trainer/ops"
)

// Evaluator runs forward passes for likelihoods.
type Evaluator struct {
	model  *Model
	layers *ops.Arena
	head   *ops.Arena
	x      []float32
}

// NewEvaluator returns an evaluator for the model.
func (m *Model) NewEvaluator() *Evaluator {
	return &Evaluator{model: m, layers: ops.NewArena(), head: ops.NewArena()}
}

// NLL returns the negative log-likelihood of each label of a micro-batch.
func (e *Evaluator) NLL(mb *MicroBatch) ([]float64, error) {
	m := e.model
	if err := m.checkTokens(mb.Tokens); err != nil {
		return nil, err
	}
	m.growRope(mb.Layout)
	e.x = m.embedTokens(e.x, mb.Tokens)
	var err error
	if e.x, err = m.forward(e.x, mb.Layout, e.layers, nil); err != nil {
		return nil, err
	}
	if len(mb.Rows) == 0 {
		return nil, nil
	}
	c, err := m.lossTape(len(mb.Tokens), len(mb.Rows), false)
	if err != nil {
		return nil, err
	}
	nll := m.prepareLoss(c, mb)
	_, err = c.tape.NewMachine(e.head).Forward(e.x)
	return nll, err
}

// forward runs all layers on x, overwriting it.
func (m *Model) forward(x []float32, layout ops.Layout, arena *ops.Arena, caches []*ops.KVCache) ([]float32, error) {
	for i, b := range m.layers {
		kind := m.family.Kind(i)
		c, err := m.layerTape(kind, layout.Rows(), false)
		if err != nil {
			return nil, err
		}
		b.bindTo(c.tape)
		run := c.tape.Run
		run.Layout, run.Rope, run.Training, run.Cache = layout, m.family.Rope(kind), false, nil
		if caches != nil {
			run.Cache = caches[i]
		}
		y, err := c.tape.NewMachine(arena).Forward(x)
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", i, err)
		}
		copy(x, y)
	}
	return x, nil
}

// Session is a growing sequence with its keys and values cached.
type Session struct {
	model  *Model
	caches []*ops.KVCache
	arena  *ops.Arena
	head   *ops.Arena
	x      []float32
	logits []float32
	length int
}

// NewSession starts an empty sequence.
func (m *Model) NewSession() *Session {
	s := &Session{model: m, arena: ops.NewArena(), head: ops.NewArena()}
	for range m.layers {
		s.caches = append(s.caches, &ops.KVCache{})
	}
	return s
}

// Len is the number of tokens so far.
func (s *Session) Len() int { return s.length }

// Append adds tokens and returns the logits after the last one, (vocabulary), which belong to the
// session and are valid until the next call. The result is the same to the bit however the tokens
// are divided into calls.
func (s *Session) Append(tokens []int32) ([]float32, error) {
	m, n := s.model, len(tokens)
	if err := m.checkTokens(tokens); err != nil {
		return nil, err
	}
	layout := ops.Layout{
		Positions: make([]int32, n),
		Segments:  []attention.Segment{{Q0: 0, Q1: n, K0: 0, K1: s.length + n}},
	}
	for i := range layout.Positions {
		layout.Positions[i] = int32(s.length + i)
	}
	m.growRope(layout)
	s.x = m.embedTokens(s.x, tokens)
	var err error
	if s.x, err = m.forward(s.x, layout, s.arena, s.caches); err != nil {
		return nil, err
	}
	s.length += n
	c, err := m.hiddenTape(n, 1)
	if err != nil {
		return nil, err
	}
	m.final.bindTo(c.tape)
	*c.picked = []int32{int32(n - 1)}
	h, err := c.tape.NewMachine(s.head).Forward(s.x)
	if err != nil {
		return nil, err
	}
	w := m.head.get()
	if s.logits == nil {
		s.logits = make([]float32, w.Rows)
	}
	ops.Logits(s.logits, gemm.F32(h, 1, m.Config.HiddenSize), w, m.family.Head)
	return s.logits, nil
}
