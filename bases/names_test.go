package bases

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/internal/safetensors"
)

// nested writes a multimodal model with tensors of the given names.
func nested(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	put(t, dir, configName, `{"text_config":`+string(minimal(`,"model_type":"llama"`))+`}`)
	var entries []safetensors.Entry
	for _, name := range names {
		entries = append(entries, safetensors.F32Entry(name, []int{1}, []float32{1}))
	}
	if err := safetensors.WriteFile(filepath.Join(dir, safetensors.SingleName), nil, entries); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestFormerNames(t *testing.T) {
	later := []string{"lm_head.weight", "model.language_model.norm.weight", "model.multi_modal_projector.norm.weight", "model.vision_tower.x"}
	former := nested(t, "language_model.lm_head.weight", "language_model.model.norm.weight", "multi_modal_projector.norm.weight", "vision_tower.x")
	for _, dir := range []string{former, nested(t, later...)} {
		b := mustOpen(t, dir)
		if !slices.Equal(b.Tensors(), later) {
			t.Errorf("tensors %v", b.Tensors())
		}
		for _, name := range later {
			if v, err := b.Tensor(name); err != nil || !b.Has(name) || v.F32[0] != 1 {
				t.Errorf("%s: %v", name, err)
			}
		}
		if b.Has("language_model.model.norm.weight") || b.Has("") {
			t.Error("a former name is found")
		}
	}
	_, err := Open(nested(t, "language_model.model.x", "model.language_model.x"), families())
	if err == nil || !strings.Contains(err.Error(), `are both "model.language_model.x"`) {
		t.Errorf("one tensor under both names: %v", err)
	}
}
