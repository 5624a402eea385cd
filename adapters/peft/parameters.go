package peft

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/adapters"
)

// wrapping is what stands in a tensor's name for each parameter of the same module that is wrapped
// around its own: PEFT wraps a module once for every targeted parameter, in the order in which the
// module has them (peft/tuners/lora/layer.py, ParamWrapper; tuners_utils.py, _inject_parameters).
const wrapping = ".base_layer"

// stacked are the parameters of a module of experts that can be targeted, in the order in which
// transformers 5 has them. Each holds a matrix of every expert.
var stacked = []string{"gate_up_proj", "down_proj"}

// ofExperts are last parts of names that PEFT takes for experts and their router wherever target_modules
// has them with a base that has experts (peft/utils/transformers_weight_conversion.py,
// _MOE_TARGET_MODULE_MAPPING). Other modules of those names can only be targeted by their weights.
var ofExperts = []string{"gate", "gate_proj", "up_proj", "down_proj", "w1", "w2", "w3"}

// TakenForExperts reports whether target_modules cannot name a linear module of a base with experts.
func TakenForExperts(module string) bool {
	_, last := splitParameter(module)
	return slices.Contains(ofExperts, last)
}

// FactorNames returns the names of the two tensors of a targeted parameter, of which targeted tells the
// others by their names.
func FactorNames(parameter string, targeted func(parameter string) bool) (a, b string) {
	container, last := splitParameter(parameter)
	name := Prefix + container
	for _, other := range stacked[slices.Index(stacked, last)+1:] {
		if targeted(container + "." + other) {
			name += wrapping
		}
	}
	return name + suffixA, name + suffixB
}

func splitParameter(name string) (container, last string) {
	at := strings.LastIndexByte(name, '.')
	return name[:max(at, 0)], name[at+1:]
}

// Named reports whether a list of target_modules or target_parameters has a name: whole, or by its last
// parts.
func Named(list []string, name string) bool {
	return slices.ContainsFunc(list, func(t string) bool { return name == t || strings.HasSuffix(name, "."+t) })
}

// nameParameters gives those of the modules that are parameters their names: PEFT's file only has the
// module that the parameter is in, as often wrapped as parameters of it are targeted.
func nameParameters(c adapters.Config, modules []Module) error {
	groups := make(map[string][]*Module)
	var order []string
	for i := range modules {
		modules[i].Key = modules[i].Name
		container := modules[i].Name
		for strings.HasSuffix(container, wrapping) {
			container = strings.TrimSuffix(container, wrapping)
		}
		if groups[container] == nil {
			order = append(order, container)
		}
		groups[container] = append(groups[container], &modules[i])
	}
	if len(c.TargetParameters) == 0 {
		return nil
	}
	for _, container := range order {
		if err := nameGroup(c, container, groups[container]); err != nil {
			return err
		}
	}
	return nil
}

// nameGroup names the parameters of one module.
func nameGroup(c adapters.Config, container string, group []*Module) error {
	var names []string
	for _, p := range stacked {
		if !strings.HasSuffix(container, ".experts") {
			break // a bare name among target_parameters fits any module
		}
		if name := container + "." + p; Named(c.TargetParameters, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		if weight := container + weightOf; group[0].Name == container && Named(c.TargetParameters, weight) {
			group[0].Key = weight
		}
		return nil
	}
	// The first parameter is the innermost: it has the longest name.
	slices.SortFunc(group, func(x, y *Module) int { return cmp.Compare(len(y.Name), len(x.Name)) })
	for i, m := range group {
		if len(group) != len(names) || m.Name != container+strings.Repeat(wrapping, len(group)-1-i) {
			return fmt.Errorf("module %q has tensors for %d parameters, target_parameters names %d (%s)", container, len(group), len(names), strings.Join(names, ", "))
		}
		m.Name, m.Key = names[i], names[i]
		rank := c.RankOf(m.Key)
		if len(m.A.Shape) != 2 || rank < 1 || m.A.Shape[0] == 0 || m.A.Shape[0]%rank != 0 {
			return fmt.Errorf("parameter %q: lora_A has shape %v, not [experts·%d, in]: r is %d", m.Name, m.A.Shape, rank, rank)
		}
		m.Experts = m.A.Shape[0] / rank
	}
	return nil
}

// weightOf ends the name of a linear module's parameter.
const weightOf = ".weight"

// Rank is the rank of the update of each matrix.
func (m Module) Rank() int {
	if m.Experts > 0 {
		return m.A.Shape[0] / m.Experts
	}
	return m.A.Shape[0]
}

// Expert is the update of one expert's matrix, rows first to end of it, as that of a linear module.
// PEFT has the rows of A by expert, then rank, and the columns of B by rank, then expert
// (peft/tuners/lora/layer.py, ParamWrapper.get_delta_weight).
func (m Module) Expert(e, first, end int) Module {
	rank, in := m.Rank(), m.A.Shape[1]
	b := make([]float32, 0, (end-first)*rank)
	for row := first; row < end; row++ {
		for r := range rank {
			b = append(b, m.B.Data[(row*rank+r)*m.Experts+e])
		}
	}
	return Module{
		Name: m.Name, Key: m.Key,
		A: &adapters.Tensor{Name: m.A.Name, Shape: []int{rank, in}, Data: m.A.Data[e*rank*in : (e+1)*rank*in]},
		B: &adapters.Tensor{Name: m.B.Name, Shape: []int{end - first, rank}, Data: b},
	}
}
