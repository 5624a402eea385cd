package peft

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/adapters"
)

// Prefix stands before the base's module names in tensor names.
const Prefix = "base_model.model."

// The suffixes of a module's tensors. DoRA's has no ".weight" on disk (peft/tuners/lora/model.py).
const (
	suffixA         = ".lora_A.weight"
	suffixB         = ".lora_B.weight"
	suffixMagnitude = ".lora_magnitude_vector"
)

// maxRank is far beyond any use and keeps products of sizes small.
const maxRank = 1 << 16

// Module is the tensors of one adapted linear module, or of a parameter that stacks the matrices of
// experts. Magnitude is nil without DoRA.
type Module struct {
	Name            string // in the base, e.g. model.layers.0.self_attn.q_proj
	A, B, Magnitude *adapters.Tensor
	Experts         int    // 0 for a linear module
	Key             string // what rank_pattern and alpha_pattern are held against: Name, or that of the parameter targeted
}

// Modules groups an adapter's tensors by module, in order of their names. It reports tensors that
// belong to no pair, pairs that are incomplete, and those whose parameter cannot be told.
func Modules(a *adapters.Adapter) ([]Module, error) {
	var modules []Module
	index := map[string]int{}
	tensors := sorted(a.Tensors)
	for i := range tensors {
		name, suffix, err := splitName(tensors[i].Name)
		if err != nil {
			return nil, err
		}
		at, ok := index[name]
		if !ok {
			at = len(modules)
			index[name] = at
			modules = append(modules, Module{Name: name})
		}
		field := modules[at].field(suffix)
		if *field != nil {
			return nil, fmt.Errorf("tensor %q occurs twice", tensors[i].Name)
		}
		*field = &tensors[i]
	}
	for _, m := range modules {
		if m.A == nil || m.B == nil {
			return nil, fmt.Errorf("module %q: the pair of lora_A and lora_B is incomplete", m.Name)
		}
	}
	if err := nameParameters(a.Config, modules); err != nil {
		return nil, err
	}
	slices.SortFunc(modules, func(x, y Module) int { return strings.Compare(x.Name, y.Name) })
	return modules, nil
}

// field is where the tensor with that suffix belongs.
func (m *Module) field(suffix string) **adapters.Tensor {
	switch suffix {
	case suffixA:
		return &m.A
	case suffixB:
		return &m.B
	default:
		return &m.Magnitude
	}
}

// splitName takes a tensor's name apart into the base's module and the suffix.
func splitName(name string) (module, suffix string, err error) {
	rest, ok := strings.CutPrefix(name, Prefix)
	if !ok {
		return "", "", fmt.Errorf("tensor %q: name does not begin with %s", name, Prefix)
	}
	for _, suffix := range []string{suffixA, suffixB, suffixMagnitude} {
		if module, ok := strings.CutSuffix(rest, suffix); ok && module != "" {
			return module, suffix, nil
		}
	}
	if strings.Contains(rest, ".lora_embedding_") {
		return "", "", fmt.Errorf("tensor %q: LoRA on embeddings is not supported", name)
	}
	return "", "", fmt.Errorf("tensor %q is no lora_A, lora_B or lora_magnitude_vector", name)
}

// Check holds an adapter against what the format and this project demand of one; see the package's
// description.
func Check(a *adapters.Adapter) error {
	if err := checkConfig(a.Config); err != nil {
		return err
	}
	modules, err := Modules(a)
	if err != nil {
		return err
	}
	if len(modules) == 0 {
		return fmt.Errorf("%w: it holds no tensors", adapters.ErrNotAdapter)
	}
	targeted, err := Targeted(a.Config)
	if err != nil {
		return err
	}
	for _, m := range modules {
		if targeted != nil && m.Key == m.Name && m.Experts == 0 && !targeted(m.Name) {
			return fmt.Errorf("module %q has tensors but is not among target_modules", m.Name)
		}
		if err := checkModule(a.Config, m); err != nil {
			return fmt.Errorf("module %q: %w", m.Name, err)
		}
	}
	return nil
}

