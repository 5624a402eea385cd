package export

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/peft"
)

// A layout is how checkpoints hold what transformers 5 has as one parameter: stacked in one tensor, or
// matrices of each expert whose rows follow each other. Names are patterns on the parameter's, a %d is
// the expert (transformers, conversion_mapping.py).
type layout struct {
	module string   // what stands in place of the parameter's module in the checkpoint
	names  []string // behind the module
}

// layouts are by the last parts of a parameter's name, for those that have another name in checkpoints
// or are divided there.
var layouts = map[string][]layout{
	".experts.gate_up_proj": {
		{".mlp.experts", []string{".gate_up_proj"}},
		{".mlp.experts", []string{".%d.gate_proj.weight", ".%d.up_proj.weight"}},
		{".block_sparse_moe.experts", []string{".%d.w1.weight", ".%d.w3.weight"}},
		{".feed_forward.experts", []string{".%d.w1.weight", ".%d.w3.weight"}},
		{".block_sparse_moe", []string{".input_linear.weight"}},
	},
	".experts.down_proj": {
		{".mlp.experts", []string{".down_proj"}},
		{".mlp.experts", []string{".%d.down_proj.weight"}},
		{".block_sparse_moe.experts", []string{".%d.w2.weight"}},
		{".feed_forward.experts", []string{".%d.w2.weight"}},
		{".block_sparse_moe", []string{".output_linear.weight"}},
	},
	".gate":   {{".block_sparse_moe", []string{".gate.weight"}}},
	".router": {{".block_sparse_moe", []string{".router.layer.weight"}}},
}

// A piece is the update of one tensor.
type piece struct {
	module     peft.Module
	transposed bool // a stack of matrices whose outputs are columns
}

// pieces divides the update of experts or of their router among the tensors that hold them, whose
// shapes shapeOf knows. It returns nil when there are none under any of the names. transposed tells
// that stacked matrices have their outputs as columns.
func pieces(m peft.Module, transposed bool, shapeOf func(name string) ([]int, bool)) (map[string]piece, error) {
	for last, list := range layouts {
		container, ok := strings.CutSuffix(m.Name, last)
		if !ok {
			continue
		}
		stem := container[:max(0, strings.LastIndexByte(container, '.'))]
		for _, l := range list {
			first := l.name(stem, 0, 0)
			if _, ok := shapeOf(first); !ok {
				continue
			}
			if strings.Contains(l.names[0], "%d") {
				return l.divide(m, stem, shapeOf)
			}
			return map[string]piece{first: {m, transposed && m.Experts > 0}}, nil
		}
	}
	return nil, nil
}

func (l layout) name(stem string, i, expert int) string {
	return stem + l.module + strings.Replace(l.names[i], "%d", fmt.Sprint(expert), 1)
}

// divide gives every expert's matrices their rows of the update.
func (l layout) divide(m peft.Module, stem string, shapeOf func(name string) ([]int, bool)) (map[string]piece, error) {
	all := make(map[string]piece)
	for e := range m.Experts {
		row := 0
		for i := range l.names {
			name := l.name(stem, i, e)
			shape, ok := shapeOf(name)
			if !ok || len(shape) != 2 || row+shape[0] > m.B.Shape[0] {
				return nil, fmt.Errorf("%w: parameter %q is of %d experts, the base's tensor %q is %v", adapters.ErrBaseMismatch, m.Name, m.Experts, name, shape)
			}
			all[name] = piece{module: m.Expert(e, row, row+shape[0])}
			row += shape[0]
		}
		if row != m.B.Shape[0] {
			return nil, fmt.Errorf("%w: parameter %q updates %d rows of an expert, the base has %d", adapters.ErrBaseMismatch, m.Name, m.B.Shape[0], row)
		}
	}
	if _, ok := shapeOf(l.name(stem, 0, m.Experts)); ok {
		return nil, fmt.Errorf("%w: parameter %q is of %d experts, the base has more", adapters.ErrBaseMismatch, m.Name, m.Experts)
	}
	return all, nil
}

// fits holds the update against the tensor that it is merged into.
func (p piece) fits(shape []int) error {
	m := p.module
	if m.Experts == 0 {
		return fits(m, shape)
	}
	want := []int{m.Experts, m.B.Shape[0], m.A.Shape[1]}
	if p.transposed {
		want[1], want[2] = want[2], want[1]
	}
	if !slices.Equal(shape, want) {
		return fmt.Errorf("%w: parameter %q updates %v, the base's tensor is %v", adapters.ErrBaseMismatch, m.Name, want, shape)
	}
	return nil
}

// merge adds the update to a tensor's values, expert by expert.
func (p piece) merge(w []float32, config adapters.Config) {
	m := p.module
	if m.Experts == 0 {
		Merge(w, m, config)
		return
	}
	out, in := m.B.Shape[0], m.A.Shape[1]
	turned := make([]float32, out*in)
	for e := range m.Experts {
		one, update := w[e*out*in:(e+1)*out*in], m.Expert(e, 0, out)
		if !p.transposed {
			Merge(one, update, config)
			continue
		}
		transpose(turned, one, in, out)
		Merge(turned, update, config)
		transpose(one, turned, out, in)
	}
}

// transpose turns src, rows × cols, into dst.
func transpose(dst, src []float32, rows, cols int) {
	for i := range rows {
		for j := range cols {
			dst[j*rows+i] = src[i*cols+j]
		}
	}
}
