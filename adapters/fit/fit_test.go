package fit

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/internal/safetensors"
)

// openBase writes and opens a base with a projection in each of two layers.
func openBase(t *testing.T, config, prefix string) *bases.Base {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o666); err != nil {
		t.Fatal(err)
	}
	entries := []safetensors.Entry{safetensors.F32Entry(prefix+"layers.0.input_layernorm.weight", []int{2}, make([]float32, 2))}
	for _, module := range modules {
		entries = append(entries, safetensors.F32Entry(prefix+module+".weight", []int{2, 2}, make([]float32, 4)))
	}
	if err := safetensors.WriteFile(filepath.Join(dir, safetensors.SingleName), nil, entries); err != nil {
		t.Fatal(err)
	}
	b, err := bases.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

var modules = []string{"layers.0.self_attn.q_proj", "layers.1.self_attn.q_proj"}

const sizes = `"hidden_size":2,"intermediate_size":2,"num_hidden_layers":2,"num_attention_heads":1,"vocab_size":3`

func adapterOn(modules ...string) *adapters.Adapter {
	a := &adapters.Adapter{Config: adapters.Config{Rank: 1, Alpha: 1, TargetModules: []string{"q_proj"}}}
	for _, m := range modules {
		a.Tensors = append(a.Tensors,
			adapters.Tensor{Name: "base_model.model." + m + ".lora_A.weight", Shape: []int{1, 2}, Data: make([]float32, 2)},
			adapters.Tensor{Name: "base_model.model." + m + ".lora_B.weight", Shape: []int{2, 1}, Data: make([]float32, 2)})
	}
	return a
}

func TestOtherBase(t *testing.T) {
	b := openBase(t, "{"+sizes+"}", "model.")
	a := adapterOn("model."+modules[0], "model."+modules[1])
	own, err := b.Digest()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		lineage *adapters.Lineage
		allow   bool
		refused bool
		warned  int
	}{
		{"no lineage", nil, false, false, 0},
		{"its own", &adapters.Lineage{Base: adapters.BaseRef{Digest: own}}, false, false, 0},
		{"another", &adapters.Lineage{Base: adapters.BaseRef{Name: "x", Digest: "sha256:0"}}, false, true, 0},
		{"another, allowed", &adapters.Lineage{Base: adapters.BaseRef{Name: "x", Digest: "sha256:0"}}, true, false, 1},
	} {
		warned := 0
		_, err := To(a, tt.lineage, b, Options{OtherBase: tt.allow, Warn: func(string) { warned++ }})
		if errors.Is(err, adapters.ErrOtherBase) != tt.refused || warned != tt.warned || !tt.refused && err != nil {
			t.Errorf("%s: %v, %d warnings", tt.name, err, warned)
		}
	}
}

func TestMissing(t *testing.T) {
	b := openBase(t, "{"+sizes+"}", "model.")
	var warned []string
	warn := func(text string) { warned = append(warned, text) }
	if _, err := To(adapterOn("model."+modules[0]), nil, b, Options{Warn: warn}); err != nil {
		t.Fatal(err)
	}
	if len(warned) != 1 || !strings.Contains(warned[0], "1 of 2 modules") || !strings.Contains(warned[0], "model."+modules[1]) {
		t.Errorf("warned %q", warned)
	}
	warned = nil
	one := adapterOn("model." + modules[0])
	one.Config.LayersToTransform = []int{0}
	if _, err := To(one, nil, b, Options{Warn: warn}); err != nil || warned != nil {
		t.Errorf("an adapter of one layer: %v, %q", err, warned)
	}
}

func TestFormerNames(t *testing.T) {
	b := openBase(t, `{"text_config":{`+sizes+`}}`, "language_model.model.")
	for _, prefix := range []string{"language_model.model.", "model.language_model."} {
		given := adapterOn(prefix+modules[0], prefix+modules[1])
		a, err := To(given, nil, b, Options{Warn: func(text string) { t.Error(text) }})
		if err != nil {
			t.Fatal(err)
		}
		name := func(x adapters.Tensor) bool {
			return strings.HasPrefix(x.Name, "base_model.model.model.language_model.layers.")
		}
		if !slices.ContainsFunc(a.Tensors, name) || slices.ContainsFunc(a.Tensors, func(x adapters.Tensor) bool { return !name(x) }) {
			t.Errorf("%s: tensors are %s …", prefix, a.Tensors[0].Name)
		}
		if !strings.Contains(given.Tensors[0].Name, prefix) {
			t.Error("the adapter that was given is changed")
		}
	}
}
