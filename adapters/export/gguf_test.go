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
	"github.com/cultivar/cultivar/bases/ggufarch"
	"github.com/cultivar/cultivar/internal/gguf"
	"github.com/cultivar/cultivar/internal/safetensors"
	"github.com/cultivar/cultivar/internal/testkit"
)

// The base of these tests has two heads of 4 rows, one for keys, and a hidden size of 32.
const ggufHidden = 32

func ggufModel(t *testing.T, class string) *ggufarch.Model {
	t.Helper()
	return &ggufarch.Model{
		Arch: archOf(t, class), Vocabulary: 300, Context: 64, Hidden: ggufHidden, Intermediate: 64, Layers: 1, AttentionHeads: 2, KeyValueHeads: 1, HeadDim: 4,
		Rotated: 4, Eps: 1e-6, Theta: 10000,
	}
}

// ggufAdapter adapts q and v of the base above, q with a rank and an alpha of its own.
func ggufAdapter(dora bool) *adapters.Adapter {
	r := rand.New(rand.NewPCG(1, 2))
	a := &adapters.Adapter{Config: adapters.Config{
		Rank: 4, Alpha: 6, UseRSLoRA: true, UseDoRA: dora, TargetModules: []string{"q_proj", "v_proj"},
		RankPattern: adapters.Patterns[int]{{Name: "q_proj", Value: 2}}, AlphaPattern: adapters.Patterns[float64]{{Name: "q_proj", Value: 3}},
	}}
	add := func(module string, rows, rank int) {
		name := "base_model.model.model.layers.0.self_attn." + module
		a.Tensors = append(a.Tensors,
			adapters.Tensor{Name: name + ".lora_A.weight", Shape: []int{rank, ggufHidden}, Data: random(r, rank*ggufHidden)},
			adapters.Tensor{Name: name + ".lora_B.weight", Shape: []int{rows, rank}, Data: random(r, rows*rank)})
		if dora {
			a.Tensors = append(a.Tensors, adapters.Tensor{Name: name + ".lora_magnitude_vector", Shape: []int{rows}, Data: random(r, rows)})
		}
	}
	add("q_proj", 8, 2)
	add("v_proj", 4, 4)
	return a
}

