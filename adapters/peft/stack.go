package peft

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/cultivar/cultivar/adapters"
)

// Before transformers 5 the experts of some families were linear modules of their own, and PEFT's files
// held a pair of factors for each. PEFT 0.21 stacks them when it loads such a file
// (peft/utils/transformers_weight_conversion.py), and so does Read.

// expertModule is a linear module of one expert, and what transformers 5 calls the module of all.
var expertModule = regexp.MustCompile(`^(.*\.)(mlp|block_sparse_moe)\.experts\.(0|[1-9][0-9]{0,4})\.(gate_proj|w1|up_proj|w3|down_proj|w2)$`)

// Mixtral's router had another name.
const oldRouter, newRouter = ".block_sparse_moe.gate", ".mlp.gate"

// expertFactors are the factors of a layer's experts: of gate, up and down, by expert.
type expertFactors [3]map[int]*Module

// stack returns an adapter whose experts are stacked, the same where there is nothing to stack. What it
// computes stays what it was. Dropout, which is for training only, becomes 0: stacked experts have none.
func stack(a *adapters.Adapter) (*adapters.Adapter, error) {
	modules, err := Modules(a)
	if err != nil {
		return nil, err
	}
	s := &stacker{config: a.Config, layers: make(map[string]*expertFactors)}
	for i := range modules {
		if err := s.take(&modules[i]); err != nil {
			return nil, err
		}
	}
	if len(s.order) == 0 && !s.router {
		return a, nil
	}
	out := &adapters.Adapter{Config: s.newConfig()}
	for _, m := range s.others {
		name := Prefix + m.Name
		if before, ok := strings.CutSuffix(m.Name, oldRouter); ok {
			name = Prefix + before + newRouter
		}
		out.Tensors = append(out.Tensors, renamed(m.A, name+suffixA), renamed(m.B, name+suffixB))
	}
	for _, container := range s.order {
		if err := s.layers[container].stackInto(out, container); err != nil {
			return nil, err
		}
	}
	out.Tensors = sorted(out.Tensors)
	return out, nil
}

// stacker sorts modules into those of experts and others.
type stacker struct {
	config adapters.Config
	layers map[string]*expertFactors
	order  []string // their names, as they came
	others []*Module
	router bool // Mixtral's is among others
}

func (s *stacker) take(m *Module) error {
	parts := expertModule.FindStringSubmatch(m.Name)
	if parts == nil || m.Experts > 0 {
		s.others = append(s.others, m)
		s.router = s.router || strings.HasSuffix(m.Name, oldRouter)
		return nil
	}
	c := s.config
	if err := checkModule(c, *m); err != nil {
		return fmt.Errorf("module %q: %w", m.Name, err)
	}
	switch {
	case c.UseDoRA:
		return fmt.Errorf("module %q: DoRA on experts is not supported, by PEFT neither", m.Name)
	case m.Rank() != c.Rank || c.ScalingOf(m.Key, c.Rank) != c.ScalingOf("", c.Rank):
		return fmt.Errorf("module %q: rank_pattern and alpha_pattern on one expert's modules are not supported", m.Name)
	}
	container := parts[1] + "mlp.experts"
	if s.layers[container] == nil {
		s.layers[container] = new(expertFactors)
		s.order = append(s.order, container)
	}
	e, err := strconv.Atoi(parts[3])
	if err != nil {
		return err
	}
	role := map[string]int{"gate_proj": 0, "w1": 0, "up_proj": 1, "w3": 1, "down_proj": 2, "w2": 2}[parts[4]]
	if s.layers[container][role] == nil {
		s.layers[container][role] = make(map[int]*Module)
	}
	s.layers[container][role][e] = m
	return nil
}

