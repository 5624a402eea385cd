// Package lora fits low-rank updates to the linear modules of a frozen base (Hu et al.,
// arXiv:2106.09685): which modules, how they start, and their way from and to PEFT's files.
package lora

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/internal/rng"
	"github.com/cultivar/cultivar/trainer/model"
	"github.com/cultivar/cultivar/trainer/ops"
)

// AllLinear targets every linear module of the decoder layers, as PEFT's target_modules: all-linear.
const AllLinear = "all-linear"

// Config is the `lora` section of a training configuration; names are PEFT's.
type Config struct {
	Rank          int     `yaml:"r" json:"r"`
	Alpha         float64 `yaml:"lora_alpha" json:"lora_alpha"`
	TargetModules Targets `yaml:"target_modules" json:"target_modules"`
	Dropout       float64 `yaml:"lora_dropout" json:"lora_dropout"`
	UseRSLoRA     bool    `yaml:"use_rslora" json:"use_rslora"`
	UseDoRA       bool    `yaml:"use_dora" json:"use_dora"`
}

// DefaultConfig is rank 16, alpha 32, on all linear modules.
func DefaultConfig() Config {
	return Config{Rank: 16, Alpha: 32, TargetModules: Targets{AllLinear}}
}

// Validate joins everything that is wrong with the configuration.
func (c Config) Validate() error {
	var errs []error
	if c.Rank < 1 {
		errs = append(errs, fmt.Errorf("lora.r is %d, want at least 1", c.Rank))
	}
	if !(c.Alpha > 0) {
		errs = append(errs, fmt.Errorf("lora.lora_alpha is %g, want more than 0", c.Alpha))
	}
	if c.Dropout < 0 || c.Dropout >= 1 {
		errs = append(errs, fmt.Errorf("lora.lora_dropout is %g, want 0 ≤ p < 1", c.Dropout))
	}
	if len(c.TargetModules) == 0 {
		errs = append(errs, errors.New("lora.target_modules is empty"))
	}
	return errors.Join(errs...)
}

// Targets is target_modules: a list of module names, or one string that is "all-linear" or a
// regular expression over full module names.
type Targets []string

// Factors are the trainable factors of all targeted modules, in module order.
type Factors struct {
	Config  adapters.Config
	modules []model.Module
	byName  map[string]*model.LoRA
}

// New starts factors for the targeted modules: A uniform in ±1/√in (PyTorch's kaiming_uniform_
// with a = √5), B zero, so that training starts from the base, as do the magnitudes of DoRA, the
// norms of the rows of the base's weights. Each A has a random stream of its own, keyed by its name.
func New(c Config, modules []model.Module, src model.Source, seed uint64) (*Factors, error) {
	ac := adapters.Config{Rank: c.Rank, Alpha: c.Alpha, Dropout: c.Dropout, UseRSLoRA: c.UseRSLoRA, UseDoRA: c.UseDoRA, TaskType: "CAUSAL_LM"}
	targeted, err := match(c.TargetModules, modules)
	if err != nil {
		return nil, err
	}
	f := &Factors{Config: ac, byName: make(map[string]*model.LoRA)}
	for _, m := range targeted {
		l := f.add(m, c.Rank)
		stream := rng.New(seed, "lora_A "+m.Name).At(0, 0)
		bound := float32(1 / math.Sqrt(float64(m.In)))
		for i := range l.A.Value {
			l.A.Value[i] = stream.Uniform(-bound, bound)
		}
		if l.Magnitude == nil {
			continue
		}
		norms, err := m.RowNorms(src)
		if err != nil {
			return nil, fmt.Errorf("start magnitudes of %s: %w", m.Name, err)
		}
		copy(l.Magnitude.Value, norms)
	}
	f.Config.TargetModules = namesFor(targeted, modules)
	return f, nil
}

