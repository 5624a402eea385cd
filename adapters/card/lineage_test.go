package card

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/adapters"
)

func TestOf(t *testing.T) {
	a := &adapters.Adapter{Config: adapters.Config{Rank: 4, Alpha: 8, TargetModules: []string{"q_proj"}}, Tensors: []adapters.Tensor{{Data: make([]float32, 30)}}}
	l := adapters.Lineage{
		Base: adapters.BaseRef{Name: "someone", Digest: "sha256:b"}, Datasets: []adapters.DatasetRef{{Name: "handbook", Version: 2, Digest: "sha256:d"}},
		Config: []byte(`{"objective":"sft","lora":{"r":4},"learning_rate":0.0002,"quantize":"","packing":true,"micro_batch_size":3}`), Tool: "cultivar 1",
		Metrics: adapters.Metrics{EvalLossBefore: new(2.0), EvalLossAfter: new(1.0)},
	}
	got := string(Of("support", a, "sha256:a", l))
	for _, want := range []string{"# support", "base_model: someone", "sha256:b", "sha256:d", "sha256:a", "learning\\_rate", "0.0002", "packing", "cultivar 1", "handbook"} {
		if !strings.Contains(strings.ReplaceAll(got, "learning_rate", "learning\\_rate"), want) {
			t.Errorf("the card does not tell %s:\n%s", want, got)
		}
	}
	for _, not := range []string{"micro", "quantize", "lora\""} {
		if strings.Contains(got, not) {
			t.Errorf("the card tells %s", not)
		}
	}
	dir := t.TempDir()
	for range 2 { // ours makes room for ours
		if err := Write(dir, []byte(got)); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, Name)
	if err := os.WriteFile(path, []byte("# mine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Write(dir, []byte(got)); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "# mine\n" {
		t.Errorf("somebody's own card became %q, %v", text, err)
	}
	if got := string(Of("", a, "", adapters.Lineage{Config: []byte("[")})); !strings.Contains(got, "# LoRA adapter") {
		t.Errorf("without a lineage:\n%s", got)
	}
}
