package peft

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/internal/safetensors"
	"github.com/cultivar/cultivar/internal/testkit"
)

// small is an adapter of rank 2 on two modules of a model with hidden size 3.
func small() *adapters.Adapter {
	q, v := "base_model.model.model.layers.0.self_attn.q_proj", "base_model.model.model.layers.0.self_attn.v_proj"
	return &adapters.Adapter{
		Config: adapters.Config{Rank: 2, Alpha: 4, TargetModules: []string{"q_proj", "v_proj"}, BaseModel: "b", TaskType: "CAUSAL_LM"},
		Tensors: []adapters.Tensor{
			{Name: q + suffixA, Shape: []int{2, 3}, Data: []float32{1, 2, 3, 4, 5, 6}},
			{Name: q + suffixB, Shape: []int{3, 2}, Data: []float32{1, 2, 3, 4, 5, 6}},
			{Name: v + suffixA, Shape: []int{2, 3}, Data: []float32{1, 2, 3, 4, 5, 6}},
			{Name: v + suffixB, Shape: []int{1, 2}, Data: []float32{1, 2}},
		},
	}
}

func mustWrite(t *testing.T, a *adapters.Adapter) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "adapter")
	if err := Write(dir, a); err != nil {
		t.Fatal(err)
	}
	return dir
}

func mustRead(t *testing.T, dir string) *adapters.Adapter {
	t.Helper()
	a, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

var targetList = regexp.MustCompile(`"target_modules": \[\n([^\]]*)\n  \]`)

// withSortedTargets puts PEFT's target_modules, which stand in the order of a hash set, into ours.
func withSortedTargets(config []byte) []byte {
	return targetList.ReplaceAllFunc(config, func(match []byte) []byte {
		lines := strings.Split(string(targetList.FindSubmatch(match)[1]), "\n")
		for i := range lines {
			lines[i] = strings.TrimSuffix(lines[i], ",")
		}
		slices.Sort(lines)
		return []byte("\"target_modules\": [\n" + strings.Join(lines, ",\n") + "\n  ]")
	})
}

// sameBytes reads an adapter that PEFT wrote, writes it again and compares the files.
func sameBytes(t *testing.T, dir string) {
	t.Helper()
	a := mustRead(t, dir)
	out := mustWrite(t, a)
	if got, want := testkit.Read(t, filepath.Join(out, WeightsName)), testkit.Read(t, filepath.Join(dir, WeightsName)); !bytes.Equal(got, want) {
		t.Errorf("%s: weights differ from PEFT's", dir)
	}
	want := withSortedTargets(testkit.Read(t, filepath.Join(dir, ConfigName)))
	// PEFT leaves [] where a mixture of experts was searched for target parameters and none found.
	want = bytes.Replace(want, []byte(`"target_parameters": []`), []byte(`"target_parameters": null`), 1)
	if got := testkit.Read(t, filepath.Join(out, ConfigName)); !bytes.Equal(got, want) {
		t.Errorf("%s: config is\n%s\nwant\n%s", dir, got, want)
	}
	if again := mustRead(t, out); !reflect.DeepEqual(again, a) || Digest(again) != Digest(a) {
		t.Errorf("%s: another adapter comes back", dir)
	}
}

func TestGoldenRoundTrip(t *testing.T) {
	sameBytes(t, filepath.Join("testdata", "qwen3"))
	sameBytes(t, filepath.Join("testdata", "experts"))
}

func TestSharedRoundTrip(t *testing.T) {
	var dirs []string
	for _, pattern := range []string{"*/adapter[01]", "extra/*/adapter0"} {
		list, err := filepath.Glob(filepath.Join(testkit.Shared(t, "goldens"), pattern))
		if err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, list...)
	}
	if len(dirs) < 25 {
		t.Fatalf("only %d adapters found", len(dirs))
	}
	for _, dir := range dirs {
		sameBytes(t, dir)
	}
}

