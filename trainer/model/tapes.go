package model

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/trainer/nn"
	"github.com/cultivar/cultivar/trainer/ops"
)

// tapeKey names a compiled graph: what it computes, for how many tokens.
type tapeKey struct {
	shape    int // the first layer of that graph; negative for heads
	rows     int
	labelled int // rows of the head that are computed
	grads    ops.Gradients
}

// The heads' shapes.
const (
	lossHead   = -1
	hiddenHead = -2
)

// tapeCache keeps compiled graphs. Compiling takes about a millisecond, so when many lengths have
// been seen the cache simply starts anew.
type tapeCache map[tapeKey]*compiled

const maxTapes = 64

// compiled is a tape and what its callers need beside it.
type compiled struct {
	tape     *ops.Tape
	picked   *[]int32 // of the head: which rows
	machines map[*ops.Arena]*ops.Machine
}

// machine returns the machine that runs the tape in an arena.
func (c *compiled) machine(a *ops.Arena) *ops.Machine {
	m := c.machines[a]
	if m == nil {
		m = c.tape.NewMachine(a)
		c.machines[a] = m
	}
	return m
}

// tape returns the compiled graph of a key.
func (m *Model) tape(key tapeKey) (*compiled, error) {
	if c := m.tapes[key]; c != nil {
		return c, nil
	}
	if len(m.tapes) >= maxTapes {
		clear(m.tapes)
	}
	c, err := m.compile(key)
	if err != nil {
		return nil, fmt.Errorf("compile layer: %w", err)
	}
	m.tapes[key] = c
	return c, nil
}

func (m *Model) compile(key tapeKey) (*compiled, error) {
	b := ops.NewBuilder()
	x := b.Input("x", key.rows, m.Config.HiddenSize)
	var y *nn.Node
	var picked *[]int32
	switch key.shape {
	case lossHead:
		y, picked = m.finalNorm(b, x, key.labelled)
		y = b.CrossEntropy(y, slotFor(b, unembedSlot, m.head), m.family.Head, key.grads != ops.NoGradients)
	case hiddenHead:
		y, picked = m.finalNorm(b, x, key.labelled)
	default:
		s := &scan{model: m, prefix: fmt.Sprintf(m.family.LayerPrefix, key.shape), found: bindings{}}
		y = m.family.Layer(&nn.Layer{Builder: b, Kind: m.family.Kind(key.shape), Weights: s}, x)
	}
	t, err := b.Compile(x, y, key.grads)
	if err != nil {
		return nil, err
	}
	return &compiled{tape: t, picked: picked, machines: make(map[*ops.Arena]*ops.Machine)}, nil
}

// unembedSlot is the name of the vocabulary projection's slot in head graphs.
const unembedSlot = "unembed"

// finalNorm builds the part of a head graph before the vocabulary projection, for the picked rows.
func (m *Model) finalNorm(b *ops.Builder, x *nn.Node, labelled int) (h *nn.Node, picked *[]int32) {
	picked = new([]int32)
	s := &scan{model: m, prefix: m.family.FinalPrefix, found: bindings{}}
	return m.family.Final(&nn.Layer{Builder: b, Weights: s}, b.Gather(x, picked, labelled)), picked
}

// shapes maps every layer to the first one whose graph is the same: of the same kind, with the same
// weights attached in the same way.
func (m *Model) shapes() []int {
	first := make(map[string]int)
	list := make([]int, len(m.layers))
	for i, b := range m.layers {
		var parts []string
		for name, w := range b {
			g := w.get()
			parts = append(parts, fmt.Sprintf("%s %d×%d %t %v", name, g.Rows, g.Cols, w.param != nil, w.update))
		}
		slices.Sort(parts)
		key := fmt.Sprint(m.family.Kind(i), strings.Join(parts, ","))
		if _, ok := first[key]; !ok {
			first[key] = i
		}
		list[i] = first[key]
	}
	return list
}

// plan returns the memory plan of a layer's graph.
func (m *Model) plan(key tapeKey) (*ops.Plan, error) {
	key.rows = 1
	if p := m.plans[key]; p != nil {
		return p, nil
	}
	c, err := m.compile(key)
	if err != nil {
		return nil, err
	}
	m.layers[key.shape].bindTo(c.tape)
	run := c.tape.Run
	run.Layout, run.Rope, run.Training = oneRow, m.family.Rope(m.family.Kind(key.shape)), key.grads != ops.NoGradients
	m.growRope(run.Layout)
	p, err := c.tape.Rehearse()
	if err != nil {
		return nil, fmt.Errorf("plan memory of layer %d: %w", key.shape, err)
	}
	m.plans[key] = p
	return p, nil
}