func openGGUF(t *testing.T, path string) *gguf.File {
	t.Helper()
	f, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func ggufValues(t *testing.T, f *gguf.File, name string) []float32 {
	t.Helper()
	x, ok := f.Tensor(name)
	if !ok {
		t.Fatalf("tensor %s is missing", name)
	}
	v, err := widen(x)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// llama.cpp computes W·x + alpha/rank·B·A·x with the rank of each module: that must be the adapter's
// update, its rows in the order of the base's.
func TestGGUFAdapter(t *testing.T) {
	a := ggufAdapter(false)
	path := filepath.Join(t.TempDir(), "new", "a.gguf")
	report, err := writeAdapter(form{Model: ggufModel(t, "LlamaForCausalLM")}, a, path, GGUFOptions{Name: "handbook"})
	if err != nil {
		t.Fatal(err)
	}
	f := openGGUF(t, path)
	for key, want := range map[string]string{"general.architecture": "llama", "general.type": "adapter", "adapter.type": "lora", "general.name": "handbook"} {
		if got, _ := f.String(key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if got := f.Tensors(); report.Modules != 2 || !slices.Equal(got, []string{"blk.0.attn_q.weight.lora_a", "blk.0.attn_q.weight.lora_b", "blk.0.attn_v.weight.lora_a", "blk.0.attn_v.weight.lora_b"}) {
		t.Errorf("%+v, tensors %v", report, got)
	}
	alpha, _ := f.Float("adapter.lora.alpha")
	for _, m := range []struct {
		module, name string
		tensors      int // of the adapter
		order        []int
		scaling      float64
	}{
		{"q_proj", "blk.0.attn_q.weight", 0, []int{0, 2, 1, 3, 4, 6, 5, 7}, 3 / math.Sqrt2},
		{"v_proj", "blk.0.attn_v.weight", 2, []int{0, 1, 2, 3}, 3},
	} {
		A, B := a.Tensors[m.tensors], a.Tensors[m.tensors+1]
		b, _ := f.Tensor(m.name + ".lora_b")
		rank := b.Shape[1]
		got := ggufValues(t, f, m.name+".lora_b")
		if !slices.Equal(ggufValues(t, f, m.name+".lora_a"), A.Data) || b.Shape[0] != B.Shape[0] {
			t.Errorf("%s: A is another, or B is %v", m.module, b.Shape)
		}
		for row, to := range m.order {
			for p := range rank {
				update, want := alpha/float64(rank)*float64(got[to*rank+p]), m.scaling*float64(B.Data[row*rank+p])
				if math.Abs(update-want) > 1e-6*math.Abs(want) {
					t.Fatalf("%s: row %d updates by %g, want %g", m.module, row, update, want)
				}
			}
		}
	}
}

func TestGGUFAdapterTypes(t *testing.T) {
	for typ, want := range map[OutType][2]string{OutF32: {"F32", "F32"}, OutF16: {"F16", "F16"}, OutBF16: {"BF16", "BF16"}, OutQ8: {"Q8_0", "F16"}} {
		path := filepath.Join(t.TempDir(), "a.gguf")
		if _, err := writeAdapter(form{Model: ggufModel(t, "Qwen2ForCausalLM")}, ggufAdapter(false), path, GGUFOptions{Type: typ}); err != nil {
			t.Fatal(err)
		}
		f := openGGUF(t, path)
		for i, name := range []string{"blk.0.attn_q.weight.lora_a", "blk.0.attn_q.weight.lora_b"} {
			if x, _ := f.Tensor(name); x.Type.String() != want[i] {
				t.Errorf("%s: %s is %v, want %s", typ, name, x.Type, want[i])
			}
		}
		if !slices.Contains(OutTypes, typ) {
			t.Errorf("%s is in no list", typ)
		}
	}
	if len(OutTypes) != len(outTypes) {
		t.Errorf("%v, there are %d", OutTypes, len(outTypes))
	}
}

func TestGGUFAdapterRefuses(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	tied := ggufModel(t, "LlamaForCausalLM")
	tied.Tied = true
	for name, tt := range map[string]struct {
		a    *adapters.Adapter
		m    *ggufarch.Model
		want string
	}{
		"DoRA":    {ggufAdapter(true), ggufModel(t, "LlamaForCausalLM"), "DoRA"},
		"module":  {adapterOn(r, false, "model.layers.0.mlp.gate_up_proj"), ggufModel(t, "LlamaForCausalLM"), "no matrix of its own"},
		"expert":  {adapterOn(r, false, "model.layers.0.block_sparse_moe.experts.0.w1"), ggufModel(t, "MixtralForCausalLM"), "no matrix of its own"},
		"head":    {adapterOn(r, false, "lm_head"), tied, "shares its weight"},
		"of rows": {adapterOn(r, false, "model.layers.0.self_attn.q_proj"), &ggufarch.Model{Arch: tied.Arch, AttentionHeads: 7}, "heads of pairs"},
	} {
		path := filepath.Join(t.TempDir(), "a.gguf")
		if _, err := writeAdapter(form{Model: tt.m}, tt.a, path, GGUFOptions{}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error is %v, want %q", name, err, tt.want)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s: a file is there", name)
		}
	}
}

// ggufDir writes the base above as a model directory, with the tokenizer given.
func ggufDir(t *testing.T, tokenizer string, norm string) string {
	t.Helper()
	r := rand.New(rand.NewPCG(3, 4))
	dir := t.TempDir()
	entry := func(name string, shape ...int) safetensors.Entry {
		n := 1
		for _, d := range shape {
			n *= d
		}
		return safetensors.F32Entry(name, shape, random(r, n))
	}
	const layer = "model.layers.0.self_attn."
	entries := []safetensors.Entry{
		entry("model.embed_tokens.weight", 300, ggufHidden), entry("lm_head.weight", 300, ggufHidden), entry(norm, ggufHidden),
		entry(layer+"q_proj.weight", 8, ggufHidden), entry(layer+"k_proj.weight", 4, ggufHidden), entry(layer+"v_proj.weight", 4, ggufHidden),
	}
	if err := safetensors.WriteFile(filepath.Join(dir, safetensors.SingleName), nil, entries); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{configName: withSizes(`{"tie_word_embeddings":false}`), "tokenizer.json": tokenizer,
		"tokenizer_config.json": `{"bos_token":"<s>","eos_token":{"content":"</s>"},"unk_token":"<unk>"}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// byteLevel is a tokenizer of two letters and a merge, with what splits texts.
func byteLevel(t *testing.T, pre any, ignoreMerges bool) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"pre_tokenizer": pre,
		"added_tokens": []map[string]any{
			{"id": 3, "content": "<s>", "special": true}, {"id": 4, "content": "</s>", "special": true},
			{"id": 5, "content": "<tool>", "special": false}, {"id": 6, "content": "<|end|>", "special": false},
		},
		"post_processor": map[string]any{"type": "Sequence", "processors": []any{
			map[string]any{"type": "ByteLevel"},
			map[string]any{"type": "TemplateProcessing", "single": []any{
				map[string]any{"SpecialToken": map[string]any{"id": "<s>"}}, map[string]any{"Sequence": map[string]any{"id": "A"}},
			}},
		}},
		"model": map[string]any{"type": "BPE", "vocab": map[string]int{"a": 0, "b": 1, "ab": 2}, "merges": []any{[]string{"a", "b"}}, "ignore_merges": ignoreMerges},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func split(regex string) map[string]any {
	return map[string]any{"type": "Split", "pattern": map[string]any{"Regex": regex}, "behavior": "Isolated"}
}

func sequence(parts ...any) map[string]any {
	return map[string]any{"type": "Sequence", "pretokenizers": parts}
}

var (
	plainBytes = map[string]any{"type": "ByteLevel", "use_regex": false}
	gpt2Bytes  = map[string]any{"type": "ByteLevel"}
)

// A merged file and a merged directory hold the same sums, of LoRA and of DoRA.
func TestGGUFModelMerges(t *testing.T) {
	dir := ggufDir(t, byteLevel(t, gpt2Bytes, false), "model.layers.0.input_layernorm.weight")
	for _, dora := range []bool{false, true} {
		a := ggufAdapter(dora)
		file, merged := filepath.Join(t.TempDir(), "m.gguf"), filepath.Join(t.TempDir(), "m")
		report, err := fileFrom(context.Background(), dir, form{Model: ggufModel(t, "LlamaForCausalLM")}, a, file, GGUFOptions{Type: OutF32})
		if err != nil {
			t.Fatal(err)
		}
		if report.Modules != 2 || report.Tensors != 6 || len(report.Notes) != 0 {
			t.Errorf("report %+v", report)
		}
		if _, err := mergedFrom(context.Background(), dir, a, merged, Float32); err != nil {
			t.Fatal(err)
		}
		f, s := openGGUF(t, file), mustOpen(t, merged)
		for hf, name := range map[string]string{
			"model.layers.0.self_attn.q_proj.weight": "blk.0.attn_q.weight", "model.layers.0.self_attn.k_proj.weight": "blk.0.attn_k.weight",
			"model.layers.0.self_attn.v_proj.weight": "blk.0.attn_v.weight", "model.embed_tokens.weight": "token_embd.weight", "lm_head.weight": "output.weight",
			"model.layers.0.input_layernorm.weight": "blk.0.attn_norm.weight",
		} {
			want, _ := floats(t, s, hf)
			if strings.Contains(hf, "q_proj") || strings.Contains(hf, "k_proj") {
				moved := make([]float32, len(want))
				order, err := ggufarch.Order(len(want)/ggufHidden, map[bool]int{true: 2, false: 1}[strings.Contains(hf, "q_proj")])
				if err != nil {
					t.Fatal(err)
				}
				permute(moved, want, order)
				want = moved
			}
			if !slices.Equal(ggufValues(t, f, name), want) {
				t.Errorf("dora %v: %s is another than in the merged directory", dora, name)
			}
		}
		again := filepath.Join(t.TempDir(), "again.gguf")
		if _, err := fileFrom(context.Background(), dir, form{Model: ggufModel(t, "LlamaForCausalLM")}, a, again, GGUFOptions{Type: OutF32}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(testkit.Read(t, file), testkit.Read(t, again)) {
			t.Error("the bytes depend on more than the input")
		}
	}
}

// Merging into a file is merging into the directory that it was made from.
func TestGGUFModelOfAFile(t *testing.T) {
	dir := ggufDir(t, byteLevel(t, gpt2Bytes, false), "model.layers.0.input_layernorm.weight")
	tmp := t.TempDir()
	at := func(name string) string { return filepath.Join(tmp, name) }
	convert := func(from string, a *adapters.Adapter, to string, typ OutType) {
		t.Helper()
		if _, err := fileFrom(context.Background(), from, form{Model: ggufModel(t, "LlamaForCausalLM")}, a, at(to), GGUFOptions{Type: typ}); err != nil {
			t.Fatal(err)
		}
	}
	convert(dir, nil, "base", "")
	convert(at("base"), nil, "copy", "")
	if !slices.Equal(testkit.Read(t, at("base")), testkit.Read(t, at("copy"))) {
		t.Error("a file that nothing is merged into changes")
	}
	convert(dir, ggufAdapter(true), "one", OutBF16)
	convert(at("base"), ggufAdapter(true), "two", OutBF16)
	if !slices.Equal(testkit.Read(t, at("one")), testkit.Read(t, at("two"))) {
		t.Error("merging into a file is another thing than into a directory")
	}
	convert(at("base"), nil, "q8", OutQ8)
	mixed := openGGUF(t, at("base"))
	var pairs []gguf.Pair
	var entries []gguf.Entry
	for _, key := range mixed.Keys() {
		if p, ok := mixed.Pair(key); ok && key != "general.alignment" {
			pairs = append(pairs, p)
		}
	}
	for i, name := range mixed.Tensors() {
		x, _ := mixed.Tensor(name)
		entries = append(entries, entryOf(name, []gguf.Type{gguf.F16, gguf.BF16}[i%2], x.Shape, func() ([]float32, error) { return widen(x) }))
	}
	if err := gguf.WriteFile(at("mixed"), pairs, entries); err != nil {
		t.Fatal(err)
	}
	convert(at("mixed"), nil, "mixedcopy", "")
	if !slices.Equal(testkit.Read(t, at("mixed")), testkit.Read(t, at("mixedcopy"))) {
		t.Error("a file of several types that nothing is merged into changes")
	}
	convert(at("q8"), nil, "q8copy", "")
	if !slices.Equal(testkit.Read(t, at("q8")), testkit.Read(t, at("q8copy"))) {
		t.Error("a quantised file that nothing is merged into changes")
	}
	convert(at("q8"), ggufAdapter(false), "q8merged", "") // what is merged into is widened
	f := openGGUF(t, at("q8merged"))
	for name, want := range map[string]string{"blk.0.attn_q.weight": "F16", "blk.0.attn_v.weight": "F16", "blk.0.attn_k.weight": "Q8_0", "output.weight": "Q8_0"} {
		if x, _ := f.Tensor(name); x.Type.String() != want {
			t.Errorf("%s is merged as %v, want %s", name, x.Type, want)
		}
	}
	convert(at("q8"), ggufAdapter(false), "f32merged", OutF32)
	plain := openGGUF(t, at("f32merged"))
	if kind, _ := plain.Uint("general.file_type"); kind != 0 || plain.Has("general.quantization_version") {
		t.Errorf("a widened file says it is of type %d, or quantised", kind)
	}
	q8 := openGGUF(t, at("q8"))
	kind, _ := q8.Uint("general.file_type")
	if version, _ := q8.Uint("general.quantization_version"); kind != 7 || version != 2 {
		t.Errorf("file type %d, version %d of q8_0", kind, version)
	}
}

// Norms that multiply by 1 + w hold the sum.
func TestGGUFNormsIncludeOne(t *testing.T) {
	const norm = "model.layers.0.input_layernorm.weight"
	dir := ggufDir(t, byteLevel(t, gpt2Bytes, false), norm)
	path := filepath.Join(t.TempDir(), "g.gguf")
	if _, err := fileFrom(context.Background(), dir, form{Model: ggufModel(t, "GemmaForCausalLM")}, nil, path, GGUFOptions{}); err != nil {
		t.Fatal(err)
	}
	want, _ := floats(t, mustOpen(t, dir), norm)
	for i, v := range ggufValues(t, openGGUF(t, path), "blk.0.attn_norm.weight") {
		if v != want[i]+1 {
			t.Fatalf("element %d is %g, want %g + 1", i, v, want[i])
		}
	}
}

func TestGGUFExperts(t *testing.T) {
	dir := ggufDir(t, byteLevel(t, gpt2Bytes, false), "model.norm.weight")
	const expert = "model.layers.0.block_sparse_moe.experts."
	write := func(names ...string) {
		t.Helper()
		entries := []safetensors.Entry{safetensors.F32Entry("model.embed_tokens.weight", []int{1, ggufHidden}, make([]float32, ggufHidden))}
		for i, name := range names {
			v := make([]float32, 2*ggufHidden)
			v[0] = float32(i + 1)
			entries = append(entries, safetensors.F32Entry(name, []int{2, ggufHidden}, v))
		}
		if err := safetensors.WriteFile(filepath.Join(dir, safetensors.SingleName), nil, entries); err != nil {
			t.Fatal(err)
		}
	}
	m := ggufModel(t, "MixtralForCausalLM")
	m.Experts, m.ExpertsUsed = 2, 1
	write(expert+"0.w1.weight", expert+"1.w1.weight", "model.layers.0.block_sparse_moe.gate.weight")
	a := adapterOn(rand.New(rand.NewPCG(1, 1)), false, strings.TrimSuffix(expert, ".")+".1.w1")
	for i, x := range a.Tensors { // that adapter is for another shape
		if strings.Contains(x.Name, "lora_A") {
			a.Tensors[i].Shape, a.Tensors[i].Data = []int{rank, ggufHidden}, make([]float32, rank*ggufHidden)
			a.Tensors[i].Data[0] = 1
		} else {
			a.Tensors[i].Shape, a.Tensors[i].Data = []int{2, rank}, make([]float32, 2*rank)
			a.Tensors[i].Data[0] = 1
		}
	}
	path := filepath.Join(t.TempDir(), "m.gguf")
	if _, err := fileFrom(context.Background(), dir, form{Model: m}, a, path, GGUFOptions{Type: OutF16}); err != nil {
		t.Fatal(err)
	}
	f := openGGUF(t, path)
	x, _ := f.Tensor("blk.0.ffn_gate_exps.weight")
	if v := ggufValues(t, f, x.Name); !slices.Equal(x.Shape, []int{2, 2, ggufHidden}) || v[0] != 1 || v[2*ggufHidden] != 2+2 {
		t.Errorf("experts %v hold %g and %g", x.Shape, v[0], v[2*ggufHidden])
	}
	if gate, _ := f.Tensor("blk.0.ffn_gate_inp.weight"); gate.Type != gguf.F32 {
		t.Errorf("the router is stored as %v", gate.Type)
	}
	write(expert + "0.w1.weight")
	if _, err := fileFrom(context.Background(), dir, form{Model: m}, nil, path+"2", GGUFOptions{}); err == nil || !strings.Contains(err.Error(), "lacks some of its experts") {
		t.Errorf("half of the experts: %v", err)
	}
}

func TestGGUFModelRefuses(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	fine := byteLevel(t, gpt2Bytes, false)
	for name, tt := range map[string]struct {
		ctx       context.Context
		tokenizer string
		a         *adapters.Adapter
		is        error
		want      string
	}{
		"cancelled":     {cancelled, fine, nil, context.Canceled, ""},
		"other base":    {context.Background(), fine, adapterOn(r, false, "model.layers.9.self_attn.q_proj"), adapters.ErrBaseMismatch, "no weight"},
		"other shape":   {context.Background(), fine, adapterOn(r, false, "model.layers.0.self_attn.q_proj"), adapters.ErrBaseMismatch, ""},
		"tokenizer":     {context.Background(), "{", nil, nil, "tokenizer.json"},
		"unigram":       {context.Background(), `{"model":{"type":"Unigram"}}`, nil, nil, `"Unigram" has no form`},
		"splits":        {context.Background(), byteLevel(t, split("."), false), nil, nil, "no name in GGUF"},
		"pre-tokenizer": {context.Background(), byteLevel(t, map[string]any{"type": "Whitespace"}, false), nil, nil, "Whitespace has no name"},
		"token":         {context.Background(), strings.Replace(fine, `"ab":2`, `"ab":300`, 1), nil, nil, "has id 300"},
		"merge":         {context.Background(), strings.Replace(fine, `["a","b"]`, `"a b c"`, 1), nil, nil, "merge 0 is no pair"},
	} {
		path := filepath.Join(t.TempDir(), "m.gguf")
		dir := ggufDir(t, tt.tokenizer, "model.norm.weight")
		_, err := fileFrom(tt.ctx, dir, form{Model: ggufModel(t, "LlamaForCausalLM")}, tt.a, path, GGUFOptions{})
		if err == nil || !strings.Contains(err.Error(), tt.want) || tt.is != nil && !errors.Is(err, tt.is) {
			t.Errorf("%s: error is %v, want %q", name, err, tt.want)
		}
		if got := names(t, filepath.Dir(path)); got != "" {
			t.Errorf("%s: left %s behind", name, got)
		}
	}
	dir := ggufDir(t, fine, "model.norm.weight")
	if _, err := fileFrom(context.Background(), dir, form{Model: ggufModel(t, "LlamaForCausalLM")}, nil, filepath.Join(dir, configName), GGUFOptions{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file was replaced: %v", err)
	}
	strange := ggufDir(t, fine, "model.layers.0.mamba.weight")
	if _, err := fileFrom(context.Background(), strange, form{Model: ggufModel(t, "LlamaForCausalLM")}, nil, filepath.Join(t.TempDir(), "m"), GGUFOptions{}); err == nil || !strings.Contains(err.Error(), "mamba") {
		t.Errorf("an unknown tensor: %v", err)
	}
}

// A file that says of its tensors what is not so is refused, without names for experts that there are not.
func TestGGUFModelOfHostileFiles(t *testing.T) {
	for name, tt := range map[string]struct {
		pair   gguf.Pair
		tensor string
		want   string
	}{
		"experts": {gguf.NewPair("llama.expert_count", uint32(1<<29)), "blk.0.ffn_up_exps.weight", "want a matrix for each of 536870912 experts"},
		"vector":  {gguf.NewPair("general.name", "flat"), "blk.0.attn_q.weight", "updates [8 32]"},
	} {
		pairs, err := ggufModel(t, "LlamaForCausalLM").Pairs()
		if err != nil {
			t.Fatal(err)
		}
		zeros := func(name string, shape ...int) gguf.Entry {
			return entryOf(name, gguf.F32, shape, func() ([]float32, error) { return make([]float32, safetensors.Tensor{Shape: shape}.Len()), nil })
		}
		path := filepath.Join(t.TempDir(), "hostile.gguf")
		pairs = append(pairs, gguf.NewPair("general.architecture", "llama"), gguf.NewPair("llama.expert_used_count", uint32(1)), tt.pair)
		if err := gguf.WriteFile(path, pairs, []gguf.Entry{zeros("token_embd.weight", 300, ggufHidden), zeros(tt.tensor, 8)}); err != nil {
			t.Fatal(err)
		}
		if _, err := fileFrom(context.Background(), path, form{}, ggufAdapter(false), path+"2", GGUFOptions{}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error is %v, want %q", name, err, tt.want)
		}
	}
}

// A head that is not the embeddings is written although config.json ties them, one that is is not.
func TestGGUFTiedHead(t *testing.T) {
	for _, same := range []bool{true, false} {
		dir := ggufDir(t, byteLevel(t, gpt2Bytes, false), "model.norm.weight")
		embeddings, head := make([]float32, 300*ggufHidden), make([]float32, 300*ggufHidden)
		if !same {
			head[7] = 1
		}
		err := safetensors.WriteFile(filepath.Join(dir, safetensors.SingleName), nil, []safetensors.Entry{
			safetensors.F32Entry("model.embed_tokens.weight", []int{300, ggufHidden}, embeddings), safetensors.F32Entry("lm_head.weight", []int{300, ggufHidden}, head),
		})
		if err != nil {
			t.Fatal(err)
		}
		m := ggufModel(t, "LlamaForCausalLM")
		m.Tied = true
		path := filepath.Join(t.TempDir(), "tied.gguf")
		if _, err := fileFrom(context.Background(), dir, form{Model: m}, nil, path, GGUFOptions{}); err != nil {
			t.Fatal(err)
		}
		back, err := ggufarch.Read(openGGUF(t, path), archs())
		if err != nil || back.Tied != same || m.Tied != same {
			t.Errorf("the same %v: tied %v, read as %v, %v", same, m.Tied, back.Tied, err)
		}
	}
}