func TestGoldenContent(t *testing.T) {
	a := mustRead(t, filepath.Join("testdata", "qwen3"))
	want := adapters.Config{
		Rank: 4, Alpha: 16, BaseModel: "qwen3/base", TaskType: "CAUSAL_LM", RankPattern: adapters.Patterns[int]{}, AlphaPattern: adapters.Patterns[float64]{},
		TargetModules: []string{"down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"},
	}
	if !reflect.DeepEqual(a.Config, want) {
		t.Errorf("config %+v\nwant %+v", a.Config, want)
	}
	modules, err := Modules(a)
	if err != nil || len(modules) != 21 || len(a.Tensors) != 42 {
		t.Fatalf("%d modules, %d tensors, %v", len(modules), len(a.Tensors), err)
	}
	if m := modules[0]; m.Name != "model.layers.0.mlp.down_proj" || !slices.Equal(m.A.Shape, []int{4, 112}) || !slices.Equal(m.B.Shape, []int{64, 4}) || m.Magnitude != nil {
		t.Errorf("first module %+v", m)
	}
}

func TestHalfPrecisionIsWidened(t *testing.T) {
	a := small()
	dir := mustWrite(t, a)
	for _, tt := range []struct {
		dtype string
		two   []byte
	}{{safetensors.F16, []byte{0, 0x40}}, {safetensors.BF16, []byte{0, 0x40}}} {
		var entries []safetensors.Entry
		for _, x := range a.Tensors {
			entries = append(entries, safetensors.Entry{Name: x.Name, DType: tt.dtype, Shape: x.Shape, Data: bytes.Repeat(tt.two, len(x.Data))})
		}
		if err := safetensors.WriteFile(filepath.Join(dir, WeightsName), nil, entries); err != nil {
			t.Fatal(err)
		}
		for _, x := range mustRead(t, dir).Tensors {
			if slices.ContainsFunc(x.Data, func(v float32) bool { return v != 2 }) {
				t.Errorf("%s: %s is %v", tt.dtype, x.Name, x.Data)
			}
		}
	}
}

// Each option has a round trip of its own, and a change of what is computed changes the digest.
func TestConfigRoundTrip(t *testing.T) {
	plain := Digest(small())
	tests := []struct {
		name       string
		change     func(c *adapters.Config)
		sameDigest bool
	}{
		{"nothing", func(*adapters.Config) {}, true},
		{"names", func(c *adapters.Config) {
			c.BaseModel, c.Revision, c.TaskType = "näme \U0001F33F\x7f\"\\\n", "main", ""
		}, true},
		{"dropout", func(c *adapters.Config) { c.Dropout = 0.05 }, true},
		{"rsLoRA", func(c *adapters.Config) { c.UseRSLoRA = true }, false},
		{"fractional alpha", func(c *adapters.Config) { c.Alpha = 4 * math.Sqrt2 }, false},
		{"alpha pattern", func(c *adapters.Config) {
			c.AlphaPattern = adapters.Patterns[float64]{{Name: "q_proj", Value: 8}, {Name: `.*\.v_proj`, Value: 1e-5}}
		}, false},
		{"rank pattern", func(c *adapters.Config) {
			c.Rank, c.RankPattern = 7, adapters.Patterns[int]{{Name: "self_attn.[qv]_proj", Value: 2}}
		}, false},
		{"all-linear", func(c *adapters.Config) { c.TargetModules = []string{"all-linear"} }, false},
		{"regular expression", func(c *adapters.Config) { c.TargetModules = []string{`.*\.(q|v)_proj`} }, false},
		{"parameters", func(c *adapters.Config) { c.TargetParameters = []string{"experts.down_proj", "experts.gate_up_proj"} }, false},
		{"longer targets", func(c *adapters.Config) { c.TargetModules = []string{"self_attn.q_proj", "v_proj"} }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := small()
			a.Config.RankPattern, a.Config.AlphaPattern = adapters.Patterns[int]{}, adapters.Patterns[float64]{}
			tt.change(&a.Config)
			if got := mustRead(t, mustWrite(t, a)); !reflect.DeepEqual(got, a) {
				t.Errorf("got  %+v\nwant %+v", got.Config, a.Config)
			}
			if (Digest(a) == plain) != tt.sameDigest {
				t.Errorf("digest %s, plain %s", Digest(a), plain)
			}
			if !json.Valid(FormatConfig(a.Config)) {
				t.Errorf("invalid JSON: %s", FormatConfig(a.Config))
			}
		})
	}
}

