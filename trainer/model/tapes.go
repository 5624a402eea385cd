package model

import (
	"fmt"

	"github.com/cultivar/cultivar/trainer/nn"
	"github.com/cultivar/cultivar/trainer/ops"
)

// tapeKey names a compiled graph: what it computes, for how many tokens.
type tapeKey struct {
	kind     int // of layer; -1 is the head
	rows     int
	labelled int // rows of the head that are computed
	backward bool
}

// tapeCache keeps compiled graphs. Compiling takes about a millisecond, so when many lengths have
// been seen the cache simply starts anew.
type tapeCache map[tapeKey]*compiled

const maxTapes = 64

// compiled is a tape and what its caller needs beside it.
type compiled struct {
	tape   *ops.Tape
	picked *[]int32 // of the head: which rows
}

func newTapeCache() tapeCache { return make(tapeCache) }

func (m *Model) tape(key tapeKey, build func(*ops.Builder) (x, y *nn.Node, picked *[]int32)) (*compiled, error) {
	if c := m.tapes[key]; c != nil {
		return c, nil
	}
	if len(m.tapes) >= maxTapes {
		clear(m.tapes)
	}
	b := ops.NewBuilder()
	x, y, picked := build(b)
	t, err := b.Compile(x, y, key.backward)
	if err != nil {
		return nil, fmt.Errorf("compile layer: %w", err)
	}
	c := &compiled{tape: t, picked: picked}
	m.tapes[key] = c
	return c, nil
}

// layerTape is the graph of a kind of layer for a number of rows.
func (m *Model) layerTape(kind, rows int, backward bool) (*compiled, error) {
	return m.tape(tapeKey{kind: kind, rows: rows, backward: backward}, func(b *ops.Builder) (x, y *nn.Node, _ *[]int32) {
		x = b.Input("x", rows, m.Config.HiddenSize)
		s := &scan{model: m, prefix: fmt.Sprintf(m.family.LayerPrefix, m.firstOf(kind)), found: bindings{}}
		return x, m.family.Layer(&nn.Layer{Builder: b, Kind: kind, Weights: s}, x), nil
	})
}

// firstOf is the first layer of a kind: layers of one kind have the same shapes.
func (m *Model) firstOf(kind int) int {
	for i := range m.Config.NumHiddenLayers {
		if m.family.Kind(i) == kind {
			return i
		}
	}
	panic("model: no layer of that kind")
}

// final builds the part of a head graph before the vocabulary projection.
func (m *Model) finalNorm(b *ops.Builder, rows, labelled int) (x, h *nn.Node, picked *[]int32) {
	x = b.Input("x", rows, m.Config.HiddenSize)
	picked = new([]int32)
	s := &scan{model: m, prefix: m.family.FinalPrefix, found: bindings{}}
	h = m.family.Final(&nn.Layer{Builder: b, Weights: s}, b.Gather(x, picked, labelled))
	return x, h, picked
}

// unembedSlot is the name of the vocabulary projection's slot in head graphs.
const unembedSlot = "unembed"

// lossTape ends in the cross-entropy of the labelled rows.
func (m *Model) lossTape(rows, labelled int, backward bool) (*compiled, error) {
	return m.tape(tapeKey{kind: -1, rows: rows, labelled: labelled, backward: backward}, func(b *ops.Builder) (x, y *nn.Node, picked *[]int32) {
		x, h, picked := m.finalNorm(b, rows, labelled)
		return x, b.CrossEntropy(h, slotFor(b, unembedSlot, m.head), m.family.Head, backward), picked
	})
}

// hiddenTape ends in the normalised hidden states of the picked rows.
func (m *Model) hiddenTape(rows, picked int) (*compiled, error) {
	return m.tape(tapeKey{kind: -2, rows: rows, labelled: picked}, func(b *ops.Builder) (x, y *nn.Node, _ *[]int32) {
		return m.finalNorm(b, rows, picked)
	})
}
