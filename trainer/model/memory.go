package model

import (
	"fmt"
	"slices"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/internal/dtype"
	"github.com/cultivar/cultivar/internal/quant"
	"github.com/cultivar/cultivar/trainer/nn"
	"github.com/cultivar/cultivar/trainer/ops"
)

// Footprint predicts the bytes that training takes for activations, with micro-batches of up to
// rows tokens of which labelled have a label, and the first recompute layers computed twice.
func (m *Model) Footprint(recompute, rows, labelled int) (int64, error) {
	t := &Trainer{model: m, first: m.firstTrained()}
	// Inputs of the layers and the last output, two gradients, and two for evaluation.
	width := 4 * int64(m.Config.HiddenSize)
	total := m.headBytes(rows, labelled) + int64(rows)*width*int64(len(m.layers)-t.first+1+4)
	scratch := 4 * int64(ops.LogitFloats(m.Vocab(), labelled))
	shared := make(map[tapeKey]bool)
	for i := t.first; i < len(m.layers); i++ {
		key := t.key(i)
		tape, err := m.tape(key)
		if err != nil {
			return 0, err
		}
		p := tape.Plan()
		scratch = max(scratch, p.ScratchBytes(rows))
		if i >= recompute || !shared[key] {
			total += p.KeptBytes(rows)
		}
		shared[key] = true
	}
	return total + scratch, nil
}

// headBytes is what the head's arena takes: hidden states before and after the norm, and their
// gradients. The logits are in the scratch.
func (m *Model) headBytes(rows, labelled int) int64 {
	return 4 * int64(m.Config.HiddenSize) * int64(5*labelled+rows)
}

// Fit returns for how many layers to recompute, and the bytes of activations then: for none if
// budget allows, else for as few as it takes. When nothing fits that is for all of them.
func (m *Model) Fit(rows, labelled int, budget int64) (recompute int, bytes int64, err error) {
	for ; ; recompute++ {
		bytes, err = m.Footprint(recompute, rows, labelled)
		if err != nil {
			return 0, 0, fmt.Errorf("plan memory: %w", err)
		}
		if bytes <= budget || recompute == len(m.layers) {
			return recompute, bytes, nil
		}
	}
}

// WeightBytes is what the frozen weights take as they are stored.
func (m *Model) WeightBytes() int64 {
	var n int64
	for _, b := range append(slices.Clone(m.layers), m.final, bindings{"": m.embed}) {
		for _, w := range b {
			n += w.bytes()
		}
	}
	if m.headName != m.family.Embed {
		n += m.head.bytes()
	}
	return n
}

// bytes is the size of a frozen matrix as it is stored: of experts that are stacked, its share.
func (w matrixOrParam) bytes() int64 {
	n := int64(w.matrix.Rows) * int64(w.matrix.Cols)
	blocks := w.matrix.Blocks
	if s, ok := blocks.(strided); ok {
		blocks = s.Blocks
	}
	q, quantised := blocks.(*quant.Tensor)
	switch {
	case w.param != nil:
		return 0
	case quantised:
		return q.Bytes() * n / (int64(q.Rows) * int64(q.Cols))
	case w.matrix.Type == dtype.F32:
		return 4 * n
	}
	return 2 * n
}

// mixes tells what a layer that does not attend takes for a token, and false of one that does.
func mixes(f *nn.Family, layer int) (flops float64, ok bool) {
	if f.Mixing == nil {
		return 0, false
	}
	return f.Mixing(f.Kind(layer))
}

// Attending is how many layers attend: those that keep the keys and values of every token.
func Attending(c *bases.Config) (int, error) {
	f, err := familyOf(c)
	if err != nil {
		return 0, err
	}
	n := 0
	for i := range c.NumHiddenLayers {
		if _, ok := mixes(f, i); !ok {
			n++
		}
	}
	return n, nil
}

// FLOPs is how many floating-point operations a step takes over a number of tokens, of which labelled have a
// label, each of which attends to keys others on average; a multiply-add is two. Computing layers
// again is included. The backward pass of what mixes tokens counts as 2.5 times the forward pass.
func (m *Model) FLOPs(recompute int, tokens, labelled, keys float64) float64 {
	first := m.firstTrained()
	c := m.Config
	var total float64 // of the layers, for a token
	for i, b := range m.layers {
		var forward, backward float64
		for _, w := range b {
			g := w.get()
			n := 2 * float64(g.Rows) * float64(g.Cols)
			if w.share != 0 {
				n *= w.share
			}
			switch {
			case g.Rows == 1:
			case w.param != nil:
				forward, backward = forward+n, backward+2*n
			case i == first:
				forward += n // nearly all of the gradient below the lowest factors is not computed
			default:
				forward, backward = forward+n, backward+n
			}
		}
		mixing := 4 * keys * float64(c.NumAttentionHeads*c.HeadDim) // q·k and p·v
		if n, ok := mixes(m.family, i); ok {
			mixing = n
		}
		forward += mixing
		switch {
		case i < first:
			total += forward
		case i < recompute:
			total += 2*forward + backward + 2.5*mixing
		default:
			total += forward + backward + 2.5*mixing
		}
	}
	return total*tokens + 4*float64(m.Vocab()*c.HiddenSize)*labelled
}
