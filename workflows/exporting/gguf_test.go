package exporting_test

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/adapters/export"
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/internal/dtype"
	"github.com/cultivar/cultivar/internal/embedded"
	basefiles "github.com/cultivar/cultivar/internal/embedded/base"
	"github.com/cultivar/cultivar/internal/testkit"
	"github.com/cultivar/cultivar/trainer/model"
	"github.com/cultivar/cultivar/workflows/exporting"
	"github.com/cultivar/cultivar/workflows/inspect"
	"github.com/cultivar/cultivar/workflows/models"
	"github.com/cultivar/cultivar/workflows/training"
)

// toGGUF writes a base, with an adapter unless that is "", as a GGUF file.
func toGGUF(t *testing.T, from, adapter string, typ export.OutType) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "base.gguf")
	if _, err := exporting.MergedGGUF(context.Background(), exporting.Options{AdapterRef: models.AdapterRef{Home: t.TempDir(), Adapter: adapter}, Base: from, OutType: typ, Out: path}); err != nil {
		t.Fatal(err)
	}
	return path
}

// plain is a tensor that is not quantised, widened.
func plain(t *testing.T, b *bases.Base, name string) []float32 {
	t.Helper()
	v, err := b.Tensor(name)
	if err != nil {
		t.Fatal(err)
	}
	if v.Type == dtype.F32 {
		return v.F32
	}
	out := make([]float32, len(v.U16))
	dtype.Widen(v.Type, out, v.U16)
	return out
}

// sameWeights holds every weight of a GGUF file against the directory that it was made from.
func sameWeights(t *testing.T, dir, file string) {
	t.Helper()
	want, err := bases.Open(dir, model.Families())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = want.Close() }()
	got, err := bases.Open(file, model.Families())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = got.Close() }()
	if !slices.Equal(got.Tensors(), want.Tensors()) {
		t.Errorf("tensors %v, want %v", got.Tensors(), want.Tensors())
	}
	for _, name := range want.Tensors() {
		x, y := plain(t, want, name), plain(t, got, name)
		if got.Config().NormsIncludeOne && strings.HasSuffix(name, "norm.weight") {
			x = slices.Clone(x)
			for i := range x {
				x[i]++
			}
		}
		if strings.Contains(name, "self_attn.q") && want.Config().ModelType == "gemma2" {
			continue // scaled, see arch.Model.Fold; what is computed is compared
		}
		if !slices.Equal(x, y) {
			t.Errorf("tensor %s is another", name)
		}
	}
	g, w := got.Config(), want.Config()
	if g.Rope.Theta != w.Rope.Theta || g.Rope.Type != w.Rope.Type || g.RMSNormEps != w.RMSNormEps || g.HeadDim != w.HeadDim || g.VocabSize != w.VocabSize ||
		g.TieWordEmbeddings != w.TieWordEmbeddings || !slices.Equal(g.Architectures, w.Architectures) || g.MaxPositionEmbeddings != w.MaxPositionEmbeddings {
		t.Errorf("config %+v, want %+v", g, w)
	}
}

// The base that the program carries is the same base as GGUF: weights, words, template, ends.
func TestGGUFOfTheEmbeddedBase(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "base")
	if err := embedded.Unpack(basefiles.FS, basefiles.Name, dir); err != nil {
		t.Fatal(err)
	}
	file := toGGUF(t, dir, "", "")
	sameWeights(t, dir, file)
	want, err := models.Open(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = want.Close() }()
	got, err := models.Open(file, "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = got.Close() }()
	for _, text := range []string{"", "The office is in Lisbon.", "naïve café\n\n  12345 'twas", "<|user|>hello<|end|>"} {
		if x, y := want.Tokenizer.Encode(text, true), got.Tokenizer.Encode(text, true); !slices.Equal(x, y) {
			t.Errorf("%q is %v, want %v", text, y, x)
		}
	}
	if (got.Template == nil) != (want.Template == nil) || got.Template != nil && got.Template.Source() != want.Template.Source() {
		t.Error("the template is another")
	}
	for _, id := range want.Stop() {
		if !slices.Contains(got.Stop(), id) {
			t.Errorf("a text ends with %v, want %v", got.Stop(), want.Stop())
		}
	}
	if info, err := inspect.OfBase(file); err != nil || info.Unsupported != "" || info.Tokenizer.Kind != "BPE" || info.Digest == "" {
		t.Errorf("inspect: %+v, %v", info, err)
	}
}

