// Package lora fits low-rank updates to the linear modules of a frozen base (Hu et al.,
// arXiv:2106.09685): which modules, how they start, and their way from and to PEFT's files.
package lora

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/peft"
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

	// TargetParameters names weights that are no linear module's: those of stacked experts, and their router.
	TargetParameters []string `yaml:"target_parameters" json:"target_parameters,omitempty"`
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
	switch parameters := len(c.TargetParameters) > 0; {
	case !parameters && len(c.TargetModules) == 0:
		errs = append(errs, errors.New("lora.target_modules is empty"))
	case parameters && c.Dropout != 0:
		errs = append(errs, fmt.Errorf("lora.lora_dropout is %g, with target_parameters PEFT wants 0", c.Dropout))
	case parameters && c.UseDoRA:
		errs = append(errs, errors.New("lora.use_dora is set, with target_parameters PEFT has no DoRA"))
	}
	return errors.Join(errs...)
}

// Factors are the trainable factors of all that is targeted, in module order.
type Factors struct {
	Config  adapters.Config
	modules []model.Module
	byName  map[string]*model.LoRA
}

// New starts factors for what is targeted: A uniform in ±1/√in (PyTorch's kaiming_uniform_
// with a = √5), B zero, so that training starts from the base, as do the magnitudes of DoRA, the
// norms of the rows of the base's weights. Each A has a random stream of its own, keyed by its name.
func New(c Config, modules []model.Module, src model.Source, seed uint64) (*Factors, error) {
	ac := adapters.Config{Rank: c.Rank, Alpha: c.Alpha, Dropout: c.Dropout, UseRSLoRA: c.UseRSLoRA, UseDoRA: c.UseDoRA, TaskType: "CAUSAL_LM"}
	targeted, byModule, byParameter, err := target(c, modules)
	if err != nil {
		return nil, err
	}
	ac.TargetModules, ac.TargetParameters = byModule, byParameter
	f := &Factors{Config: ac, byName: make(map[string]*model.LoRA)}
	for _, m := range targeted {
		l := f.add(m, c.Rank, m.Name)
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
	return f, nil
}

// Sketch is factors of which only the shapes count: those of one shape share their memory, so that nothing
// can be computed with them and models of any size can be planned for.
func Sketch(c Config, modules []model.Module) (*Factors, error) {
	targeted, _, _, err := target(c, modules)
	if err != nil {
		return nil, err
	}
	f := &Factors{Config: adapters.Config{Rank: c.Rank, Alpha: c.Alpha, UseRSLoRA: c.UseRSLoRA}, byName: make(map[string]*model.LoRA)}
	shared := make(map[[2]int]*ops.Param)
	param := func(rows, cols int) *ops.Param {
		shape := [2]int{rows, cols}
		if shared[shape] == nil {
			shared[shape] = ops.NewParam("", rows, cols)
		}
		return shared[shape]
	}
	for _, m := range targeted {
		n := max(1, m.Experts)
		l := &model.LoRA{A: param(n*c.Rank, m.In), B: param(n*m.Out, c.Rank), Scaling: float32(f.Config.ScalingOf(m.Name, c.Rank))}
		if c.UseDoRA {
			l.Magnitude = param(1, m.Out)
		}
		f.modules, f.byName[m.Name] = append(f.modules, m), l
	}
	return f, nil
}

// Count is how many parameters there are.
func (f *Factors) Count() int64 {
	var n int64
	for _, p := range f.Params() {
		n += int64(p.Rows) * int64(p.Cols)
	}
	return n
}

// FromAdapter takes the factors of an adapter. Every tensor must belong to a module.
func FromAdapter(a *adapters.Adapter, modules []model.Module) (*Factors, error) {
	f := &Factors{Config: a.Config, byName: make(map[string]*model.LoRA)}
	list, err := peft.Modules(a)
	if err != nil {
		return nil, fmt.Errorf("adapter: %w", err)
	}
	given := make(map[string]peft.Module, len(list))
	for _, g := range list {
		given[g.Name] = g
	}
	for _, m := range modules {
		g, ok := given[m.Name]
		if !ok {
			continue
		}
		delete(given, m.Name)
		if err := fits(g, m); err != nil {
			return nil, err
		}
		l := f.add(m, g.Rank(), g.Key)
		copy(l.A.Value, g.A.Data)
		copyB(l.B.Value, g.B.Data, max(1, m.Experts), m.Out, g.Rank())
		if l.Magnitude == nil {
			continue
		}
		if g.Magnitude == nil || len(g.Magnitude.Data) != m.Out {
			return nil, fmt.Errorf("%w: %s has no lora_magnitude_vector of %d elements", adapters.ErrBaseMismatch, m.Name, m.Out)
		}
		copy(l.Magnitude.Value, g.Magnitude.Data)
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		return nil, fmt.Errorf("%w: the base has no module for tensor %q (it has %s)", adapters.ErrBaseMismatch, given[name].A.Name, targets(modules))
	}
	return f, nil
}

// fits holds the factors that an adapter has against the base's module of that name.
func fits(g peft.Module, m model.Module) error {
	n := max(1, m.Experts) * g.Rank()
	if g.Experts != m.Experts || len(g.A.Shape) != 2 || len(g.B.Shape) != 2 || g.A.Shape[0] != n || g.A.Shape[1] != m.In || g.B.Shape[0] != m.Out || g.B.Shape[1] != n {
		what := fmt.Sprintf("the base's weight is %d×%d", m.Out, m.In)
		if m.Experts > 0 {
			what = fmt.Sprintf("the base has %d experts of %d×%d", m.Experts, m.Out, m.In)
		}
		return fmt.Errorf("%w: %s has factors %v and %v, %s", adapters.ErrBaseMismatch, m.Name, g.B.Shape, g.A.Shape, what)
	}
	return nil
}

// copyB turns PEFT's B of experts, (out, rank, experts), into theirs one after the other, (experts, out,
// rank); for a single matrix both are the same.
func copyB(dst, src []float32, experts, out, rank int) {
	n := out * rank
	for i := range n {
		for e := range experts {
			dst[e*n+i] = src[i*experts+e]
		}
	}
}

// fileB is what copyB was given.
func fileB(src []float32, experts, out, rank int) []float32 {
	n := out * rank
	dst := make([]float32, len(src))
	for e := range experts {
		for i := range n {
			dst[i*experts+e] = src[e*n+i]
		}
	}
	return dst
}

// add makes the factors of a module. key is what its scaling is looked up by.
func (f *Factors) add(m model.Module, rank int, key string) *model.LoRA {
	n := max(1, m.Experts)
	a, b := f.names(m)
	l := &model.LoRA{
		A:       ops.NewParam(a, n*rank, m.In),
		B:       ops.NewParam(b, n*m.Out, rank),
		Scaling: float32(f.Config.ScalingOf(key, rank)),
		Dropout: float32(f.Config.Dropout),
	}
	if f.Config.UseDoRA { // its file name has no ".weight"
		l.Magnitude = ops.NewParam("base_model.model."+m.Name+".lora_magnitude_vector", 1, m.Out)
	}
	f.modules = append(f.modules, m)
	f.byName[m.Name] = l
	return l
}

// names are PEFT's names of the factors of a module.
func (f *Factors) names(m model.Module) (a, b string) {
	if m.Experts > 0 {
		return peft.FactorNames(m.Name, func(parameter string) bool { return peft.Named(f.Config.TargetParameters, parameter) })
	}
	return tensorName(m.Name, "A"), tensorName(m.Name, "B")
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
	add := func(p *ops.Param, data []float32, shape ...int) {
		a.Tensors = append(a.Tensors, adapters.Tensor{Name: p.Name, Shape: shape, Data: data})
	}
	for _, m := range f.modules {
		l, n := f.byName[m.Name], max(1, m.Experts)
		rank := l.B.Cols
		add(l.A, slices.Clone(l.A.Value), n*rank, m.In)
		add(l.B, fileB(l.B.Value, n, m.Out, rank), m.Out, n*rank)
		if l.Magnitude != nil {
			add(l.Magnitude, slices.Clone(l.Magnitude.Value), m.Out)
		}
	}
	slices.SortFunc(a.Tensors, func(x, y adapters.Tensor) int { return strings.Compare(x.Name, y.Name) })
	return a
}
