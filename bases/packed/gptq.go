package packed

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/bases/keys"
	"github.com/cultivar/cultivar/internal/quant"
	"github.com/cultivar/cultivar/internal/safetensors"
)

// The tensors of a weight of GPTQ or AWQ, which follow the name of the module.
const (
	qweightSuffix = ".qweight"
	qzerosSuffix  = ".qzeros"
	qscalesSuffix = ".scales"
	groupSuffix   = ".g_idx"
)

// grouping is what the configurations of GPTQ and AWQ have in common.
type grouping struct {
	bits, size int // size: columns in a group, -1 for one group
	// zeroLess1 tells that zero points are stored less one; ordered that columns are in groups by
	// g_idx and not by position.
	zeroLess1, ordered bool
	from               func(quant.GroupedParts) (*quant.Tensor, error)
	// columns tells that words of qweight hold columns of the weight, and not rows.
	columns bool
}

// maxGroup bounds the size of a group: no row is longer.
const maxGroup = 1 << 20

func readGrouping(about *keys.Keys) grouping {
	return grouping{bits: about.Int("bits", 4, 1, 32), size: about.Int("group_size", 128, -1, maxGroup)}
}

// weights finds the weights whose codes are in a qweight.
func (g grouping) weights(p parts) (map[string]entry, map[string]bool) {
	weights, hidden := map[string]entry{}, map[string]bool{}
	for _, name := range p.w.Tensors() {
		module, ok := strings.CutSuffix(name, qweightSuffix)
		if !ok {
			continue
		}
		weights[module+weightSuffix] = entry{packed: name, open: func() (*quant.Tensor, error) {
			t, err := g.open(p, module)
			if err != nil {
				return nil, fmt.Errorf("module %q: %w", module, err)
			}
			return t, nil
		}}
		for _, s := range []string{qweightSuffix, qzerosSuffix, qscalesSuffix, groupSuffix} {
			hidden[module+s] = true
		}
	}
	return weights, hidden
}

func (g grouping) open(p parts, module string) (*quant.Tensor, error) {
	weight, err := p.get(module+qweightSuffix, 2, "I32")
	if err != nil {
		return nil, err
	}
	zeros, err := p.get(module+qzerosSuffix, 2, "I32")
	if err != nil {
		return nil, err
	}
	scales, err := p.get(module+qscalesSuffix, 2, safetensors.F16, safetensors.BF16, safetensors.F32)
	if err != nil {
		return nil, err
	}
	cols, wide := weight.Shape[0], weight.Shape[1]
	if g.columns {
		cols = cols * 32 / g.bits // what is no whole word there is too short for qweight
	} else {
		wide = wide * 32 / g.bits
	}
	parts := quant.GroupedParts{
		Rows: scales.Shape[1], Cols: cols, Bits: g.bits, GroupSize: g.size,
		Weight: weight.Data, Zeros: zeros.Data, ZeroLess1: g.zeroLess1,
	}
	if g.size == -1 {
		parts.GroupSize = parts.Cols
	}
	if wide != parts.Rows {
		return nil, fmt.Errorf("qweight has %d rows of weights, scales %d", wide, parts.Rows)
	}
	if parts.Group, err = g.groups(p, module); err != nil {
		return nil, err
	}
	if parts.Scales, err = safetensors.Float32s(scales); err != nil {
		return nil, err
	}
	return g.from(parts)
}

// groups reads the group of each column, nil when there is no tensor of them.
func (g grouping) groups(p parts, module string) ([]int32, error) {
	t, err := p.get(module+groupSuffix, 1, "I32")
	if errors.Is(err, errNoPart) && !g.ordered {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	list := make([]int32, t.Len())
	for i := range list {
		list[i] = int32(binary.LittleEndian.Uint32(t.Data[4*i:]))
	}
	return list, nil
}

// gptqWeights reads a configuration of GPTQ (transformers/utils/quantization_config.py, GPTQConfig).
func gptqWeights(about *keys.Keys, p parts) (map[string]entry, map[string]bool, error) {
	g := readGrouping(about)
	g.ordered, g.from = about.Bool("desc_act"), quant.FromGPTQ
	layout := about.String("checkpoint_format", "gptq")
	if about.Err() != nil {
		return nil, nil, about.Err()
	}
	switch {
	case !slices.Contains([]int{2, 3, 4, 8}, g.bits):
		return nil, nil, fmt.Errorf("gptq of %d bits is not supported (supported: 2, 3, 4, 8)", g.bits)
	case layout != "gptq" && layout != "gptq_v2":
		return nil, nil, fmt.Errorf("checkpoint_format %.40q of gptq is not supported (supported: gptq, gptq_v2)", layout)
	case about.Bool("is_marlin_format"):
		return nil, nil, errors.New("gptq in marlin's layout is not supported")
	}
	if dynamic := about.Object("dynamic"); dynamic != nil && len(dynamic.All()) > 0 {
		return nil, nil, errors.New("dynamic: settings of single modules are not supported")
	}
	if about.Err() != nil {
		return nil, nil, about.Err()
	}
	g.zeroLess1 = layout == "gptq"
	g.columns = true
	weights, hidden := g.weights(p)
	return weights, hidden, nil
}