func checkConfig(c adapters.Config) error {
	switch {
	case c.Rank < 1 || c.Rank > maxRank:
		return fmt.Errorf("r is %d, not 1 to %d", c.Rank, maxRank)
	case !isFinite(c.Alpha):
		return fmt.Errorf("lora_alpha is %g", c.Alpha)
	case !(c.Dropout >= 0 && c.Dropout < 1):
		return fmt.Errorf("lora_dropout is %g, not in [0, 1)", c.Dropout)
	case len(c.TargetModules)+len(c.TargetParameters) == 0:
		return errors.New("target_modules is empty")
	case len(c.TargetParameters) > 0 && c.Dropout != 0:
		return fmt.Errorf("lora_dropout is %g with target_parameters, which PEFT has none on", c.Dropout)
	case len(c.TargetParameters) > 0 && c.UseDoRA:
		return errors.New("use_dora with target_parameters, which PEFT has none on")
	}
	for _, name := range c.TargetParameters {
		if _, last := splitParameter(name); "."+last != weightOf && !slices.Contains(stacked, last) {
			return fmt.Errorf("target_parameters %.60q is not supported; %s of experts are, and weight of linear modules", name, strings.Join(stacked, ", "))
		}
	}
	for _, p := range c.RankPattern {
		if p.Value < 1 || p.Value > maxRank {
			return fmt.Errorf("rank_pattern %q is %d, not 1 to %d", p.Name, p.Value, maxRank)
		}
		if _, err := Compile(p.Name); err != nil {
			return fmt.Errorf("rank_pattern: %w", err)
		}
	}
	for _, p := range c.AlphaPattern {
		if !isFinite(p.Value) {
			return fmt.Errorf("alpha_pattern %q is %g", p.Name, p.Value)
		}
		if _, err := Compile(p.Name); err != nil {
			return fmt.Errorf("alpha_pattern: %w", err)
		}
	}
	return nil
}

// checkModule: A is [r, in], B is [out, r], the magnitude [out]. Of stacked experts r is that of all.
func checkModule(c adapters.Config, m Module) error {
	for _, t := range []*adapters.Tensor{m.A, m.B, m.Magnitude} {
		if t == nil {
			continue
		}
		n := 1
		for _, d := range t.Shape {
			n *= d
		}
		if n != len(t.Data) {
			return fmt.Errorf("tensor %q: shape %v does not fit %d values", t.Name, t.Shape, len(t.Data))
		}
		for _, v := range t.Data {
			if v-v != 0 { // NaN for both NaN and infinities
				return fmt.Errorf("tensor %q holds a NaN or an infinity: training diverged or the file is damaged", t.Name)
			}
		}
	}
	rank := c.RankOf(m.Key) * max(1, m.Experts)
	if len(m.A.Shape) != 2 || m.A.Shape[0] != rank || m.A.Shape[1] < 1 {
		return fmt.Errorf("lora_A has shape %v, not [%d, in]: r is %d", m.A.Shape, rank, rank)
	}
	if len(m.B.Shape) != 2 || m.B.Shape[1] != rank || m.B.Shape[0] < 1 {
		return fmt.Errorf("lora_B has shape %v, not [out, %d]: r is %d", m.B.Shape, rank, rank)
	}
	if (m.Magnitude != nil) != c.UseDoRA {
		return fmt.Errorf("use_dora is %t, but lora_magnitude_vector says otherwise", c.UseDoRA)
	}
	if m.Magnitude != nil && !slices.Equal(m.Magnitude.Shape, m.B.Shape[:1]) {
		return fmt.Errorf("lora_magnitude_vector has shape %v, not [%d]", m.Magnitude.Shape, m.B.Shape[0])
	}
	return nil
}

func isFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
