package servable

import (
	"path/filepath"
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

func TestBy(t *testing.T) {
	for _, tt := range []struct {
		name   string
		rank   int
		change func(*adapters.Config)
		want   string // y or n for vLLM, SGLang, llama.cpp
		note   string // somewhere in the notes
	}{
		{"plain", 16, nil, "yyy", "--max-lora-rank 16"},
		{"odd rank", 20, nil, "yyy", "--max-lora-rank 32"},
		{"too large a rank", 513, nil, "nyy", "above the most it takes, 512"},
		{"rank-stabilised", 8, func(c *adapters.Config) { c.UseRSLoRA = true }, "yyy", "gguf"},
		{"DoRA", 8, func(c *adapters.Config) { c.UseDoRA = true }, "nnn", "merged"},
		{"alphas of their own", 8, func(c *adapters.Config) { c.AlphaPattern = adapters.Patterns[float64]{{Name: "q_proj", Value: 1}} }, "nny", "alpha_pattern"},
		{"ranks of their own", 8, func(c *adapters.Config) { c.RankPattern = adapters.Patterns[int]{{Name: "q_proj", Value: 9}} }, "nny", "rank_pattern"},
	} {
		got, notes := "", ""
		for _, v := range By(adapterOf(1, tt.rank, tt.change)) {
			got += map[bool]string{true: "y", false: "n"}[v.OK]
			notes += v.Note + " " + v.Format + "\n"
		}
		if got != tt.want || !strings.Contains(notes, tt.note) {
			t.Errorf("%s: %s, want %s; notes:\n%s", tt.name, got, tt.want, notes)
		}
	}
	odd := adapterOf(1, 8, nil)
	for i := range odd.Tensors {
		odd.Tensors[i].Name = strings.Replace(odd.Tensors[i].Name, "self_attn.q_proj", "mixer.in_proj", 1)
	}
	for _, v := range By(odd) {
		if v.OK || !strings.Contains(v.Note, "in_proj") {
			t.Errorf("an unusual module: %+v", v)
		}
	}
}

// Serving engines cannot be relied on for experts.
func TestByExperts(t *testing.T) {
	a, err := peft.Read(filepath.Join("..", "..", "trainer", "model", "testdata", "mixtral-experts", "adapter"))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range By(a) {
		if v.OK != (v.Server == "llama.cpp") || v.Format == "" {
			t.Errorf("%+v", v)
		}
	}
}
