package model

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/trainer/nn"
	"github.com/cultivar/cultivar/trainer/ops"
)

// tapeKey names a tape: what it computes.
type tapeKey struct {
	shape int // the first layer of that graph; negative for heads
	grads ops.Gradients
}

// The heads' shapes.
const (
	lossHead   = -1
	hiddenHead = -2
)

// tape returns the tape of a key, rehearsed with the weights of one of its layers.
func (m *Model) tape(key tapeKey) (*ops.Tape, error) {
	if t := m.tapes[key]; t != nil {
		return t, nil
	}
	t, err := m.compile(key)
	if err != nil {
		return nil, fmt.Errorf("compile %s: %w", key, err)
	}
	if key.shape < 0 {
		m.bindHead(t)
	} else {
		kind := m.family.Kind(key.shape)
		m.layers[key.shape].bindTo(t)
		t.Run.Rope = m.family.Rope(kind)
		m.growRope(1)
	}
	if err := t.Rehearse(); err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	m.tapes[key] = t
	return t, nil
}

// String names what the tape computes in errors.
func (k tapeKey) String() string {
	if k.shape < 0 {
		return "head"
	}
	return fmt.Sprintf("layer %d", k.shape)
}

func (m *Model) compile(key tapeKey) (*ops.Tape, error) {
	b := ops.NewBuilder()
	x := b.Input("x", m.Config.HiddenSize)
	var y *nn.Node
	switch key.shape {
	case lossHead:
		y = b.CrossEntropy(m.finalNorm(b, x), slotFor(b, unembedSlot, m.head), m.family.Head, key.grads != ops.NoGradients)
	case hiddenHead:
		y = m.finalNorm(b, x)
	default:
		s := &scan{model: m, prefix: fmt.Sprintf(m.family.LayerPrefix, key.shape), found: bindings{}}
		y = m.family.Layer(&nn.Layer{Builder: b, Kind: m.family.Kind(key.shape), Weights: s}, x)
	}
	return b.Compile(x, y, key.grads)
}

// unembedSlot is the name of the vocabulary projection's slot in head graphs.
const unembedSlot = "unembed"

// finalNorm builds the part of a head graph before the vocabulary projection, for the picked rows.
func (m *Model) finalNorm(b *ops.Builder, x *nn.Node) *nn.Node {
	s := &scan{model: m, prefix: m.family.FinalPrefix, found: bindings{}}
	return m.family.Final(&nn.Layer{Builder: b, Weights: s}, b.Gather(x))
}

// bindHead fills the slots of a head's tape.
func (m *Model) bindHead(t *ops.Tape) {
	head := bindings{unembedSlot: m.head}
	maps.Copy(head, m.final)
	head.bindTo(t)
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
