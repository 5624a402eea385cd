package model

import (
	"fmt"

	"github.com/cultivar/cultivar/internal/kernels/attention"
	"github.com/cultivar/cultivar/trainer/ops"
)

// Keep says what the forward pass of a layer leaves for its backward pass, beside its input. All
// choices give the same bits.
type Keep int

// The choices, from fast to small.
const (
	KeepAll   Keep = iota // everything that the backward pass reads
	KeepSome              // not what costs next to nothing to compute again: norms, activations
	Recompute             // nothing; the forward pass runs twice (Chen et al., arXiv:1604.06174)
)

// String is what the user reads.
func (k Keep) String() string { return [...]string{"keep-all", "keep-some", "recompute"}[k] }

// Memory is what the activations of a trainer take, in bytes.
type Memory struct {
	Keep  []Keep // by layer
	Bytes int64  // at the largest micro-batch
}

// Uniform is the same choice for every layer.
func (m *Model) Uniform(k Keep) []Keep {
	list := make([]Keep, len(m.layers))
	for i := range list {
		list[i] = k
	}
	return list
}

// Footprint predicts the activations of micro-batches of up to rows tokens, labelled of which have
// a label.
func (m *Model) Footprint(keep []Keep, rows, labelled int) (int64, error) {
	t := &Trainer{model: m, keep: keep, first: m.firstTrained()}
	width := 4 * int64(m.Config.HiddenSize)
	total := m.headBytes(rows, labelled) + int64(rows)*width*int64(len(m.layers)-t.first+1+2)
	var scratch int64
	shared := make(map[tapeKey]bool)
	for i := t.first; i < len(m.layers); i++ {
		key := t.key(i, 1)
		p, err := m.plan(key)
		if err != nil {
			return 0, err
		}
		scratch = max(scratch, p.ScratchBytes(rows))
		if keep[i] != Recompute || !shared[key] {
			total += p.KeptBytes(rows)
		}
		shared[key] = keep[i] == Recompute
	}
	return total + scratch, nil
}

// headBytes is what the head's arena takes: hidden states before and after the norm, their
// gradients, and the logits of as many rows as exist at a time.
func (m *Model) headBytes(rows, labelled int) int64 {
	hidden := int64(m.Config.HiddenSize)
	logits := int64(min(labelled, ops.LogitRows)) * int64(m.Vocab())
	return 4 * (logits + hidden*int64(5*labelled+rows))
}

// Fit chooses what to keep so that the activations of micro-batches of up to rows tokens take no
// more than budget bytes: everything if that fits; else less of as many layers, from the first on,
// as it takes. When nothing fits it returns the smallest, which Bytes tells apart.
func (m *Model) Fit(rows, labelled int, budget int64) (Memory, error) {
	keep := m.Uniform(KeepAll)
	bytes, err := m.Footprint(keep, rows, labelled)
	for next := KeepSome; next <= Recompute && err == nil && bytes > budget; next++ {
		for i := m.firstTrained(); i < len(keep) && err == nil && bytes > budget; i++ {
			keep[i] = next
			bytes, err = m.Footprint(keep, rows, labelled)
		}
	}
	if err != nil {
		return Memory{}, fmt.Errorf("plan memory: %w", err)
	}
	return Memory{Keep: keep, Bytes: bytes}, nil
}

// oneRow is the layout of a rehearsal.
var oneRow = ops.Layout{Positions: []int32{0}, Segments: []attention.Segment{{Q0: 0, Q1: 1, K0: 0, K1: 1}}}
