package export

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/internal/safetensors"
	"github.com/cultivar/cultivar/internal/testkit"
)

const (
	out, in, rank = 600, 5, 3 // more rows than one block of Merge
	qProj, kProj  = "model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.k_proj"
)

func random(r *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	return v
}

// adapterOn adapts the given modules of weights [out, in].
func adapterOn(r *rand.Rand, dora bool, modules ...string) *adapters.Adapter {
	a := &adapters.Adapter{Config: adapters.Config{Rank: rank, Alpha: 6, UseDoRA: dora, TargetModules: []string{"all-linear"}}}
	for _, m := range modules {
		name := "base_model.model." + m
		a.Tensors = append(a.Tensors,
			adapters.Tensor{Name: name + ".lora_A.weight", Shape: []int{rank, in}, Data: random(r, rank*in)},
			adapters.Tensor{Name: name + ".lora_B.weight", Shape: []int{out, rank}, Data: random(r, out*rank)})
		if dora {
			a.Tensors = append(a.Tensors, adapters.Tensor{Name: name + ".lora_magnitude_vector", Shape: []int{out}, Data: random(r, out)})
		}
	}
	return a
}

func onlyModule(t *testing.T, a *adapters.Adapter) peft.Module {
	t.Helper()
	if err := peft.Check(a); err != nil {
		t.Fatal(err)
	}
	modules, err := peft.Modules(a)
	if err != nil || len(modules) != 1 {
		t.Fatalf("%d modules, %v", len(modules), err)
	}
	return modules[0]
}

