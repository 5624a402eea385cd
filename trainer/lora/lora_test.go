package lora

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/trainer/model"
)

var modules = []model.Module{
	{Name: "model.layers.0.self_attn.q_proj", In: 8, Out: 8},
	{Name: "model.layers.0.mlp.down_proj", In: 12, Out: 8},
	{Name: "model.layers.1.self_attn.q_proj", In: 8, Out: 8},
}

func TestTargets(t *testing.T) {
	for _, tt := range []struct {
		targets Targets
		want    int // modules
		names   []string
	}{
		{Targets{"all-linear"}, 3, []string{"down_proj", "q_proj"}},
		{Targets{"q_proj"}, 2, []string{"q_proj"}},
		{Targets{"q_proj", "down_proj"}, 3, []string{"down_proj", "q_proj"}},
		{Targets{`model\.layers\.1\..*`}, 1, []string{"model.layers.1.self_attn.q_proj"}}, // q_proj would be layer 0's as well
		{Targets{`.*\.[qk]_proj`}, 2, []string{"q_proj"}},
		{Targets{"proj"}, 0, nil},
	} {
		c := DefaultConfig()
		c.TargetModules = tt.targets
		f, err := New(c, modules, nil, 1)
		if tt.want == 0 {
			if err == nil || !strings.Contains(err.Error(), "q_proj") {
				t.Errorf("%v: error is %v, want the modules that exist", tt.targets, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(f.Params()) != 2*tt.want || !slices.Equal(f.Config.TargetModules, tt.names) {
			t.Errorf("%v: %d factors, targets %v", tt.targets, len(f.Params()), f.Config.TargetModules)
		}
	}
}

func TestInit(t *testing.T) {
	f, err := New(DefaultConfig(), modules, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := New(DefaultConfig(), modules[1:], nil, 1)
	other, _ := New(DefaultConfig(), modules, nil, 2)
	for _, m := range modules {
		l := f.byName[m.Name]
		bound := float32(1 / math.Sqrt(float64(m.In)))
		if slices.Max(l.A.Value) > bound || slices.Max(l.A.Value) < 0.8*bound || slices.Min(l.A.Value) > -0.8*bound {
			t.Errorf("%s: A is not uniform in ±%g", m.Name, bound)
		}
		if slices.Max(l.B.Value) != 0 || slices.Min(l.B.Value) != 0 {
			t.Errorf("%s: B is not zero", m.Name)
		}
		if slices.Equal(l.A.Value, other.byName[m.Name].A.Value) {
			t.Errorf("%s: the seed changes nothing", m.Name)
		}
		if a := again.byName[m.Name]; a != nil && !slices.Equal(l.A.Value, a.A.Value) {
			t.Errorf("%s: the start depends on which other modules are targeted", m.Name)
		}
	}
	if slices.Equal(f.byName[modules[0].Name].A.Value, f.byName[modules[2].Name].A.Value) {
		t.Error("two modules start alike")
	}
}

func TestAdapterRoundTrip(t *testing.T) {
	f, err := New(DefaultConfig(), modules, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	f.Params()[1].Value[3] = 0.5
	a := f.Adapter()
	if !slices.IsSortedFunc(a.Tensors, func(x, y adapters.Tensor) int { return strings.Compare(x.Name, y.Name) }) {
		t.Error("tensors are not sorted")
	}
	back, err := FromAdapter(a, modules)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range f.Params() {
		if q := back.Params()[i]; q.Name != p.Name || !slices.Equal(p.Value, q.Value) {
			t.Errorf("%s does not come back", p.Name)
		}
	}
	if back.byName[modules[0].Name].Scaling != 2 {
		t.Errorf("scaling %g", back.byName[modules[0].Name].Scaling)
	}
	_, err = FromAdapter(a, modules[1:])
	if !errors.Is(err, adapters.ErrBaseMismatch) {
		t.Errorf("a module that the base lacks: %v", err)
	}
	narrow := slices.Clone(modules)
	narrow[0].In = 4
	if _, err = FromAdapter(a, narrow); !errors.Is(err, adapters.ErrBaseMismatch) {
		t.Errorf("a module of another shape: %v", err)
	}
}

func TestTargetsYAML(t *testing.T) {
	for in, want := range map[string]Targets{"all-linear": {"all-linear"}, "[a, b]": {"a", "b"}} {
		var got Targets
		if err := yaml.Unmarshal([]byte(in), &got); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v", in, got, err)
		}
	}
}

func TestValidate(t *testing.T) {
	err := Config{Rank: 0, Alpha: 0, Dropout: 1}.Validate()
	for _, want := range []string{"lora.r", "lora_alpha", "lora_dropout", "target_modules"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
}

// weights is a source of the modules' weights.
type weights struct{}

func (weights) Has(string) bool { return true }

func (weights) Tensor(name string) (bases.View, error) {
	for _, m := range modules {
		if m.Name+".weight" != name {
			continue
		}
		data := make([]float32, m.In*m.Out)
		for i := range data {
			data[i] = float32(i/m.In) / float32(math.Sqrt(float64(m.In))) // row r has norm r
		}
		return bases.View{F32: data, Shape: []int{m.Out, m.In}}, nil
	}
	return bases.View{}, bases.ErrNoTensor
}

func TestDoRA(t *testing.T) {
	c := DefaultConfig()
	c.UseDoRA = true
	f, err := New(c, modules, weights{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Params()) != 3*len(modules) || !f.Config.UseDoRA {
		t.Fatalf("%d parameters", len(f.Params()))
	}
	m := f.Params()[2]
	if m.Name != "base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector" || m.Cols != 8 {
		t.Errorf("the magnitude is %s, %d×%d", m.Name, m.Rows, m.Cols)
	}
	for i, v := range m.Value {
		if math.Abs(float64(v)-float64(i)) > 1e-5 {
			t.Errorf("magnitude %d starts at %g, not at the norm of the row", i, v)
		}
	}
	m.Value[3] = 0.5
	a := f.Adapter()
	for _, x := range a.Tensors {
		if x.Name == m.Name && (len(x.Shape) != 1 || x.Shape[0] != 8) {
			t.Errorf("%s has shape %v on disk", x.Name, x.Shape)
		}
	}
	if err := peft.Check(a); err != nil {
		t.Error(err)
	}
	back, err := FromAdapter(a, modules)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range f.Params() {
		if q := back.Params()[i]; q.Name != p.Name || !slices.Equal(p.Value, q.Value) {
			t.Errorf("%s does not come back", p.Name)
		}
	}
	a.Tensors = slices.DeleteFunc(a.Tensors, func(x adapters.Tensor) bool { return x.Name == m.Name })
	if _, err := FromAdapter(a, modules); !errors.Is(err, adapters.ErrBaseMismatch) {
		t.Errorf("without a magnitude: %v", err)
	}
}
