package exporting_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/adapters/export"
	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/internal/testkit"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/trainer/eval"
	"github.com/cultivar/cultivar/trainer/lora"
	"github.com/cultivar/cultivar/trainer/model"
	"github.com/cultivar/cultivar/workflows/exporting"
	"github.com/cultivar/cultivar/workflows/models"
)

// families holds the tiny models of every family (tools/goldens/families.py).
const families = "../../trainer/model/testdata"

// withWords copies a model of families, which has ids only, and gives it a tokenizer of letters.
func withWords(t *testing.T, family string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"config.json", "model.safetensors"} {
		if err := os.WriteFile(filepath.Join(dir, name), testkit.Read(t, filepath.Join(families, family, name)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	vocab := map[string]int{"ab": 0}
	for i := range 40 {
		vocab[string(rune('A'+i))] = i + 1
	}
	words, err := json.Marshal(map[string]any{
		"model":         map[string]any{"type": "BPE", "vocab": vocab, "merges": []any{[]string{"a", "b"}}},
		"pre_tokenizer": map[string]any{"type": "ByteLevel"}, "decoder": map[string]any{"type": "ByteLevel"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "tokenizer.json"), words, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// likelihoods are the log-probabilities of tokens.
func likelihoods(t *testing.T, path string, ids []int32) []float64 {
	t.Helper()
	b, err := bases.Open(path, model.Families())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	m, err := model.New(b.Config(), b, model.Attachment{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := eval.NLL(context.Background(), m.NewEvaluator(), []pack.Row{{IDs: ids}}, eval.TokensAtOnce)
	if err != nil {
		t.Fatal(err)
	}
	return s.Rows[0].Logprobs
}

// Every family that GGUF can say means there what PyTorch computes, to the bit what the directory means,
// but where the file has rotary factors as float32 or a scale in q. Experts of MXFP4 stay so.
func TestGGUFOfFamilies(t *testing.T) {
	for _, family := range []string{
		"exaone4-full", "gemma", "gemma3-mm-v4", "glm4", "gptoss", "gptoss-mxfp4", "granite", "granitemoe", "llama3-v4", "ministral3", "mistral", "mistral3",
		"mistral3-v4", "mixtral", "olmo3", "phi3-v4", "phi4-mini",
	} {
		t.Run(family, func(t *testing.T) {
			var want struct {
				NLL []struct {
					IDs      []int32
					Logprobs []float64 `json:"token_logprobs"`
				}
			}
			if err := json.Unmarshal(testkit.Read(t, filepath.Join(families, family, "expected.json")), &want); err != nil {
				t.Fatal(err)
			}
			longest := want.NLL[len(want.NLL)-1]
			dir := withWords(t, family)
			exact := likelihoods(t, dir, longest.IDs)
			for _, typ := range []export.OutType{"", export.OutF32} {
				got := likelihoods(t, toGGUF(t, dir, "", typ), longest.IDs)
				for i, p := range longest.Logprobs {
					if math.Abs(got[i]-p) > 5e-5*math.Max(1, math.Abs(p)) {
						t.Fatalf("type %q: log-probability %d is %g, PyTorch says %g", typ, i, got[i], p)
					}
				}
				rounded := slices.Contains([]string{"llama3-v4", "phi3-v4", "phi4-mini", "gemma3-mm-v4", "olmo3"}, family)
				if !rounded && !slices.Equal(got, exact) {
					t.Errorf("type %q: log-probabilities are %v, of the directory %v", typ, got, exact)
				}
			}
		})
	}
}

// An adapter merged on the way to GGUF is the adapter merged into the directory.
func TestMergedGGUFOfFamilies(t *testing.T) {
	for _, family := range []string{
		"exaone4-full", "glm4", "gptoss", "gptoss-experts", "gptoss-mxfp4", "granitemoe", "granitemoe-experts", "ministral3", "mistral3",
		"mistral3-v4", "mixtral", "mixtral-experts",
	} {
		t.Run(family, func(t *testing.T) {
			ids := []int32{5, 9, 13, 20, 7, 31, 12, 8, 40, 22}
			dir, adapter := withWords(t, family), filepath.Join(families, family, "adapter")
			merged := filepath.Join(t.TempDir(), "merged")
			r, err := exporting.Merged(context.Background(), exporting.Options{AdapterRef: models.AdapterRef{Home: t.TempDir(), Adapter: adapter}, Base: dir, DType: export.Float32, Out: merged})
			if err != nil {
				t.Fatal(err)
			}
			if note := fmt.Sprint(r.Notes); strings.Contains(note, "quantised (mxfp4): 4 of its weights are widened and written as F32") != (family == "gptoss-mxfp4") {
				t.Errorf("notes %s", note)
			}
			want := likelihoods(t, merged, ids)
			if slices.Equal(want, likelihoods(t, dir, ids)) {
				t.Error("nothing was merged")
			}
			bases := map[string]string{"a directory": dir, "a file": toGGUF(t, dir, "", "")}
			if strings.HasPrefix(family, "mistral3") {
				delete(bases, "a file") // the text half, whose modules have other names than the adapter's
			}
			for what, from := range bases {
				if got := likelihoods(t, toGGUF(t, from, adapter, export.OutF32), ids); !slices.Equal(got, want) {
					t.Errorf("merged into %s: log-probabilities %v, of the merged directory %v", what, got, want)
				}
			}
		})
	}
}

// A key that a family's class does not read refuses nothing.
func TestGGUFOfUnreadKeys(t *testing.T) {
	dir := withWords(t, "exaone4-full")
	config := filepath.Join(dir, "config.json")
	text := strings.Replace(string(testkit.Read(t, config)), "{", `{"attention_bias":true,`, 1)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	toGGUF(t, dir, "", "")
}

// A file with stacked experts, quantised or not, is the same training base as the directory: the factors
// of an adapter have the same gradients, to the bit.
func TestGGUFTrainsAsTheDirectory(t *testing.T) {
	for _, family := range []string{"glm4", "gptoss-experts", "gptoss-mxfp4", "granitemoe-experts", "ministral3", "mixtral-experts"} {
		t.Run(family, func(t *testing.T) {
			dir, adapter := withWords(t, family), filepath.Join(families, family, "adapter")
			want, got := gradients(t, dir, adapter), gradients(t, toGGUF(t, dir, "", ""), adapter)
			if len(want) == 0 || !slices.Equal(got, want) {
				t.Errorf("%d gradients differ from the directory's %d", len(got), len(want))
			}
		})
	}
}

// gradients are those of one step, of all factors one after the other.
func gradients(t *testing.T, path, adapter string) []float32 {
	t.Helper()
	b, err := bases.Open(path, model.Families())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	a, err := peft.Read(adapter)
	if err != nil {
		t.Fatal(err)
	}
	modules, err := model.Modules(b.Config(), b)
	if err != nil {
		t.Fatal(err)
	}
	f, err := lora.FromAdapter(a, modules)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.New(b.Config(), b, f.Attachment())
	if err != nil {
		t.Fatal(err)
	}
	tr, err := m.NewTrainer(0)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := pack.New([]pack.Row{{IDs: []int32{5, 9, 13, 20, 7, 31, 12}}, {IDs: []int32{8, 30, 22}}}, pack.Options{MaxLen: 64, Strategy: pack.BestFit})
	if err != nil {
		t.Fatal(err)
	}
	batches, _ := trainer.MicroBatches(packed.Step([]int{0}, 1), 0, 0)
	for _, mb := range batches {
		if _, err := tr.Step(context.Background(), mb); err != nil {
			t.Fatal(err)
		}
	}
	var all []float32
	for _, p := range f.Params() {
		all = append(all, p.Grad...)
	}
	return all
}
