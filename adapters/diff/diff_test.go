package diff

import (
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/internal/rng"
)

// adapterOf is an adapter of one module, 3×4.
func adapterOf(seed uint64, rank int, change func(*adapters.Config)) *adapters.Adapter {
	a := &adapters.Adapter{Config: adapters.Config{Rank: rank, Alpha: 4, TargetModules: []string{"q_proj"}, TaskType: "CAUSAL_LM"}}
	for _, f := range []struct {
		name       string
		rows, cols int
	}{{"lora_A", rank, 4}, {"lora_B", 3, rank}} {
		t := adapters.Tensor{Name: "base_model.model.model.layers.0.self_attn.q_proj." + f.name + ".weight", Shape: []int{f.rows, f.cols}}
		draw := rng.New(seed, f.name).At(0, 0)
		for range f.rows * f.cols {
			t.Data = append(t.Data, draw.Normal())
		}
		a.Tensors = append(a.Tensors, t)
	}
	if change != nil {
		change(&a.Config)
	}
	return a
}

// expertsDir is a base with experts and an adapter of theirs, made by PEFT.
var expertsDir = filepath.Join("..", "..", "trainer", "model", "testdata", "mixtral-experts")

// The norm of an update is over the matrices of all experts.
func TestOfExperts(t *testing.T) {
	a, err := peft.Read(filepath.Join(expertsDir, "adapter"))
	if err != nil {
		t.Fatal(err)
	}
	half, err := peft.Read(filepath.Join(expertsDir, "adapter"))
	if err != nil {
		t.Fatal(err)
	}
	half.Config.Alpha /= 2
	d, err := Of(Named{Adapter: a}, Named{Adapter: half})
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
}

// TestOf compares norms with those of the updates multiplied out.
func TestOf(t *testing.T) {
	a, b := adapterOf(1, 2, nil), adapterOf(2, 3, func(c *adapters.Config) { c.UseRSLoRA = true })
	x, y := full(a), full(b)
	var want [3]float64
	for i := range x {
		want[0] += x[i] * x[i]
		want[1] += y[i] * y[i]
		want[2] += (x[i] - y[i]) * (x[i] - y[i])
	}
	d, err := Of(Named{"a", a}, Named{"b", b})
	if err != nil || d.Same || len(d.Modules) != 1 {
		t.Fatalf("%+v, %v", d, err)
	}
	m := d.Modules[0]
	for i, got := range []float64{m.A, m.B, m.Difference} {
		if w := math.Sqrt(want[i]); math.Abs(got-w) > 1e-9*w {
			t.Errorf("norm %d is %g, want %g", i, got, w)
		}
	}
	var keys []string
	for _, s := range d.Settings {
		keys = append(keys, s.Key+" "+s.A+" "+s.B)
	}
	if want := []string{"r 2 3", "use_rslora false true"}; !slices.Equal(keys, want) {
		t.Errorf("settings %q, want %q", keys, want)
	}
	// Factors that differ and multiply to the same: a scaled up, b scaled down.
	c := adapterOf(1, 2, nil)
	for i := range c.Tensors[0].Data {
		c.Tensors[0].Data[i] *= 4
	}
	for i := range c.Tensors[1].Data {
		c.Tensors[1].Data[i] /= 4
	}
	d, err = Of(Named{Adapter: a}, Named{Adapter: c})
	if err != nil || d.Same || d.Modules[0].Difference > 1e-6*d.Modules[0].A {
		t.Errorf("%+v, %v", d, err)
	}
	if d, err = Of(Named{Adapter: a}, Named{Adapter: a}); err != nil || !d.Same || d.Modules[0].Difference != 0 {
		t.Errorf("with itself: %+v, %v", d, err)
	}
	other := adapterOf(3, 2, nil)
	for i := range other.Tensors {
		other.Tensors[i].Name = strings.Replace(other.Tensors[i].Name, "layers.0", "layers.1", 1)
	}
	d, err = Of(Named{Adapter: a}, Named{Adapter: other})
	if err != nil || len(d.Modules) != 2 || d.Modules[0].B != 0 || d.Modules[1].A != 0 || d.Modules[0].Difference != d.Modules[0].A {
		t.Errorf("on other modules: %+v, %v", d, err)
	}
}

// full multiplies s·B·A out.
func full(a *adapters.Adapter) []float64 {
	ta, tb := a.Tensors[0], a.Tensors[1]
	rank, in, out := ta.Shape[0], ta.Shape[1], tb.Shape[0]
	s := a.Config.ScalingOf("model.layers.0.self_attn.q_proj", rank)
	w := make([]float64, out*in)
	for i := range out {
		for j := range in {
			for r := range rank {
				w[i*in+j] += s * float64(tb.Data[i*rank+r]) * float64(ta.Data[r*in+j])
			}
		}
	}
	return w
}
