package peft

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/adapters"
)

const container = "base_model.model.model.layers.0.mlp.experts"

// numbered is a tensor of 0, 1, 2, …, times a factor.
func numbered(name string, factor float32, shape ...int) adapters.Tensor {
	t := adapters.Tensor{Name: name, Shape: shape, Data: make([]float32, shape[0]*shape[1])}
	for i := range t.Data {
		t.Data[i] = factor * float32(i)
	}
	return t
}

// ofExpertsAdapter targets both parameters of 3 experts, of rank 2 and 4.
func ofExpertsAdapter() *adapters.Adapter {
	return &adapters.Adapter{
		Config: adapters.Config{
			Rank: 2, Alpha: 4, TargetParameters: []string{"down_proj", "gate.weight", "gate_up_proj"},
			RankPattern: adapters.Patterns[int]{{Name: `.*\.gate_up_proj`, Value: 4}}, AlphaPattern: adapters.Patterns[float64]{{Name: "gate.weight", Value: 6}},
		},
		Tensors: []adapters.Tensor{
			numbered(container+".base_layer.lora_A.weight", 1, 12, 5), numbered(container+".base_layer.lora_B.weight", 1, 8, 12),
			numbered(container+".lora_A.weight", 1, 6, 4), numbered(container+".lora_B.weight", 1, 5, 6),
			numbered("base_model.model.model.layers.0.mlp.gate.lora_A.weight", 1, 2, 5), numbered("base_model.model.model.layers.0.mlp.gate.lora_B.weight", 1, 3, 2),
		},
	}
}