// FromAdapter takes the factors of an adapter. Every tensor must belong to a module.
func FromAdapter(a *adapters.Adapter, modules []model.Module) (*Factors, error) {
	f := &Factors{Config: a.Config, byName: make(map[string]*model.LoRA)}
	tensors := make(map[string]adapters.Tensor, len(a.Tensors))
	for _, t := range a.Tensors {
		tensors[t.Name] = t
	}
	for _, m := range modules {
		ta, oka := tensors[tensorName(m.Name, "A")]
		tb, okb := tensors[tensorName(m.Name, "B")]
		if !oka && !okb {
			continue
		}
		if !oka || !okb {
			return nil, fmt.Errorf("adapter: %s has one factor only", m.Name)
		}
		rank := ta.Shape[0]
		if len(ta.Shape) != 2 || len(tb.Shape) != 2 || ta.Shape[1] != m.In || tb.Shape[0] != m.Out || tb.Shape[1] != rank {
			return nil, fmt.Errorf("%w: %s has factors %v and %v, the base's weight is %d×%d", adapters.ErrBaseMismatch, m.Name, tb.Shape, ta.Shape, m.Out, m.In)
		}
		l := f.add(m, rank)
		copy(l.A.Value, ta.Data)
		copy(l.B.Value, tb.Data)
		delete(tensors, ta.Name)
		delete(tensors, tb.Name)
		if l.Magnitude == nil {
			continue
		}
		tm, ok := tensors[l.Magnitude.Name]
		if !ok || len(tm.Data) != m.Out {
			return nil, fmt.Errorf("%w: %s has no lora_magnitude_vector of %d elements", adapters.ErrBaseMismatch, m.Name, m.Out)
		}
		copy(l.Magnitude.Value, tm.Data)
		delete(tensors, tm.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		return nil, fmt.Errorf("%w: the base has no module for tensor %q (it has %s)", adapters.ErrBaseMismatch, name, targets(modules))
	}
	return f, nil
}

func (f *Factors) add(m model.Module, rank int) *model.LoRA {
	l := &model.LoRA{
		A:       ops.NewParam(tensorName(m.Name, "A"), rank, m.In),
		B:       ops.NewParam(tensorName(m.Name, "B"), m.Out, rank),
		Scaling: float32(f.Config.ScalingOf(m.Name, rank)),
		Dropout: float32(f.Config.Dropout),
	}
	if f.Config.UseDoRA { // its file name has no ".weight"
		l.Magnitude = ops.NewParam("base_model.model."+m.Name+".lora_magnitude_vector", 1, m.Out)
	}
	f.modules = append(f.modules, m)
	f.byName[m.Name] = l
	return l
}

// tensorName is PEFT's name of a factor.
func tensorName(module, factor string) string {
	return "base_model.model." + module + ".lora_" + factor + ".weight"
}

// Attachment hands the factors to a model.
func (f *Factors) Attachment() model.Attachment {
	return model.Attachment{LoRA: func(module string) *model.LoRA { return f.byName[module] }}
}

// Params lists the factors, A before B before the magnitude, in module order.
func (f *Factors) Params() []*ops.Param {
	var list []*ops.Param
	for _, m := range f.modules {
		l := f.byName[m.Name]
		list = append(list, l.A, l.B)
		if l.Magnitude != nil {
			list = append(list, l.Magnitude)
		}
	}
	return list
}

// Adapter copies the factors out, tensors sorted by name.
func (f *Factors) Adapter() *adapters.Adapter {
	a := &adapters.Adapter{Config: f.Config}
	for _, p := range f.Params() {
		shape := []int{p.Rows, p.Cols}
		if strings.HasSuffix(p.Name, ".lora_magnitude_vector") {
			shape = shape[1:]
		}
		a.Tensors = append(a.Tensors, adapters.Tensor{Name: p.Name, Shape: shape, Data: slices.Clone(p.Value)})
	}
	slices.SortFunc(a.Tensors, func(x, y adapters.Tensor) int { return strings.Compare(x.Name, y.Name) })
	return a
}

// match applies target_modules as PEFT does: a list names modules by their last parts, one string
// is a regular expression over the whole name.
func match(t Targets, modules []model.Module) ([]model.Module, error) {
	if len(t) == 1 && t[0] == AllLinear {
		return modules, nil
	}
	named := func(name, s string) bool { return name == s || strings.HasSuffix(name, "."+s) }
	test := func(name string) bool {
		return slices.ContainsFunc(t, func(s string) bool { return named(name, s) })
	}
	if len(t) == 1 && strings.ContainsAny(t[0], `*+?()[]|\^$`) {
		re, err := regexp.Compile("^(?:" + t[0] + ")$")
		if err != nil {
			return nil, fmt.Errorf("lora.target_modules: %w", err)
		}
		test = re.MatchString
	} else if mixture(modules) {
		// Elsewhere a name too many does no harm, as in PEFT; here it would mean experts that are not trained.
		for _, s := range t {
			if !slices.ContainsFunc(modules, func(m model.Module) bool { return named(m.Name, s) }) {
				return nil, unmatched(s, modules)
			}
		}
	}
	var out []model.Module
	for _, m := range modules {
		if test(m.Name) {
			out = append(out, m)
		}
	}
	if len(out) == 0 {
		return nil, unmatched(strings.Join(t, ", "), modules)
	}
	return out, nil
}

func unmatched(what string, modules []model.Module) error {
	return fmt.Errorf("lora.target_modules: %s matches no module of the base (it has %s)", what, targets(modules))
}

// targets says what of a base can be targeted.
func targets(modules []model.Module) string {
	list := strings.Join(suffixes(modules), ", ")
	if mixture(modules) {
		list += "; experts and their router cannot be targeted"
	}
	return list
}

// mixture tells whether the feed-forward part of every layer is experts, of which no linear module is.
func mixture(modules []model.Module) bool {
	return len(modules) > 0 && !slices.ContainsFunc(modules, func(m model.Module) bool { return !strings.Contains(m.Name, ".self_attn.") })
}

// namesFor is the list by which PEFT finds the targeted modules and no other: last parts of names, or
// whole names where those would be too many. A regular expression is not handed on, because PEFT would
// hold it against modules as well that are not linear.
func namesFor(targeted, modules []model.Module) []string {
	list := suffixes(targeted)
	if found, err := match(list, modules); err == nil && len(found) == len(targeted) {
		return list
	}
	list = nil
	for _, m := range targeted {
		list = append(list, m.Name)
	}
	slices.Sort(list)
	return list
}

// suffixes lists the distinct last parts of module names, sorted.
func suffixes(modules []model.Module) []string {
	set := make(map[string]bool)
	for _, m := range modules {
		set[m.Name[strings.LastIndexByte(m.Name, '.')+1:]] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// UnmarshalYAML accepts a list of names or one string, as PEFT does.
func (t *Targets) UnmarshalYAML(unmarshal func(any) error) error {
	var one string
	if unmarshal(&one) == nil {
		*t = Targets{one}
		return nil
	}
	var list []string
	if err := unmarshal(&list); err != nil {
		return errors.New("target_modules must be a list of module names, a regular expression or all-linear")
	}
	*t = list
	return nil
}