// The expected texts are what CPython's json.dumps prints.
func TestPythonForms(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0.0", 1: "1.0", 0.05: "0.05", 1e-4: "0.0001", 0.00001: "1e-05", 22.627416997969522: "22.627416997969522",
		1e15: "1000000000000000.0", 1e16: "1e+16", -2.5: "-2.5", 1.5e300: "1.5e+300",
	} {
		if got := floatRepr(v); got != want {
			t.Errorf("%g: got %s, want %s", v, got, want)
		}
	}
	var b strings.Builder
	dumps(&b, map[string]any{"é": []string{"\x7f\x00\n", "\U0001F33F<&>"}, "a": map[string]any{}, "b": []string{}, "c": true}, "\n")
	want := "{\n  \"a\": {},\n  \"b\": [],\n  \"c\": true,\n  \"\\u00e9\": [\n    \"\\u007f\\u0000\\n\",\n    \"\\ud83c\\udf3f<&>\"\n  ]\n}"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestCheckRefuses(t *testing.T) {
	tests := []struct {
		name   string
		change func(a *adapters.Adapter)
		want   string
	}{
		{"no tensors", func(a *adapters.Adapter) { a.Tensors = nil }, "holds no tensors"},
		{"A without B", func(a *adapters.Adapter) { a.Tensors = a.Tensors[:3] }, `"model.layers.0.self_attn.v_proj": the pair of lora_A and lora_B is incomplete`},
		{"B without A", func(a *adapters.Adapter) { a.Tensors = a.Tensors[1:] }, "incomplete"},
		{"twice", func(a *adapters.Adapter) { a.Tensors = append(a.Tensors, a.Tensors[0]) }, "occurs twice"},
		{"rank", func(a *adapters.Adapter) { a.Config.Rank = 3 }, "lora_A has shape [2 3], not [3, in]"},
		{"rank of B", func(a *adapters.Adapter) { a.Tensors[1].Shape = []int{2, 3} }, "lora_B has shape [2 3], not [out, 2]"},
		{"flat A", func(a *adapters.Adapter) { a.Tensors[0].Shape = []int{6} }, "lora_A has shape [6]"},
		{"shape", func(a *adapters.Adapter) { a.Tensors[0].Shape = []int{2, 4} }, "does not fit 6 values"},
		{"NaN", func(a *adapters.Adapter) { a.Tensors[2].Data[1] = float32(math.NaN()) }, "NaN or an infinity"},
		{"infinity", func(a *adapters.Adapter) { a.Tensors[2].Data[1] = float32(math.Inf(-1)) }, "NaN or an infinity"},
		{"foreign prefix", func(a *adapters.Adapter) { a.Tensors[0].Name = "model.q_proj.lora_A.weight" }, "does not begin with base_model.model."},
		{"foreign suffix", func(a *adapters.Adapter) { a.Tensors[0].Name = "base_model.model.lm_head.weight" }, "is no lora_A"},
		{"no module", func(a *adapters.Adapter) { a.Tensors[0].Name = "base_model.model..lora_A.weight" }, "is no lora_A"},
		{"embedding", func(a *adapters.Adapter) { a.Tensors[0].Name = "base_model.model.model.embed_tokens.lora_embedding_A" }, "LoRA on embeddings"},
		{"not targeted", func(a *adapters.Adapter) { a.Config.TargetModules = []string{"q_proj", "proj"} }, `v_proj" has tensors but is not among target_modules`},
		{"not matched", func(a *adapters.Adapter) { a.Config.TargetModules = []string{`.*q_proj`} }, `v_proj" has tensors`},
		{"no targets", func(a *adapters.Adapter) { a.Config.TargetModules = nil }, "target_modules is empty"},
		{"DoRA without magnitudes", func(a *adapters.Adapter) { a.Config.UseDoRA = true }, "use_dora is true"},
		{"magnitudes without DoRA", func(a *adapters.Adapter) { a.Tensors = append(a.Tensors, magnitude(3)) }, "use_dora is false"},
		{"magnitude's shape", func(a *adapters.Adapter) {
			a.Config.UseDoRA = true
			a.Tensors = append(a.Tensors[:2], magnitude(2))
		}, "lora_magnitude_vector has shape [2], not [3]"},
		{"rank 0", func(a *adapters.Adapter) { a.Config.Rank = 0 }, "r is 0"},
		{"alpha", func(a *adapters.Adapter) { a.Config.Alpha = math.NaN() }, "lora_alpha is NaN"},
		{"dropout", func(a *adapters.Adapter) { a.Config.Dropout = 1 }, "lora_dropout is 1"},
		{"bad expression", func(a *adapters.Adapter) { a.Config.TargetModules = []string{`(`} }, "target_modules: "},
		{"rank pattern", func(a *adapters.Adapter) { a.Config.RankPattern = adapters.Patterns[int]{{Name: "q", Value: -1}} }, `rank_pattern "q" is -1`},
		{"alpha pattern", func(a *adapters.Adapter) {
			a.Config.AlphaPattern = adapters.Patterns[float64]{{Name: "(?=q)", Value: 1}}
		}, "alpha_pattern: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := small()
			tt.change(a)
			dir := t.TempDir()
			err := Write(dir, a)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error is %v, want %q", err, tt.want)
			}
			if list, _ := os.ReadDir(dir); len(list) > 0 {
				t.Errorf("left %v behind", list)
			}
		})
	}
}