func TestParametersHaveNames(t *testing.T) {
	a := ofExpertsAdapter()
	if got := mustRead(t, mustWrite(t, a)); !reflect.DeepEqual(got.Config.TargetParameters, a.Config.TargetParameters) || len(got.Tensors) != 6 {
		t.Errorf("%+v comes back", got.Config)
	}
	modules, err := Modules(a)
	if err != nil {
		t.Fatal(err)
	}
	type seen struct {
		name, key      string
		experts, rank  int
		scaling, outer float64
	}
	var got []seen
	for _, m := range modules {
		got = append(got, seen{m.Name, m.Key, m.Experts, m.Rank(), a.Config.ScalingOf(m.Key, m.Rank()), float64(m.B.Shape[0])})
	}
	want := []seen{
		{"model.layers.0.mlp.experts.down_proj", "model.layers.0.mlp.experts.down_proj", 3, 2, 2, 5},
		{"model.layers.0.mlp.experts.gate_up_proj", "model.layers.0.mlp.experts.gate_up_proj", 3, 4, 1, 8},
		{"model.layers.0.mlp.gate", "model.layers.0.mlp.gate.weight", 0, 2, 3, 3},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	e := modules[0].Expert(1, 3, 5)
	if !slices.Equal(e.A.Data, []float32{8, 9, 10, 11, 12, 13, 14, 15}) || !slices.Equal(e.B.Data, []float32{19, 22, 25, 28}) {
		t.Errorf("expert 1 has A %v and B %v", e.A.Data, e.B.Data)
	}
}

func TestParametersAreRefused(t *testing.T) {
	for want, change := range map[string]func(a *adapters.Adapter){
		"has tensors for 2 parameters, target_parameters names 1":       func(a *adapters.Adapter) { a.Config.TargetParameters = []string{"down_proj", "gate.weight"} },
		"has tensors for 1 parameters, target_parameters names 2":       func(a *adapters.Adapter) { a.Tensors = a.Tensors[2:] },
		"lora_A has shape [7 4], not [experts·2, in]":                   func(a *adapters.Adapter) { a.Tensors[2] = numbered(a.Tensors[2].Name, 1, 7, 4) },
		"lora_B has shape [5 8], not [out, 6]":                          func(a *adapters.Adapter) { a.Tensors[3] = numbered(a.Tensors[3].Name, 1, 5, 8) },
		`"model.layers.0.mlp.gate" has tensors but is not among target`: func(a *adapters.Adapter) { a.Config.TargetParameters = []string{"down_proj", "gate_up_proj"} },
		"holds a NaN": func(a *adapters.Adapter) { a.Tensors[1].Data[7] = float32(math.NaN()) },
	} {
		a := ofExpertsAdapter()
		change(a)
		if err := Check(a); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
}

// oldExperts is an adapter as it was made when experts were linear modules, of rank 1 and 2 experts.
func oldExperts(gate, up, down, module string) *adapters.Adapter {
	a := &adapters.Adapter{Config: adapters.Config{Rank: 1, Alpha: 3, Dropout: 0.1, TargetModules: []string{down, gate, "q_proj", up}}}
	add := func(name string, factor float32, in, out int) {
		name = "base_model.model.model.layers.0." + name
		a.Tensors = append(a.Tensors, numbered(name+suffixA, factor, 1, in), numbered(name+suffixB, factor, out, 1))
	}
	add("self_attn.q_proj", 1, 2, 2)
	for e, expert := range []string{"0", "1"} {
		f := float32(10 * e)
		add(module+".experts."+expert+"."+gate, f+1, 2, 3)
		add(module+".experts."+expert+"."+up, f+2, 2, 3)
		add(module+".experts."+expert+"."+down, f+3, 3, 2)
	}
	return a
}

// What was one pair for each expert's matrix is stacked, gate and up as one update of twice the rank whose
// B is block diagonal.
func TestOldExpertsAreStacked(t *testing.T) {
	for _, a := range []*adapters.Adapter{oldExperts("gate_proj", "up_proj", "down_proj", "mlp"), oldExperts("w1", "w3", "w2", "block_sparse_moe")} {
		for _, rslora := range []bool{false, true} {
			a.Config.UseRSLoRA = rslora
			got, err := stack(a)
			if err != nil {
				t.Fatal(err)
			}
			if err := Check(got); err != nil {
				t.Fatal(err)
			}
			want := map[string][]float32{
				".base_layer" + suffixA: {0, 1, 0, 2, 0, 11, 0, 12},
				".base_layer" + suffixB: {
					0, 0, 0, 0, 1, 11, 0, 0, 2, 22, 0, 0, // rank by rank, then expert: gate is of the first rank
					0, 0, 0, 0, 0, 0, 2, 12, 0, 0, 4, 24,
				},
				suffixA: {0, 3, 6, 0, 13, 26},
				suffixB: {0, 0, 3, 13},
			}
			for _, x := range got.Tensors {
				name, ok := strings.CutPrefix(x.Name, container)
				if ok && !slices.Equal(x.Data, want[name]) {
					t.Errorf("%s is %v %v, want %v", x.Name, x.Shape, x.Data, want[name])
				}
				delete(want, name)
			}
			c := got.Config
			if len(want) > 0 || len(got.Tensors) != 6 || c.Dropout != 0 || !slices.Equal(c.TargetModules, []string{"q_proj"}) || !slices.Equal(c.TargetParameters, []string{"down_proj", "gate_up_proj"}) {
				t.Errorf("%d tensors and %+v, without %v", len(got.Tensors), c, want)
			}
			for name, rank := range map[string]int{"gate_up_proj": 2, "down_proj": 1} {
				name = "model.layers.0.mlp.experts." + name
				if s, before := c.ScalingOf(name, c.RankOf(name)), a.Config.ScalingOf("", 1); c.RankOf(name) != rank || math.Abs(s-before) > 1e-12 {
					t.Errorf("%s has rank %d and scaling %g, was %g", name, c.RankOf(name), s, before)
				}
			}
		}
	}
}

// A router and a dense layer's module beside them are parameters to PEFT as well.
func TestOldExpertsWithOthers(t *testing.T) {
	a := oldExperts("w1", "w3", "w2", "block_sparse_moe")
	a.Config.TargetModules = []string{allLinear}
	for _, name := range []string{"model.layers.0.block_sparse_moe.gate", "model.layers.1.mlp.up_proj"} {
		a.Tensors = append(a.Tensors, numbered(Prefix+name+suffixA, 1, 1, 2), numbered(Prefix+name+suffixB, 1, 2, 1))
	}
	got, err := stack(a)
	if err != nil {
		t.Fatal(err)
	}
	if err := Check(got); err != nil {
		t.Fatal(err)
	}
	if c := got.Config; !slices.Equal(c.TargetModules, []string{"q_proj"}) || !slices.Equal(c.TargetParameters, []string{"down_proj", "gate.weight", "gate_up_proj", "model.layers.1.mlp.up_proj.weight"}) {
		t.Errorf("%+v", c)
	}
	if !slices.ContainsFunc(got.Tensors, func(x adapters.Tensor) bool { return x.Name == Prefix+"model.layers.0.mlp.gate"+suffixB }) {
		t.Error("the router keeps its old name")
	}
}

func TestOldExpertsAreRefused(t *testing.T) {
	without := func(part string) func(a *adapters.Adapter) {
		return func(a *adapters.Adapter) {
			a.Tensors = slices.DeleteFunc(a.Tensors, func(x adapters.Tensor) bool { return strings.Contains(x.Name, part) })
		}
	}
	for _, tt := range []struct {
		want   string
		change func(a *adapters.Adapter)
	}{
		{`"model.layers.0.mlp.experts.gate_up_proj": the adapter lacks some of its matrices`, without(".w3.")},
		{`"model.layers.0.mlp.experts.down_proj": the adapter lacks some of its matrices`, without("0.w2.")},
		{"experts differ in shape", func(a *adapters.Adapter) { a.Tensors[6] = numbered(a.Tensors[6].Name, 1, 1, 7) }},
		{"lora_A has shape [2 2]", func(a *adapters.Adapter) { a.Tensors[2] = numbered(a.Tensors[2].Name, 1, 2, 2) }},
		{"does not fit", func(a *adapters.Adapter) { a.Tensors[2].Data = nil }},
		{"rank_pattern and alpha_pattern on one", func(a *adapters.Adapter) { a.Config.AlphaPattern = adapters.Patterns[float64]{{Name: "w1", Value: 1}} }},
		{"use_dora is true", func(a *adapters.Adapter) { a.Config.UseDoRA = true }},
	} {
		a := oldExperts("w1", "w3", "w2", "block_sparse_moe")
		tt.change(a)
		_, err := stack(a)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("error is %v, want %q", err, tt.want)
		}
	}
}

// FuzzNames: whatever tensors are called and targets say, nothing panics, and what is read can be written
// and computes with every expert's factors.
func FuzzNames(f *testing.F) {
	f.Add("mlp.experts.0.w1 mlp.experts.1.w3 mlp.experts.0.gate_proj mlp.experts.0.up_proj", "gate_proj up_proj", "", 1)
	f.Add("mlp.experts mlp.experts.base_layer block_sparse_moe.gate", "gate", "gate_up_proj experts.down_proj gate.weight", 2)
	f.Fuzz(func(t *testing.T, names, modules, parameters string, rank int) {
		a := &adapters.Adapter{Config: adapters.Config{Rank: rank, Alpha: 1, TargetModules: strings.Fields(modules), TargetParameters: strings.Fields(parameters)}}
		for i, name := range strings.Fields(names) {
			r := 2 * (i%2 + 1)
			a.Tensors = append(a.Tensors, numbered(Prefix+name+suffixA, 1, r, 3), numbered(Prefix+name+suffixB, 1, 3, r))
		}
		if checkConfig(a.Config) != nil {
			return
		}
		got, err := stack(a)
		if err != nil || Check(got) != nil {
			return
		}
		list, err := Modules(mustRead(t, mustWrite(t, got)))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range list {
			for e := range m.Experts {
				m.Expert(e, 0, m.B.Shape[0])
			}
		}
	})
}
