package packed

import (
	"fmt"
	"strings"

	"github.com/cultivar/cultivar/bases/keys"
	"github.com/cultivar/cultivar/internal/quant"
	"github.com/cultivar/cultivar/internal/safetensors"
)

// The tensors of a weight of MXFP4, which follow its name: stacked experts are in tensors that
// are called gate_up_proj and down_proj, without ".weight".
const (
	blocksSuffix = "_blocks"
	scalesSuffix = "_scales"
)

// mxfp4Weights finds the stacked matrices of a checkpoint of MXFP4. What modules are quantised the
// tensors say by themselves, so that the configuration is not needed for it.
func mxfp4Weights(_ *keys.Keys, p parts) (map[string]entry, map[string]bool, error) {
	weights, hidden := map[string]entry{}, map[string]bool{}
	for _, name := range p.w.Tensors() {
		if weight, ok := strings.CutSuffix(name, scalesSuffix); ok {
			if _, ok := p.w.Tensor(weight + blocksSuffix); !ok {
				return nil, nil, fmt.Errorf("tensor %q: %w: tensor %q", name, errNoPart, weight+blocksSuffix)
			}
		}
		weight, ok := strings.CutSuffix(name, blocksSuffix)
		if !ok {
			continue
		}
		if _, twice := p.w.Tensor(weight); twice {
			return nil, nil, fmt.Errorf("tensor %q: the weight is there as %q as well", name, weight)
		}
		weights[weight] = entry{packed: name, stacked: true, open: func() (*quant.Tensor, error) {
			codes, err := p.microscaled(weight)
			if err != nil {
				return nil, fmt.Errorf("weight %q: %w", weight, err)
			}
			return codes.Tensor()
		}}
		hidden[name], hidden[weight+scalesSuffix] = true, true
	}
	return weights, hidden, nil
}

// microscaled opens the matrices of a weight, one below the other. Blocks are (matrices, outputs,
// blocks of a row, 16 bytes), scales the same without the last (transformers, integrations/mxfp4.py).
func (p parts) microscaled(weight string) (quant.Microscaled, error) {
	none := quant.Microscaled{}
	blocks, err := p.get(weight+blocksSuffix, 4, "U8")
	if err != nil {
		return none, err
	}
	scales, err := p.get(weight+scalesSuffix, 3, "U8")
	if err != nil {
		return none, err
	}
	const bytes = 16 // of a block, which holds 32 elements
	s := blocks.Shape
	if len(blocks.Data) == 0 || s[3] != bytes {
		return none, fmt.Errorf("blocks are %v, want (matrices, rows, blocks, %d)", s, bytes)
	}
	if x := scales.Shape; x[0] != s[0] || x[1] != s[1] || x[2] != s[2] {
		return none, fmt.Errorf("scales are %v, blocks %v", x, s)
	}
	return quant.Microscaled{Rows: s[0] * s[1], Cols: s[2] * 2 * bytes, Blocks: blocks.Data, Scales: scales.Data}, nil
}

// Microscaled returns the codes of a weight that is stored as MXFP4, if it is one.
func (q *Checkpoint) Microscaled(name string) (quant.Microscaled, bool) {
	if q.Method() != "mxfp4" || !q.Has(name) {
		return quant.Microscaled{}, false
	}
	codes, err := q.parts.microscaled(name)
	return codes, err == nil
}

// stackedShape is the shape of a weight of MXFP4 that opens.
func stackedShape(packed safetensors.Tensor, t *quant.Tensor) []int {
	n := packed.Shape[0]
	return []int{n, t.Rows / n, t.Cols}
}