func magnitude(n int) adapters.Tensor {
	return adapters.Tensor{Name: "base_model.model.model.layers.0.self_attn.q_proj" + suffixMagnitude, Shape: []int{n}, Data: make([]float32, n)}
}

func TestParseConfigRefuses(t *testing.T) {
	with := func(more string) string {
		return `{"peft_type":"LORA","r":8,"lora_alpha":16,"target_modules":["q_proj"]` + more + `}`
	}
	tests := []struct{ text, want string }{
		{`[]`, "not a JSON object"},
		{`{`, "not a JSON object"},
		{`{"r":8}`, "not a PEFT adapter: peft_type is missing"},
		{`{"fine_tune_type":"lora","num_layers":4}`, "mlx-lm"},
		{`{"peft_type":"IA3"}`, `peft_type "IA3" is not supported`},
		{`{"peft_type":"LORA"}`, "target_modules is empty"},
		{with(`,"r":0`), "r is 0"},
		{with(`,"r":1000000`), "r is 1000000"},
		{with(`,"r":"8"`), "r"},
		{with(`,"target_modules":7`), "neither a list of names nor a string"},
		{with(`,"bias":"all"`), `bias "all" is not supported`},
		{with(`,"modules_to_save":["lm_head"]`), `modules_to_save ["lm_head"] is not supported`},
		{with(`,"init_lora_weights":"pissa_niter_4"`), `init_lora_weights "pissa_niter_4" is not supported`},
		{with(`,"lora_bias":true`), "lora_bias true"},
		{with(`,"layer_replication":[[0,4],[2,5]]`), "layer_replication"},
		{with(`,"fan_in_fan_out":true`), "fan_in_fan_out"},
		{with(`,"trainable_token_indices":[1]`), "trainable_token_indices"},
		{with(`,"target_parameters":"experts.down_proj"`), "target_parameters"},
		{with(`,"target_parameters":["experts.down_proj_bias"]`), `target_parameters "experts.down_proj_bias" is not supported; gate_up_proj, down_proj of experts are, and weight of linear modules`},
		{with(`,"lora_alhpa":16`), `unknown key "lora_alhpa", did you mean "lora_alpha"?`},
		{with(`,"Use_DoRA":true`), `unknown key "Use_DoRA", did you mean "use_dora"?`},
		{with(`,"R":16`), `unknown key "R", did you mean "r"?`},
		{with(`,"target_parameters":["experts.down_proj"],"lora_dropout":0.1`), "lora_dropout is 0.1 with target_parameters"},
		{with(`,"target_parameters":["experts.down_proj"],"use_dora":true`), "use_dora with target_parameters"},
	}
	for _, tt := range tests {
		if _, err := ParseConfig([]byte(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s\nerror is %v, want %q", tt.text, err, tt.want)
		}
	}
	c, err := ParseConfig([]byte(`{"peft_type":"LORA","target_modules":"all-linear","novelty":{"a":1},"bias":"none","loftq_config":{ },"init_lora_weights":false,"layers_to_transform":[1]}`))
	if err != nil || c.Rank != 8 || c.Alpha != 8 || !slices.Equal(c.TargetModules, []string{"all-linear"}) {
		t.Errorf("defaults: %+v, %v", c, err)
	}
	// Of a key that stands twice Python takes the last value, whole; what is off changes nothing, whatever its name.
	c, err = ParseConfig([]byte(`{"peft_type":"LORA","r":4,"target_modules":["a"],"rank_pattern":{"a":2},"target_modules":["b"],"rank_pattern":{"b":3},"r":null,"R":null,"use_qdora":false}`))
	if err != nil || c.Rank != 8 || !slices.Equal(c.TargetModules, []string{"b"}) || len(c.RankPattern) != 1 || c.RankPattern[0].Value != 3 {
		t.Errorf("twice: %+v, %v", c, err)
	}
}

func TestReadRefuses(t *testing.T) {
	dir := t.TempDir()
	if _, err := Read(dir); !errors.Is(err, adapters.ErrNotAdapter) {
		t.Errorf("empty directory: %v", err)
	}
	dir = mustWrite(t, small())
	if err := os.Remove(filepath.Join(dir, WeightsName)); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(dir); !errors.Is(err, adapters.ErrNotAdapter) || !strings.Contains(err.Error(), WeightsName) {
		t.Errorf("no weights: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "adapter_model.bin"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(dir); !errors.Is(err, safetensors.ErrPickle) {
		t.Errorf("pickle: %v", err)
	}
	entries := []safetensors.Entry{{Name: "base_model.model.q_proj.lora_A.weight", DType: "I32", Shape: []int{1}, Data: make([]byte, 4)}}
	if err := safetensors.WriteFile(filepath.Join(dir, WeightsName), nil, entries); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), "lora_A.weight") || !strings.Contains(err.Error(), "I32") {
		t.Errorf("integers: %v", err)
	}
}