// newConfig is what PEFT makes of the configuration: gate and up are one update of twice the rank, and
// keep their scaling.
func (s *stacker) newConfig() adapters.Config {
	c := s.config
	parameters := make(map[string]bool)
	for _, l := range s.layers {
		parameters["gate_up_proj"] = parameters["gate_up_proj"] || len(l[0])+len(l[1]) > 0
		parameters["down_proj"] = parameters["down_proj"] || len(l[2]) > 0
	}
	if parameters["gate_up_proj"] {
		const gateUp = `.*\.gate_up_proj`
		alpha := 2 * c.Alpha
		if c.UseRSLoRA {
			alpha = math.Sqrt2 * c.Alpha
		}
		c.RankPattern, c.AlphaPattern = c.RankPattern.With(gateUp, 2*c.Rank), c.AlphaPattern.With(gateUp, alpha)
	}
	var modules []string
	for _, m := range s.others {
		_, last := splitParameter(m.Name)
		switch {
		case !TakenForExperts(m.Name):
			modules = append(modules, last)
		case strings.HasSuffix(m.Name, oldRouter) || strings.HasSuffix(m.Name, newRouter):
			parameters["gate.weight"] = true
		default:
			parameters[m.Name+weightOf] = true
		}
	}
	if !isPattern(c.TargetModules) {
		modules = slices.DeleteFunc(slices.Clone(c.TargetModules), TakenForExperts)
	}
	slices.Sort(modules)
	c.TargetModules, c.TargetParameters, c.Dropout = slices.Compact(modules), nil, 0
	for name, there := range parameters {
		if there {
			c.TargetParameters = append(c.TargetParameters, name)
		}
	}
	slices.Sort(c.TargetParameters)
	return c
}

func renamed(t *adapters.Tensor, name string) adapters.Tensor {
	return adapters.Tensor{Name: name, Shape: t.Shape, Data: t.Data}
}

// stackInto adds the stacked factors of a layer to an adapter. Of gate and up A has the rows of one
// after the other for every expert, and B is block diagonal.
func (l *expertFactors) stackInto(out *adapters.Adapter, container string) error {
	targeted := func(parameter string) bool { return Named(out.Config.TargetParameters, parameter) }
	for _, p := range []struct {
		name  string
		roles []map[int]*Module
	}{{container + ".gate_up_proj", l[:2]}, {container + ".down_proj", l[2:]}} {
		var parts [][]*Module
		n := 0
		for _, role := range p.roles {
			n = max(n, len(role))
		}
		if n == 0 {
			if targeted(p.name) {
				return fmt.Errorf("parameter %q has no tensors, in other layers it has", p.name)
			}
			continue
		}
		for _, role := range p.roles {
			part, err := inOrder(role, n)
			if err != nil {
				return fmt.Errorf("parameter %q: %w", p.name, err)
			}
			parts = append(parts, part)
		}
		a, b := FactorNames(p.name, targeted)
		out.Tensors = append(out.Tensors, stackedA(a, parts), stackedB(b, parts))
	}
	return nil
}

// inOrder lists n experts, which must be all and of one shape.
func inOrder(role map[int]*Module, n int) ([]*Module, error) {
	part := make([]*Module, 0, n)
	for e := range n {
		m := role[e]
		if m == nil {
			return nil, errors.New("the adapter lacks some of its matrices: all experts are targeted together, and gate with up")
		}
		part = append(part, m)
		if !slices.Equal(m.A.Shape, part[0].A.Shape) || !slices.Equal(m.B.Shape, part[0].B.Shape) {
			return nil, fmt.Errorf("experts differ in shape: %v and %v, %v and %v", part[0].B.Shape, part[0].A.Shape, m.B.Shape, m.A.Shape)
		}
	}
	return part, nil
}

// stackedA is (experts·rank, in) with the parts' rows of an expert one after the other.
func stackedA(name string, parts [][]*Module) adapters.Tensor {
	t := adapters.Tensor{Name: name, Shape: []int{0, parts[0][0].A.Shape[1]}}
	for e := range parts[0] {
		for _, part := range parts {
			t.Shape[0] += part[e].A.Shape[0]
			t.Data = append(t.Data, part[e].A.Data...)
		}
	}
	return t
}

// stackedB is (out, rank·experts), its columns by rank, then expert.
func stackedB(name string, parts [][]*Module) adapters.Tensor {
	experts, rank, out := len(parts[0]), 0, 0
	for _, part := range parts {
		out += part[0].B.Shape[0]
		rank += part[0].B.Shape[1]
	}
	t := adapters.Tensor{Name: name, Shape: []int{out, rank * experts}, Data: make([]float32, out*rank*experts)}
	row, col := 0, 0
	for _, part := range parts {
		for e, m := range part {
			r := m.B.Shape[1]
			for i, v := range m.B.Data {
				t.Data[(row+i/r)*rank*experts+(col+i%r)*experts+e] = v
			}
		}
		row += part[0].B.Shape[0]
		col += part[0].B.Shape[1]
	}
	return t
}
