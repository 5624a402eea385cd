package lora

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/trainer/model"
)

// mixture is a base of two layers of experts and one that has none.
var mixture = []model.Module{
	{Name: "model.layers.0.self_attn.q_proj", In: 8, Out: 8},
	{Name: "model.layers.0.mlp.gate", In: 8, Out: 3, Router: true},
	{Name: "model.layers.0.mlp.experts.gate_up_proj", In: 8, Out: 12, Experts: 3},
	{Name: "model.layers.0.mlp.experts.down_proj", In: 6, Out: 8, Experts: 3},
	{Name: "model.layers.1.self_attn.q_proj", In: 8, Out: 8},
	{Name: "model.layers.1.mlp.down_proj", In: 6, Out: 8},
	{Name: "model.layers.2.self_attn.q_proj", In: 8, Out: 8},
	{Name: "model.layers.2.mlp.gate", In: 8, Out: 3, Router: true},
	{Name: "model.layers.2.mlp.experts.gate_up_proj", In: 8, Out: 12, Experts: 3},
	{Name: "model.layers.2.mlp.experts.down_proj", In: 6, Out: 8, Experts: 3},
}

func TestTargetParameters(t *testing.T) {
	for _, tt := range []struct {
		modules    Targets
		parameters []string
		targeted   int
		byModule   []string
		byParam    []string
	}{
		{Targets{"all-linear"}, nil, 4, []string{"q_proj"}, []string{"mlp.down_proj.weight"}},
		{nil, []string{"gate_up_proj"}, 2, nil, []string{"mlp.experts.gate_up_proj"}},
		{Targets{"q_proj"}, []string{"mlp.experts.gate_up_proj", "mlp.experts.down_proj"}, 7, []string{"q_proj"}, []string{"mlp.experts.down_proj", "mlp.experts.gate_up_proj"}},
		{nil, []string{"model.layers.2.mlp.experts.down_proj", "gate.weight"}, 3, nil, []string{"model.layers.0.mlp.gate.weight", "model.layers.2.mlp.experts.down_proj", "model.layers.2.mlp.gate.weight"}},
		{nil, []string{"q_proj.weight"}, 3, nil, []string{"self_attn.q_proj.weight"}},
	} {
		c := Config{Rank: 2, Alpha: 4, TargetModules: tt.modules, TargetParameters: tt.parameters}
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		f, err := New(c, mixture, nil, 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(f.Params()) != 2*tt.targeted || !slices.Equal(f.Config.TargetModules, tt.byModule) || !slices.Equal(f.Config.TargetParameters, tt.byParam) {
			t.Errorf("%v and %v: %d factors, target_modules %v, target_parameters %v", tt.modules, tt.parameters, len(f.Params()), f.Config.TargetModules, f.Config.TargetParameters)
		}
		checkRoundTrip(t, f)
	}
}

// checkRoundTrip fills the factors, writes them as PEFT does and takes them back.
func checkRoundTrip(t *testing.T, f *Factors) {
	t.Helper()
	for n, p := range f.Params() {
		for i := range p.Value {
			p.Value[i] = float32(1000*n + i)
		}
	}
	a := f.Adapter()
	if err := peft.Check(a); err != nil {
		t.Fatal(err)
	}
	back, err := FromAdapter(a, mixture)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range f.Params() {
		q := back.Params()[i]
		if q.Name != p.Name || q.Rows != p.Rows || q.Cols != p.Cols || !slices.Equal(p.Value, q.Value) {
			t.Errorf("%s does not come back", p.Name)
		}
	}
}

// PEFT has the rows of A by expert, then rank, and the columns of B by rank, then expert; the parameter
// that a module has first is the innermost.
func TestExpertsInPEFTsFile(t *testing.T) {
	f, err := New(Config{Rank: 2, Alpha: 4, TargetParameters: []string{"experts.gate_up_proj", "model.layers.0.mlp.experts.down_proj"}}, mixture, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	l := f.byName["model.layers.0.mlp.experts.down_proj"]
	for i := range l.B.Value {
		l.B.Value[i] = float32(i)
	}
	var names []string
	for _, x := range f.Adapter().Tensors {
		names = append(names, strings.TrimPrefix(x.Name, "base_model.model.model.layers."))
		if x.Name != l.B.Name {
			continue
		}
		if !slices.Equal(x.Shape, []int{8, 6}) {
			t.Errorf("B of 3 experts of rank 2 has shape %v", x.Shape)
		}
		for row := range 8 {
			for r := range 2 {
				for e := range 3 {
					if got, want := x.Data[row*6+r*3+e], l.B.Value[(e*8+row)*2+r]; got != want {
						t.Fatalf("row %d, rank %d, expert %d is %g, want %g", row, r, e, got, want)
					}
				}
			}
		}
	}
	want := []string{
		"0.mlp.experts.base_layer.lora_A.weight", "0.mlp.experts.base_layer.lora_B.weight", "0.mlp.experts.lora_A.weight", "0.mlp.experts.lora_B.weight",
		"2.mlp.experts.lora_A.weight", "2.mlp.experts.lora_B.weight",
	}
	if !slices.Equal(names, want) {
		t.Errorf("tensors %v, want %v", names, want)
	}
}

// A name that is nothing's would be dropped in silence by PEFT; here it ends the run and says what there is.
func TestWrongTargetsBesideExperts(t *testing.T) {
	const parameters = "mlp.gate.weight, mlp.experts.gate_up_proj, mlp.experts.down_proj"
	const has = " matches no module of the base (it has down_proj, q_proj; for target_parameters " + parameters + ")"
	for _, tt := range []struct {
		c    Config
		want string
	}{
		{Config{TargetModules: Targets{"q_proj", "gate_up_proj"}}, "lora.target_modules: gate_up_proj" + has},
		{Config{TargetModules: Targets{"mlp.experts"}}, "lora.target_modules: mlp.experts" + has},
		{Config{TargetModules: Targets{"gate"}}, "lora.target_modules: gate" + has},
		{Config{TargetParameters: []string{"gate_up_proj", "proj"}}, "lora.target_parameters: proj matches no parameter of the base (it has " + parameters + ")"},
		{Config{TargetModules: Targets{"q_proj"}, TargetParameters: []string{"q_proj.weight"}}, "lora.target_parameters: model.layers.0.self_attn.q_proj.weight is the weight of a module that target_modules names"},
		{Config{TargetModules: Targets{AllLinear}, Dropout: 0.1}, "lora.target_modules: beside experts PEFT adapts model.layers.1.mlp.down_proj as a parameter, without lora_dropout or use_dora"},
	} {
		tt.c.Rank, tt.c.Alpha = 2, 4
		if _, err := New(tt.c, mixture, nil, 1); err == nil || err.Error() != tt.want {
			t.Errorf("%v and %v: %v, want %q", tt.c.TargetModules, tt.c.TargetParameters, err, tt.want)
		}
	}
	if _, err := New(Config{Rank: 2, Alpha: 4, TargetModules: Targets{"q_proj", "w1"}}, modules, nil, 1); err != nil {
		t.Errorf("a name too many on a base without experts: %v", err)
	}
	want := "lora.target_parameters: down_proj matches no parameter of the base (it has no experts; linear modules are named in target_modules)"
	if _, err := New(Config{Rank: 2, Alpha: 4, TargetParameters: []string{"down_proj"}}, modules, nil, 1); err == nil || err.Error() != want {
		t.Errorf("%v, want %q", err, want)
	}
	for want, c := range map[string]Config{
		"lora.lora_dropout is 0.1, with target_parameters PEFT wants 0": {Rank: 2, Alpha: 4, Dropout: 0.1, TargetParameters: []string{"down_proj"}},
		"lora.use_dora is set, with target_parameters PEFT has no DoRA": {Rank: 2, Alpha: 4, UseDoRA: true, TargetParameters: []string{"down_proj"}},
	} {
		if err := c.Validate(); err == nil || err.Error() != want {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestExpertsOfAnotherBase(t *testing.T) {
	f, err := New(Config{Rank: 2, Alpha: 4, TargetParameters: []string{"experts.down_proj"}}, mixture, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(m []model.Module) []model.Module{
		"the base has 6 experts of 8×6": func(m []model.Module) []model.Module { m[3].Experts = 6; return m },
		"the base has 3 experts of 8×7": func(m []model.Module) []model.Module { m[3].In = 7; return m },
		`the base has no module for tensor "base_model.model.model.layers.2.mlp.experts.lora_A.weight"`: func(m []model.Module) []model.Module { return m[:6] },
	} {
		if _, err := FromAdapter(f.Adapter(), change(slices.Clone(mixture))); !errors.Is(err, adapters.ErrBaseMismatch) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