// The digest is a promise to published adapters: this value may change only with the format's version.
func TestDigest(t *testing.T) {
	const want = "sha256:3e2cc66868692203cd836d523e41677db1251c67d5818f9d3926a2ab1803703d"
	a := small()
	if got := Digest(a); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	slices.Reverse(a.Tensors)
	slices.Reverse(a.Config.TargetModules)
	if got := Digest(a); got != want {
		t.Errorf("order counts: got %s", got)
	}
	a.Tensors[0].Data[0] = math.Float32frombits(math.Float32bits(a.Tensors[0].Data[0]) ^ 1)
	if Digest(a) == want {
		t.Error("a changed bit does not count")
	}
	long := adapters.Tensor{Data: make([]float32, 5000)}
	if first := sumFloats(long.Data); bytes.Equal(first, sumFloats(long.Data[:4999])) {
		t.Error("the end of a long tensor does not count")
	}
}

// FuzzParseConfig: what is accepted can be written and reads back the same.
func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(`{"peft_type":"LORA","r":8,"lora_alpha":16.5,"target_modules":["q_proj"],"rank_pattern":{"q":4}}`))
	f.Add([]byte(`{"peft_type":"LORA","target_modules":"all-linear","alpha_pattern":{"a|b":1e-7},"base_model_name_or_path":"é"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseConfig(text)
		if err != nil {
			return
		}
		again, err := ParseConfig(FormatConfig(c))
		if err != nil {
			t.Fatalf("%v: %s", err, FormatConfig(c))
		}
		if !bytes.Equal(FormatConfig(again), FormatConfig(c)) {
			t.Fatalf("got %+v, want %+v", again, c)
		}
	})
}
