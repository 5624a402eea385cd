package export

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/internal/gguf"
)

// adapterEntries are the factors of an adapter as llama.cpp applies them, with the one alpha that it has.
func (o form) adapterEntries(modules []peft.Module, config adapters.Config, outType OutType, alpha float64) ([]gguf.Entry, error) {
	var entries []gguf.Entry
	typ := outTypes[OutF32].tensor
	if outType != "" {
		typ = outTypes[outType].tensor
	}
	for _, m := range modules {
		if m.Name == headModule && o.Tied {
			return nil, fmt.Errorf("module %q shares its weight with the embeddings, which llama.cpp cannot adapt alone", m.Name)
		}
		updates, err := o.updates(m)
		if err != nil {
			return nil, err
		}
		// llama.cpp divides the one alpha by the rank of each module.
		factor := config.ScalingOf(m.Key, m.Rank()) * float64(m.Rank()) / alpha
		for name, list := range updates {
			a, b, err := o.stacked(list, factor)
			if err != nil {
				return nil, err
			}
			entries = append(entries, entryOf(name+".lora_a", typ, a.Shape, func() ([]float32, error) { return a.Data, nil }))
			entries = append(entries, entryOf(name+".lora_b", typ, b.Shape, func() ([]float32, error) { return b.Data, nil }))
		}
	}
	slices.SortFunc(entries, func(x, y gguf.Entry) int { return o.Arch.Compare(x.Name, y.Name) })
	return entries, nil
}

// updates are what a module updates, by tensor of a file: a matrix, or those of all experts in order.
func (o form) updates(m peft.Module) (map[string][]peft.Module, error) {
	list, err := pieces(m, false, o.shapeOf)
	if err != nil {
		return nil, err
	}
	all := make(map[string][]peft.Module)
	if len(list) == 0 {
		name, expert := o.Arch.InFile(o.published(m.Name) + weightSuffix)
		if name == "" || expert >= 0 || m.Experts > 0 {
			return nil, fmt.Errorf("%w: module %q has no matrix of its own in GGUF's %s", adapters.ErrBaseMismatch, m.Name, o.Arch.Name)
		}
		all[name] = []peft.Module{m}
	}
	for published, p := range list {
		shape, _ := o.shapeOf(published)
		if err := p.fits(shape); err != nil {
			return nil, err
		}
		o.place(all, published, p.module)
	}
	return all, nil
}

// place adds the update of a published tensor of a layer of experts to those of a file.
func (o form) place(all map[string][]peft.Module, published string, m peft.Module) {
	if s, ok := o.Arch.StackNamed(published); ok {
		for i, name := range s.Files {
			part := ggufTensor{stack: s, file: i}
			for e := range m.Experts {
				all[name] = append(all[name], part.rowsOf(m.Expert(e, 0, m.B.Shape[0])))
			}
		}
		return
	}
	name, expert := o.Arch.InFile(published)
	if expert < 0 { // the router
		all[name] = []peft.Module{m}
		return
	}
	if all[name] == nil {
		all[name] = make([]peft.Module, o.Experts)
	}
	all[name][expert] = m
}

// shapeOf is the shape of a published tensor of a layer of experts, by the sizes of the model.
func (o form) shapeOf(published string) ([]int, bool) {
	m := o.Model
	inner := m.ExpertIntermediate
	if inner == 0 {
		inner = m.Intermediate
	}
	if s, ok := m.Arch.StackNamed(published); ok {
		if len(s.Files) == 2 {
			return []int{m.Experts, 2 * inner, m.Hidden}, true
		}
		return []int{m.Experts, m.Hidden, inner}, true
	}
	name, expert := m.Arch.InFile(published)
	switch {
	case name == "" || expert >= m.Experts:
		return nil, false
	case expert < 0:
		return []int{m.Experts, m.Hidden}, true
	case strings.Contains(name, ".ffn_down_exps"):
		return []int{m.Hidden, inner}, true
	}
	return []int{inner, m.Hidden}, true
}

// stacked are the factors of modules one after the other, those of a single one as they are. B has its
// rows in the order of the base's file, and is multiplied by the factor.
func (o form) stacked(list []peft.Module, factor float64) (a, b adapters.Tensor, err error) {
	first := list[0]
	a.Shape, b.Shape = slices.Clone(first.A.Shape), slices.Clone(first.B.Shape)
	for _, m := range list {
		rows, err := rowsOfB(m, o.Model)
		if err != nil {
			return a, b, err
		}
		scale(rows, factor)
		a.Data, b.Data = append(a.Data, m.A.Data...), append(b.Data, rows...)
	}
	if len(list) > 1 {
		a.Shape, b.Shape = append([]int{len(list)}, a.Shape...), append([]int{len(list)}, b.Shape...)
	}
	return a, b, nil
}