// nll is the mean negative log-likelihood of a text.
func nll(t *testing.T, from, adapter, text string) float64 {
	t.Helper()
	row, err := json.Marshal(map[string]string{"text": text})
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "text.jsonl")
	if err := os.WriteFile(data, append(row, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := training.Eval(context.Background(), training.EvalOptions{Home: t.TempDir(), Base: from, Adapter: adapter, Data: data, AppendEOS: new(false)})
	if err != nil {
		t.Fatal(err)
	}
	return *r.Loss
}

// Every golden model means as GGUF what PyTorch computed on the directory, with and without its
// adapter, and merged with it.
func TestGGUFOfGoldens(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(testkit.Shared(t, "goldens"), "*", "expected.json"))
	if err != nil || len(dirs) < 14 {
		t.Fatalf("%d cases, %v", len(dirs), err)
	}
	for _, path := range dirs {
		dir := filepath.Dir(path)
		t.Run(filepath.Base(dir), func(t *testing.T) { goldenGGUF(t, dir) })
	}
}

func goldenGGUF(t *testing.T, dir string) {
	var expected struct {
		NLL []struct {
			Text    string  `json:"text"`
			MeanNLL float64 `json:"mean_nll"`
		} `json:"nll"`
		Train struct {
			After  float64 `json:"nll0_after"`
			Merged float64 `json:"nll0_merged"`
		} `json:"train"`
	}
	if err := json.Unmarshal(testkit.Read(t, filepath.Join(dir, "expected.json")), &expected); err != nil {
		t.Fatal(err)
	}
	from, adapter := filepath.Join(dir, "base"), filepath.Join(dir, "adapter1")
	file := toGGUF(t, from, "", export.OutF32)
	sameWeights(t, from, file)
	b, err := bases.Open(from, model.Families())
	if err != nil {
		t.Fatal(err)
	}
	architecture := b.Config().Architectures[0]
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(model.Architectures(), architecture) {
		t.Skipf("%s is not computed yet", architecture)
	}
	text := expected.NLL[0].Text
	for name, c := range map[string]struct{ got, want float64 }{
		"base":    {nll(t, file, "", text), expected.NLL[0].MeanNLL},
		"adapter": {nll(t, file, adapter, text), expected.Train.After},
		"merged":  {nll(t, toGGUF(t, from, adapter, export.OutF32), "", text), expected.Train.Merged},
	} {
		if math.Abs(c.got-c.want) > 5e-4*c.want {
			t.Errorf("%s: mean NLL %g, want %g", name, c.got, c.want)
		}
	}
}

// The real file that others made is read, and written again to the byte.
func TestGGUFOfOthers(t *testing.T) {
	path := filepath.Join(testkit.Shared(t, "real"), "gguf", "llama-2-tiny-random.gguf")
	if !slices.Equal(testkit.Read(t, toGGUF(t, path, "", "")), testkit.Read(t, path)) {
		t.Error("the file is written another way")
	}
	if v := nll(t, path, "", "The sun is a star."); math.Abs(v-math.Log(32000)) > 0.5 { // random weights know nothing
		t.Errorf("mean NLL %g", v)
	}
}

func TestGGUFRefuses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "base")
	if err := embedded.Unpack(basefiles.FS, basefiles.Name, dir); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "config.json")
	text := string(testkit.Read(t, config))
	for name, tt := range map[string]struct{ from, to, want string }{
		"architecture": {"LlamaForCausalLM", "BertModel", "BertModel has no form in GGUF"},
		"activation":   {`"silu"`, `"gelu"`, "hidden_act"},
	} {
		if !strings.Contains(text, tt.from) {
			t.Fatalf("config.json has no %s", tt.from)
		}
		if err := os.WriteFile(config, []byte(strings.Replace(text, tt.from, tt.to, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := exporting.MergedGGUF(context.Background(), exporting.Options{AdapterRef: models.AdapterRef{Home: t.TempDir()}, Base: dir, Out: filepath.Join(t.TempDir(), "x.gguf")})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error is %v, want %q", name, err, tt.want)
		}
	}
}
