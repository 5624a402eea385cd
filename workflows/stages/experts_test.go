package stages

import (
	"math"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/adapters/peft"
)

// expertsDir is a base with experts and an adapter of theirs, made by PEFT.
var expertsDir = filepath.Join("..", "..", "trainer", "model", "testdata", "mixtral-experts")

func TestInspectListsExperts(t *testing.T) {
	info, err := InspectBase(expertsDir)
	if err != nil {
		t.Fatal(err)
	}
	want := []TargetInfo{
		{Name: "mlp.gate.weight", In: 16, Out: 4, Count: 2},
		{Name: "mlp.experts.gate_up_proj", In: 16, Out: 48, Experts: 4, Count: 2},
		{Name: "mlp.experts.down_proj", In: 24, Out: 16, Experts: 4, Count: 2},
	}
	if !reflect.DeepEqual(info.Weights, want) || len(info.Targets) != 4 {
		t.Errorf("target_parameters can name %+v, target_modules %+v", info.Weights, info.Targets)
	}
}

// The norm of an update is over the matrices of all experts, and serving engines cannot be relied on.
func TestReportsOnExperts(t *testing.T) {
	a, err := peft.Read(filepath.Join(expertsDir, "adapter"))
	if err != nil {
		t.Fatal(err)
	}
	half, err := peft.Read(filepath.Join(expertsDir, "adapter"))
	if err != nil {
		t.Fatal(err)
	}
	half.Config.Alpha /= 2
	d, err := DiffAdapters(FoundAdapter{Adapter: a}, FoundAdapter{Adapter: half})
	if err != nil {
		t.Fatal(err)
	}
	const experts, rank, in, out, scaling = 4, 2, 24, 16, 2
	modules, err := peft.Modules(a)
	if err != nil || modules[0].Name != "model.layers.0.mlp.experts.down_proj" {
		t.Fatalf("%v, %v", modules, err)
	}
	var sum float64 // PEFT's formula: einsum("o r e, e r i -> e o i")
	for i := range experts * out * in {
		e, o, c := i/(out*in), i/in%out, i%in
		var x float64
		for r := range rank {
			x += float64(modules[0].B.Data[(o*rank+r)*experts+e]) * float64(modules[0].A.Data[(e*rank+r)*in+c])
		}
		sum += scaling * x * scaling * x
	}
	m := d.Modules[0]
	if norm := math.Sqrt(sum); m.Module != modules[0].Name || math.Abs(m.A-norm) > 1e-6*norm || math.Abs(m.B-norm/2) > 1e-6*norm || math.Abs(m.Difference-norm/2) > 1e-6*norm {
		t.Errorf("%+v, want a norm of %g", m, norm)
	}
	for _, v := range Servable(a) {
		if v.OK != (v.Server == "llama.cpp") || !strings.Contains(v.Note, "export --format") {
			t.Errorf("%+v", v)
		}
	}
}