// baseDir writes a base of two projections, an integer buffer and a head.
func baseDir(t *testing.T, config string, head bool) string {
	t.Helper()
	r := rand.New(rand.NewPCG(7, 8))
	dir := t.TempDir()
	half := safetensors.Entry{Name: kProj + ".weight", DType: safetensors.BF16, Shape: []int{out, in}, Data: make([]byte, 2*out*in)}
	for i := range half.Data {
		half.Data[i] = 0x3f
	}
	entries := []safetensors.Entry{
		safetensors.F32Entry(qProj+".weight", []int{out, in}, random(r, out*in)),
		half,
		{Name: "model.ids", DType: "I64", Shape: []int{1}, Data: make([]byte, 8)},
	}
	if head {
		entries = append(entries, safetensors.F32Entry("lm_head.weight", []int{out, in}, random(r, out*in)))
	}
	if err := safetensors.WriteFile(filepath.Join(dir, safetensors.SingleName), nil, entries); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{configName: withSizes(config), "tokenizer.json": "{}", "chat_template.jinja": "x", "LICENSE": "MIT", "pytorch_model.bin": "pickle"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func floats(t *testing.T, s *safetensors.Sharded, name string) ([]float32, string) {
	t.Helper()
	x, ok := s.Tensor(name)
	if !ok {
		t.Fatalf("tensor %s is missing", name)
	}
	v, err := safetensors.Float32s(x)
	if err != nil {
		t.Fatal(err)
	}
	return v, x.DType
}

func openBase(t *testing.T, dir string) *bases.Base {
	t.Helper()
	b, err := bases.Open(dir, families())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func mustOpen(t *testing.T, dir string) *safetensors.Sharded {
	t.Helper()
	s, err := safetensors.OpenSharded(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestMergedTypes(t *testing.T) {
	a := adapterOn(rand.New(rand.NewPCG(9, 9)), false, kProj)
	from := baseDir(t, `{"dtype":"float32","rms_norm_eps":1e-06,"a<b":1}`, true)
	want, _ := floats(t, mustOpen(t, from), kProj+".weight")
	Merge(want, onlyModule(t, a), a.Config)
	tests := []struct {
		dtype      DType
		q, k       string // types of the weights
		precision  float64
		wantConfig string
	}{
		{Float32, "F32", "F32", 0, `"float32"`},
		{BFloat16, "BF16", "BF16", 1.0 / 256, `"bfloat16"`},
		{Float16, "F16", "F16", 1.0 / 2048, `"float16"`},
		{Keep, "F32", "BF16", 1.0 / 256, `"float32"`},
	}
	for _, tt := range tests {
		t.Run(string(tt.dtype), func(t *testing.T) {
			to := filepath.Join(t.TempDir(), "new", "merged")
			report, err := mergedFrom(context.Background(), from, a, to, tt.dtype)
			if err != nil {
				t.Fatal(err)
			}
			s := mustOpen(t, to)
			_, q := floats(t, s, qProj+".weight")
			got, k := floats(t, s, kProj+".weight")
			if q != tt.q || k != tt.k {
				t.Errorf("types %s and %s, want %s and %s", q, k, tt.q, tt.k)
			}
			for i := range got {
				if math.Abs(float64(got[i]-want[i])) > tt.precision*math.Abs(float64(want[i])) {
					t.Fatalf("element %d: got %g, want %g", i, got[i], want[i])
				}
			}
			if x, ok := s.Tensor("model.ids"); !ok || x.DType != "I64" {
				t.Error("the integer buffer is gone")
			}
			var config map[string]json.RawMessage
			if err := json.Unmarshal(testkit.Read(t, filepath.Join(to, configName)), &config); err != nil {
				t.Fatal(err)
			}
			if string(config["dtype"]) != tt.wantConfig || string(config["rms_norm_eps"]) != "1e-06" || config["a<b"] == nil {
				t.Errorf("config %s", config)
			}
			if report.Modules != 1 || report.Tensors != 4 || report.Shards != 1 || report.Bytes != size(t, s) {
				t.Errorf("report %+v", report)
			}
			if got := names(t, to); got != "LICENSE chat_template.jinja config.json model.safetensors tokenizer.json" {
				t.Errorf("files %s", got)
			}
		})
	}
}

func size(t *testing.T, s *safetensors.Sharded) int64 {
	t.Helper()
	var n int64
	for _, name := range s.Tensors() {
		x, _ := s.Tensor(name)
		n += int64(len(x.Data))
	}
	return n
}

func names(t *testing.T, dir string) string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range list {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

func TestMergedShards(t *testing.T) {
	a := adapterOn(rand.New(rand.NewPCG(9, 9)), false, qProj, kProj)
	from := baseDir(t, `{"torch_dtype":"float32"}`, true)
	one, many := filepath.Join(t.TempDir(), "one"), filepath.Join(t.TempDir(), "many")
	if _, err := mergedFrom(context.Background(), from, a, one, BFloat16); err != nil {
		t.Fatal(err)
	}
	report, err := merged(context.Background(), openBase(t, from), a, many, BFloat16, 2*out*in+8)
	if err != nil {
		t.Fatal(err)
	}
	whole, sharded := mustOpen(t, one), mustOpen(t, many)
	if report.Shards != 3 || len(sharded.Files()) != 3 || !slices.Equal(whole.Tensors(), sharded.Tensors()) {
		t.Fatalf("report %+v, tensors %v", report, sharded.Tensors())
	}
	for _, name := range whole.Tensors() {
		x, _ := whole.Tensor(name)
		y, _ := sharded.Tensor(name)
		if !slices.Equal(x.Data, y.Data) {
			t.Errorf("tensor %s depends on the shards", name)
		}
	}
	want := `{
  "metadata": {
    "total_parameters": 9001,
    "total_size": 18008
  },
  "weight_map": {
    "lm_head.weight": "model-00001-of-00003.safetensors",
    "model.ids": "model-00001-of-00003.safetensors",
    "model.layers.0.self_attn.k_proj.weight": "model-00002-of-00003.safetensors",
    "model.layers.0.self_attn.q_proj.weight": "model-00003-of-00003.safetensors"
  }
}
`
	if got := string(testkit.Read(t, filepath.Join(many, safetensors.IndexName))); got != want {
		t.Errorf("index is\n%s", got)
	}
	if got := string(testkit.Read(t, filepath.Join(many, configName))); !strings.Contains(got, "\n  \"torch_dtype\": \"bfloat16\",\n") {
		t.Errorf("config is %s", got)
	}
}

// withEmbeddings adds embeddings to a base: its head once more, or something else.
func withEmbeddings(t *testing.T, dir string, repeat bool) {
	t.Helper()
	base := mustOpen(t, dir)
	var entries []safetensors.Entry
	for _, name := range base.Tensors() {
		x, _ := base.Tensor(name)
		entries = append(entries, safetensors.Entry{Name: name, DType: x.DType, Shape: x.Shape, Data: slices.Clone(x.Data)})
		if name == "lm_head.weight" {
			e := entries[len(entries)-1]
			e.Name, e.Data = "model.embed_tokens.weight", slices.Clone(e.Data)
			if !repeat {
				e.Data[0]++
			}
			entries = append(entries, e)
		}
	}
	if err := safetensors.WriteFile(filepath.Join(dir, safetensors.SingleName), nil, entries); err != nil {
		t.Fatal(err)
	}
}

func TestTiedHeadIsNotWritten(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	for _, repeat := range []bool{true, false} {
		from := baseDir(t, `{"tie_word_embeddings":true}`, true)
		withEmbeddings(t, from, repeat)
		to := filepath.Join(t.TempDir(), "merged")
		if _, err := mergedFrom(context.Background(), from, adapterOn(r, false, qProj), to, Keep); err != nil {
			t.Fatal(err)
		}
		if _, ok := mustOpen(t, to).Tensor("lm_head.weight"); ok == repeat {
			t.Errorf("a head that repeats the embeddings (%t) is written: %t", repeat, ok)
		}
		_, err := mergedFrom(context.Background(), from, adapterOn(r, false, "lm_head"), to+"2", Keep)
		if err == nil || !strings.Contains(err.Error(), "shares its weight") {
			t.Errorf("tied head: %v", err)
		}
	}
}

// The files of older multimodal models call weights otherwise than adapters do.
func TestFormerNames(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	from := t.TempDir()
	stored := "language_model.model.layers.0.self_attn.q_proj.weight"
	if err := safetensors.WriteFile(filepath.Join(from, safetensors.SingleName), nil, []safetensors.Entry{safetensors.F32Entry(stored, []int{out, in}, random(r, out*in))}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(from, configName), []byte(`{"text_config":`+withSizes("{}")+`}`), 0o666); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "merged")
	if _, err := mergedFrom(context.Background(), from, adapterOn(r, false, "model.language_model.layers.0.self_attn.q_proj"), to, Keep); err != nil {
		t.Fatal(err)
	}
	before, _ := floats(t, mustOpen(t, from), stored)
	after, _ := floats(t, mustOpen(t, to), stored)
	if slices.Equal(before, after) {
		t.Error("nothing was merged")
	}
}

func TestMergedRefuses(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	fitting := adapterOn(r, false, qProj)
	unknown := adapterOn(r, false, "model.ids")
	large := adapterOn(r, false, qProj)
	large.Tensors[0].Data[0], large.Tensors[1].Data[0] = 1e4, 1e4
	broken := adapterOn(r, false, qProj)
	broken.Tensors[0].Data[0] = float32(math.NaN())
	tests := []struct {
		name   string
		ctx    context.Context
		config string
		a      *adapters.Adapter
		dtype  DType
		is     error
		want   string
	}{
		{"other base", context.Background(), `{}`, adapterOn(r, false, "model.layers.9.q_proj"), Keep, adapters.ErrBaseMismatch, "no weight for module"},
		{"no linear", context.Background(), `{}`, unknown, Keep, adapters.ErrBaseMismatch, "no weight"},
		{"quantised", context.Background(), `{"quantization_config":{"quant_method":"bitsandbytes"}}`, fitting, Keep, nil, "quantised"},
		{"too large for float16", context.Background(), `{}`, large, Float16, nil, "too large for float16"},
		{"NaN", context.Background(), `{}`, broken, Keep, nil, "NaN"},
		{"cancelled", cancelled, `{}`, fitting, Keep, context.Canceled, ""},
		{"broken config", context.Background(), `{`, fitting, Keep, nil, configName},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			parent := t.TempDir()
			_, err := mergedFrom(tt.ctx, baseDir(t, tt.config, false), tt.a, filepath.Join(parent, "merged"), tt.dtype)
			if err == nil || !strings.Contains(err.Error(), tt.want) || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("error is %v, want %q", err, tt.want)
			}
			if got := names(t, parent); got != "" {
				t.Errorf("left %s behind", got)
			}
		})
	}
	dir := baseDir(t, `{}`, false)
	if _, err := mergedFrom(context.Background(), dir, fitting, dir, Keep); !errors.Is(err, fs.ErrExist) {
		t.Errorf("the base was overwritten: %v", err)
	}
	shape := adapterOn(r, false, qProj)
	shape.Tensors[0] = adapters.Tensor{Name: shape.Tensors[0].Name, Shape: []int{rank, 4}, Data: make([]float32, rank*4)}
	if _, err := mergedFrom(context.Background(), dir, shape, filepath.Join(t.TempDir(), "m"), Keep); !errors.Is(err, adapters.ErrBaseMismatch) {
		t.Errorf("shape: %v", err)
	}
}

func TestSharedMerges(t *testing.T) {
	cases, err := filepath.Glob(filepath.Join(testkit.Shared(t, "goldens"), "*", "adapter1"))
	if err != nil || len(cases) < 10 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for _, dir := range cases {
		a, err := peft.Read(dir)
		if err != nil {
			t.Fatal(err)
		}
		from, to := filepath.Join(filepath.Dir(dir), "base"), filepath.Join(t.TempDir(), "merged")
		report, err := mergedFrom(context.Background(), from, a, to, Keep)
		if err != nil {
			t.Errorf("%s: %v", dir, err)
			continue
		}
		base, model := mustOpen(t, from), mustOpen(t, to)
		changed := 0
		for _, name := range base.Tensors() {
			x, _ := base.Tensor(name)
			y, ok := model.Tensor(name)
			if !ok || x.DType != y.DType || !slices.Equal(x.Shape, y.Shape) {
				t.Errorf("%s: tensor %s is missing or another", dir, name)
			}
			if !slices.Equal(x.Data, y.Data) {
				changed++
			}
		}
		if changed != report.Modules || changed == 0 {
			t.Errorf("%s: %d weights changed, %d modules merged", dir, changed, report.Modules)
		}
	}
}
