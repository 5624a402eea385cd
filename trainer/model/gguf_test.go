package model_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/bases/ggufarch"
	"github.com/cultivar/cultivar/internal/gguf"
	"github.com/cultivar/cultivar/internal/testkit"
	"github.com/cultivar/cultivar/trainer/model"
)

// The names are gguf-py's, in both directions (tools/goldens/gguf_names.py).
func TestNames(t *testing.T) {
	var golden map[string]struct {
		Arch  string
		Names map[string]*string
	}
	if err := json.Unmarshal(testkit.Read(t, "testdata/gguf-names.json"), &golden); err != nil || len(golden) < 18 {
		t.Fatalf("%d architectures, %v", len(golden), err)
	}
	for class, g := range golden {
		a, err := archOf(class)
		if err != nil || a.Name != g.Arch {
			t.Errorf("%s is %v, %v", class, a, err)
			continue
		}
		for hf, want := range g.Names {
			if want == nil {
				continue // lm_head of families whose head is always tied
			}
			if s, ok := a.StackOf(*want + ".weight"); ok { // of other names on the published side
				if back, ok := a.StackNamed(s.Published); !ok || !slices.Contains(back.Files, *want+".weight") {
					t.Errorf("%s: %s is %v of %s", class, *want, back.Files, s.Published)
				}
				continue
			}
			one := strings.ReplaceAll(hf, "%d", "7")
			got, expert := a.InFile(one + ".weight")
			if got != *want+".weight" || (expert == 7) != (one != hf) {
				t.Errorf("%s: %s is %s, %d, want %s", class, one, got, expert, *want)
			}
			back, experts := a.Published(*want + ".weight")
			if back != hf+".weight" || experts != (one != hf) {
				t.Errorf("%s: %s is %s, %v, want %s", class, *want, back, experts, hf)
			}
		}
	}
	llama, _ := archOf("LlamaForCausalLM")
	for _, name := range []string{"", "blk.0.attn_q", "blk.01.attn_q.weight", "blk.-1.attn_q.weight", "blk.0.attn_q_norm.weight", "blk.x.attn_q.weight", "v.blk.0.attn_q.weight"} {
		if hf, _ := llama.Published(name); hf != "" {
			t.Errorf("%q is published as %q", name, hf)
		}
	}
	mixtral, _ := archOf("MixtralForCausalLM")
	for _, name := range []string{"", "model.layers.0.self_attn.q_proj", "model.layers.0.block_sparse_moe.experts.01.w1.weight", "model.layers.0.block_sparse_moe.experts.%d.w1.weight", "model.layers.0.mlp.up_proj.weight"} {
		if file, _ := mixtral.InFile(name); file != "" {
			t.Errorf("%q is %q in a file", name, file)
		}
	}
	if _, err := archOf("BertModel"); err == nil {
		t.Error("BertModel is known")
	}
}

// A stack's rows are those of its files, experts apart.
func TestStack(t *testing.T) {
	granite, _ := archOf("GraniteMoeForCausalLM")
	oss, _ := archOf("GptOssForCausalLM")
	for _, tt := range []struct {
		a         *ggufarch.Arch
		published string
		files     []string
		rows      [][2]int // of 4
	}{
		{granite, "model.layers.3.block_sparse_moe.input_linear.weight", []string{"blk.3.ffn_gate_exps.weight", "blk.3.ffn_up_exps.weight"}, [][2]int{{0, 0}, {0, 1}, {1, 0}, {1, 1}}},
		{oss, "model.layers.3.mlp.experts.gate_up_proj_bias", []string{"blk.3.ffn_gate_exps.bias", "blk.3.ffn_up_exps.bias"}, [][2]int{{0, 0}, {1, 0}, {0, 1}, {1, 1}}},
		{oss, "model.layers.3.self_attn.sinks", []string{"blk.3.attn_sinks.weight"}, [][2]int{{0, 0}, {0, 1}, {0, 2}, {0, 3}}},
	} {
		s, ok := tt.a.StackNamed(tt.published)
		if !ok || !slices.Equal(s.Files, tt.files) {
			t.Errorf("%s is %v", tt.published, s.Files)
			continue
		}
		for _, name := range s.Files {
			if back, ok := tt.a.StackOf(name); !ok || back.Published != tt.published {
				t.Errorf("%s is of %q", name, back.Published)
			}
		}
		for i, want := range tt.rows {
			if file, row := s.Row(i, len(tt.rows)); [2]int{file, row} != want {
				t.Errorf("%s: row %d is %d of file %d, want %v", tt.published, i, row, file, want)
			}
		}
	}
	for _, name := range []string{"model.layers.0.mlp.experts.gate_up_proj.weight", "model.layers.x.self_attn.sinks", "self_attn.sinks"} {
		if s, ok := oss.StackNamed(name); ok {
			t.Errorf("%s is %v", name, s.Files)
		}
	}
}

// A published row i of a head goes where llama.cpp's converter puts it:
// reshape(heads, 2, n/2).swapaxes(1, 2) of the rows.
func TestOrder(t *testing.T) {
	order, err := ggufarch.Order(16, 2)
	if err != nil || !slices.Equal(order, []int{0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15}) {
		t.Errorf("order %v, %v", order, err)
	}
	for _, c := range [][2]int{{6, 2}, {8, 0}, {7, 1}} {
		if _, err := ggufarch.Order(c[0], c[1]); err == nil {
			t.Errorf("%d rows are %d heads", c[0], c[1])
		}
	}
}

// archs are the families' forms in GGUF, with what bases adds to each.
func archs() []*ggufarch.Arch {
	var list []*ggufarch.Arch
	for _, f := range model.Families() {
		if a := f.GGUF; a != nil {
			a.Class, a.ModelType = f.Architecture, f.ModelType
			list = append(list, a)
		}
	}
	return list
}

func archOf(class string) (*ggufarch.Arch, error) {
	for _, a := range archs() {
		if a.Class == class {
			return a, nil
		}
	}
	return nil, fmt.Errorf("no form of %s", class)
}

// ggufModel is a small model of a class with every option that its architecture has.
func ggufModel(t testing.TB, class string, change func(*ggufarch.Model)) *ggufarch.Model {
	t.Helper()
	a, err := archOf(class)
	if err != nil {
		t.Fatal(err)
	}
	m := &ggufarch.Model{
		Arch: a, Vocabulary: 10, Context: 4096, Hidden: 64, Intermediate: 96, Layers: 8, AttentionHeads: 4, KeyValueHeads: 2, HeadDim: 16,
		Rotated: 16, Eps: 1e-6, Theta: 500000,
	}
	switch a.ModelType {
	case "mistral":
		m.Window = 24
	case "mixtral":
		m.Experts, m.ExpertsUsed = 4, 2
	case "qwen3_moe":
		m.Experts, m.ExpertsUsed, m.ExpertIntermediate = 6, 2, 48
	case "gemma2":
		m.AttentionSoftcap, m.FinalSoftcap, m.Window, m.QueryScalar, m.Tied = 30, 15, 20, 16, true
		m.Sliding = []bool{true, false, true, false, true, false, true, false}
	case "gemma3_text":
		m.Window, m.QueryScalar, m.LocalTheta, m.Tied = 20, 16, 10000, true
		m.Sliding = []bool{true, true, true, true, true, false, true, true}
	case "olmo3":
		m.Window, m.Sliding = 20, []bool{true, true, true, false, true, true, true, false}
	case "granite":
		m.AttentionMultiplier, m.EmbeddingMultiplier, m.ResidualMultiplier, m.LogitsScaling = 0.0625, 6, 0.22, 4
	case "granitemoe":
		m.AttentionMultiplier, m.EmbeddingMultiplier, m.ResidualMultiplier, m.LogitsScaling = 0.0625, 6, 0.22, 4
		m.Experts, m.ExpertsUsed = 4, 2
	case "gpt_oss":
		m.Experts, m.ExpertsUsed, m.ExpertIntermediate, m.Window, m.AttentionBias = 4, 2, 96, 20, true
		m.Sliding = []bool{true, false, true, false, true, false, true, false}
		m.Rope = ggufarch.Rope{Type: "yarn", Factor: 32, Original: 4096, BetaFast: 32, BetaSlow: 1}
	case "exaone4":
		m.Layers, m.Window = 64, 4096
		for range m.Layers / 4 {
			m.Sliding = append(m.Sliding, true, true, true, false)
		}
	case "glm4":
		m.Rotated, m.AttentionBias = 8, true
	case "ministral3":
		m.Rope = ggufarch.Rope{Type: "yarn", Factor: 16, Original: 1024, BetaFast: 32, BetaSlow: 1, AttentionFactor: 1, LogMultiplier: 1, QueryScale: 0.1}
	case "smollm3":
		m.NoRope = []bool{false, false, false, true, false, false, false, true}
	case "phi3":
		m.Rotated, m.Rope = 12, ggufarch.Rope{Original: 2048}
	}
	if change != nil {
		change(m)
	}
	return m
}

// file is a file of a model with as few tensors as say all of it.
func file(t testing.TB, m *ggufarch.Model, more ...gguf.Pair) *gguf.File {
	t.Helper()
	pairs, err := m.Pairs()
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, append(append([]gguf.Pair{gguf.NewPair("general.architecture", m.Arch.Name)}, pairs...), more...), tensors(m))
}

func tensors(m *ggufarch.Model) []gguf.Entry {
	zero := func(name string, shape ...int) gguf.Entry {
		return gguf.Entry{Name: name, Type: gguf.F32, Shape: shape, Load: func() ([]byte, error) {
			n, err := gguf.F32.Size(shape)
			return make([]byte, n), err
		}}
	}
	list := []gguf.Entry{zero("token_embd.weight", m.Vocabulary, m.Hidden)}
	if !m.Tied {
		list = append(list, zero("output.weight", m.Vocabulary, m.Hidden))
	}
	if m.AttentionBias && m.Arch.ModelType != "glm4" {
		list = append(list, zero("blk.0.attn_output.bias", m.Hidden))
	}
	if m.AttentionBias {
		list = append(list, zero("blk.0.attn_q.bias", m.Hidden))
	}
	if m.MLPBias {
		list = append(list, zero("blk.0.ffn_up.bias", m.Intermediate))
	}
	for _, e := range m.Extras() {
		list = append(list, gguf.Entry{Name: e.Name, Type: gguf.F32, Shape: []int{len(e.Values)}, Load: func() ([]byte, error) {
			var b []byte
			for _, v := range e.Values {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(v)))
			}
			return b, nil
		}})
	}
	return list
}

func parse(t testing.TB, pairs []gguf.Pair, entries []gguf.Entry) *gguf.File {
	t.Helper()
	var buf bytes.Buffer
	if err := gguf.Write(&buf, pairs, entries); err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Parse("test.gguf", buf.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func factors(n int, step float64) []float64 {
	list := make([]float64, n)
	for i := range list {
		list[i] = 1 + step*float64(i)
	}
	return list
}

// What is written is read again, of every architecture and with every scaling of its rotation.
func TestRoundTrip(t *testing.T) {
	classes := []string{"LlamaForCausalLM", "MistralForCausalLM", "MixtralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM", "Qwen3MoeForCausalLM",
		"GemmaForCausalLM", "Gemma2ForCausalLM", "Gemma3ForCausalLM", "Phi3ForCausalLM", "GraniteForCausalLM", "Olmo2ForCausalLM", "Olmo3ForCausalLM", "SmolLM3ForCausalLM",
		"Exaone4ForCausalLM", "Glm4ForCausalLM", "Ministral3ForCausalLM", "GptOssForCausalLM", "GraniteMoeForCausalLM"}
	models := map[string]*ggufarch.Model{}
	for _, class := range classes {
		models[class] = ggufModel(t, class, nil)
	}
	for name, rope := range map[string]ggufarch.Rope{
		"llama3":   {Type: "llama3", Factor: 8, Low: 1, High: 4, Original: 1024},
		"linear":   {Type: "linear", Factor: 4},
		"yarn":     {Type: "yarn", Factor: 4, Original: 1024, BetaFast: 32, BetaSlow: 1},
		"longrope": {Type: "longrope", Factor: 1, Original: 1024, AttentionFactor: 1.25, Short: factors(8, 0.5), Long: factors(8, 1.5)},
	} {
		models[name] = ggufModel(t, "LlamaForCausalLM", func(m *ggufarch.Model) { m.Rope = rope })
	}
	models["biases"] = ggufModel(t, "LlamaForCausalLM", func(m *ggufarch.Model) { m.AttentionBias, m.MLPBias = true, true })
	models["full"] = ggufModel(t, "Exaone4ForCausalLM", func(m *ggufarch.Model) {
		m.Layers, m.Window, m.Sliding, m.Rope = 8, 0, nil, ggufarch.Rope{Type: "llama3", Factor: 16, Low: 1, High: 4, Original: 1024}
	})
	models["plain rope"] = ggufModel(t, "Ministral3ForCausalLM", func(m *ggufarch.Model) { m.Rope = ggufarch.Rope{} })
	models["head"] = ggufModel(t, "Qwen3ForCausalLM", func(m *ggufarch.Model) { m.HeadDim, m.Rotated, m.Tied = 32, 32, true })
	for name, want := range models {
		t.Run(name, func(t *testing.T) {
			got, err := ggufarch.Read(file(t, want), archs())
			if err != nil {
				t.Fatal(err)
			}
			if got.Arch.Class != want.Arch.Class {
				t.Fatalf("read as %s", got.Arch.Class)
			}
			if got.Arch = want.Arch; !reflect.DeepEqual(got, want) { // its functions compare with nothing
				t.Errorf("read\n%+v, want\n%+v", *got, *want)
			}
		})
	}
}

// YaRN's factor on cosines, where it is not the usual one, is in the file what llama.cpp multiplies
// the usual one by.
func TestYaRNFactor(t *testing.T) {
	want := ggufModel(t, "LlamaForCausalLM", func(m *ggufarch.Model) {
		m.Rope = ggufarch.Rope{Type: "yarn", Factor: 4, Original: 1024, BetaFast: 32, BetaSlow: 1, AttentionFactor: 1.5}
	})
	f := file(t, want)
	usual := 0.1*math.Log(4) + 1
	one := ggufModel(t, "Ministral3ForCausalLM", nil)
	if g := file(t, one); g.Has("mistral3.rope.scaling.attn_factor") || !g.Has("mistral3.rope.scaling.yarn_log_multiplier") || !g.Has("mistral3.attention.temperature_scale") {
		t.Errorf("keys %v", g.Keys())
	}
	if v, _ := f.Float("llama.rope.scaling.attn_factor"); math.Abs(v-1.5/usual) > 1e-6 {
		t.Errorf("attn_factor %g", v)
	}
	got, err := ggufarch.Read(f, archs())
	if err != nil || math.Abs(got.Rope.AttentionFactor-1.5) > 1e-6 {
		t.Errorf("read %+v, %v", got, err)
	}
}

// Factors that no known scaling gives are kept as they are.
func TestOtherFactors(t *testing.T) {
	m := ggufModel(t, "LlamaForCausalLM", nil)
	pairs, err := m.Pairs()
	if err != nil {
		t.Fatal(err)
	}
	entries := tensors(ggufModel(t, "LlamaForCausalLM", func(m *ggufarch.Model) {
		m.Rope = ggufarch.Rope{Type: "llama3", Factor: 8, Low: 2, High: 5, Original: 1000}
	}))
	got, err := ggufarch.Read(parse(t, append(pairs, gguf.NewPair("general.architecture", "llama")), entries), archs())
	if err != nil || got.Rope.Type != "longrope" || got.Rope.AttentionFactor != 1 || len(got.Rope.Long) != 8 || !slices.Equal(got.Rope.Long, got.Rope.Short) {
		t.Errorf("read %+v, %v", got, err)
	}
}

func TestConfigJSON(t *testing.T) {
	id := func(i int) *int { return &i }
	for class, want := range map[string]map[string]string{
		"LlamaForCausalLM": {
			"model_type": `"llama"`, "rms_norm_eps": "0.000001", "head_dim": "16", "sliding_window": "null", "bos_token_id": "1", "eos_token_id": "[2,7]",
			"rope_parameters": `{"rope_theta":500000,"rope_type":"default"}`, "tie_word_embeddings": "false", "hidden_act": `"silu"`,
		},
		"Gemma3ForCausalLM": {
			"rope_parameters":       `{"full_attention":{"rope_theta":500000,"rope_type":"default"},"sliding_attention":{"rope_theta":10000,"rope_type":"default"}}`,
			"hidden_activation":     `"gelu_pytorch_tanh"`,
			"query_pre_attn_scalar": "16", "attn_logit_softcapping": "null",
			"layer_types": `["sliding_attention","sliding_attention","sliding_attention","sliding_attention","sliding_attention","full_attention","sliding_attention","sliding_attention"]`,
		},
		"Gemma2ForCausalLM":   {"attn_logit_softcapping": "30", "final_logit_softcapping": "15", "sliding_window": "20"},
		"Phi3ForCausalLM":     {"rope_parameters": `{"partial_rotary_factor":0.75,"rope_theta":500000,"rope_type":"default"}`, "original_max_position_embeddings": "2048"},
		"GraniteForCausalLM":  {"residual_multiplier": "0.22", "logits_scaling": "4", "embedding_multiplier": "6", "attention_multiplier": "0.0625"},
		"SmolLM3ForCausalLM":  {"no_rope_layers": "[1,1,1,0,1,1,1,0]"},
		"MixtralForCausalLM":  {"num_local_experts": "4", "num_experts_per_tok": "2", "model_type": `"mixtral"`},
		"Qwen3MoeForCausalLM": {"num_experts": "6", "moe_intermediate_size": "48", "norm_topk_prob": "true"},
		"MistralForCausalLM":  {"sliding_window": "24"},
		"Exaone4ForCausalLM":  {"sliding_window": "4096"},
		"Glm4ForCausalLM":     {"rope_parameters": `{"partial_rotary_factor":0.5,"rope_theta":500000,"rope_type":"default"}`, "attention_bias": "true"},
		"Ministral3ForCausalLM": {"rope_parameters": `{"attention_factor":1,"beta_fast":32,"beta_slow":1,"factor":16,"llama_4_scaling_beta":0.1,` +
			`"original_max_position_embeddings":1024,"rope_theta":500000,"rope_type":"yarn"}`},
		"GptOssForCausalLM": {
			"num_local_experts": "4", "num_experts_per_tok": "2", "sliding_window": "20", "attention_bias": "true",
			"rope_parameters": `{"beta_fast":32,"beta_slow":1,"factor":32,"original_max_position_embeddings":4096,"rope_theta":500000,"rope_type":"yarn","truncate":false}`,
		},
		"GraniteMoeForCausalLM": {"num_local_experts": "4", "num_experts_per_tok": "2", "logits_scaling": "4"},
	} {
		m, err := ggufarch.Read(file(t, ggufModel(t, class, nil)), archs())
		if err != nil {
			t.Fatal(err)
		}
		text, err := m.ConfigJSON(ggufarch.Special{BOS: id(1), EOS: []int{2, 7}})
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]json.RawMessage
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		for key, v := range want {
			if string(got[key]) != v {
				t.Errorf("%s: %s is %s, want %s", class, key, got[key], v)
			}
		}
		if fmt.Sprintf(`[%q]`, class) != string(got["architectures"]) {
			t.Errorf("%s: architectures %s", class, got["architectures"])
		}
	}
}

// What llama.cpp's graph of an architecture does not compute is not written.
func TestInexpressible(t *testing.T) {
	for name, tt := range map[string]struct {
		class  string
		change func(*ggufarch.Model)
		want   string
	}{
		"dynamic": {"LlamaForCausalLM", func(m *ggufarch.Model) { m.Rope = ggufarch.Rope{Type: "dynamic"} }, "rope_type dynamic"},
		"partial": {"LlamaForCausalLM", func(m *ggufarch.Model) { m.Rotated = 8 }, "whole heads"},
		"factors": {"Qwen3ForCausalLM", func(m *ggufarch.Model) {
			m.Rope = ggufarch.Rope{Type: "llama3", Factor: 8, Low: 1, High: 4, Original: 64}
		}, "no factors"},
		"head":       {"Olmo2ForCausalLM", func(m *ggufarch.Model) { m.HeadDim = 32 }, "head_dim"},
		"caps":       {"Gemma2ForCausalLM", func(m *ggufarch.Model) { m.FinalSoftcap = 0 }, "caps"},
		"order":      {"Gemma2ForCausalLM", func(m *ggufarch.Model) { m.Sliding[0] = false }, "order of layers"},
		"order of 6": {"Gemma3ForCausalLM", func(m *ggufarch.Model) { m.Sliding[5] = true }, "order of layers"},
		"biases":     {"Qwen3ForCausalLM", func(m *ggufarch.Model) { m.AttentionBias = true }, "no biases"},
		"windows":    {"Exaone4ForCausalLM", func(m *ggufarch.Model) { m.Layers, m.Sliding = 8, m.Sliding[:8] }, "64 layers"},
		"alternate":  {"GptOssForCausalLM", func(m *ggufarch.Model) { m.Sliding[0] = false }, "order of layers"},
		"length":     {"Ministral3ForCausalLM", func(m *ggufarch.Model) { m.Rope.Original = 0 }, "needs original"},
		"rotation":   {"SmolLM3ForCausalLM", func(m *ggufarch.Model) { m.NoRope[0] = true }, "one of every 4 layers"},
	} {
		if _, err := ggufModel(t, tt.class, tt.change).Pairs(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error is %v, want %q", name, err, tt.want)
		}
	}
	m := ggufModel(t, "LlamaForCausalLM", nil)
	if m.ActsAs("silu") != nil || m.ActsAs("gelu") == nil {
		t.Error("the activation is not looked at")
	}
	for _, class := range []string{"MistralForCausalLM", "GptOssForCausalLM"} {
		if n := len(ggufModel(t, class, nil).Notes()); n != 1 {
			t.Errorf("%d notes on %s", n, class)
		}
	}
}

// The scale of Gemma's scores, where it is not the one that llama.cpp takes, goes into q or its norm.
func TestFold(t *testing.T) {
	const q, norm = "model.layers.0.self_attn.q_proj.weight", "model.layers.0.self_attn.q_norm.weight"
	two := ggufModel(t, "Gemma2ForCausalLM", func(m *ggufarch.Model) { m.QueryScalar = 4 })
	three := ggufModel(t, "Gemma3ForCausalLM", func(m *ggufarch.Model) { m.QueryScalar = 4 })
	if two.Fold(q) != 2 || two.Fold(norm) != 1 || three.Fold(norm) != 2 || three.Fold(q) != 1 || ggufModel(t, "Gemma2ForCausalLM", nil).Fold(q) != 1 {
		t.Error("folded elsewhere")
	}
	large := ggufModel(t, "Gemma2ForCausalLM", func(m *ggufarch.Model) { m.Layers, m.QueryScalar, m.Hidden = 46, 36, 144 })
	if large.Fold(q) != 1 { // llama.cpp knows the 27B model by its layers: 144 / 4 heads
		t.Error("the largest Gemma 2 is folded")
	}
}

func TestReadRefuses(t *testing.T) {
	m := ggufModel(t, "LlamaForCausalLM", nil)
	base, err := m.Pairs()
	if err != nil {
		t.Fatal(err)
	}
	base = append(base, gguf.NewPair("general.architecture", "llama"))
	with := func(key string, v any) []gguf.Pair {
		var list []gguf.Pair
		for _, p := range base {
			if p.Key != key {
				list = append(list, p)
			}
		}
		if v == nil {
			return list
		}
		return append(list, gguf.NewPair(key, v))
	}
	bad := []float32{1, 1, 1, 1, 1, 1, 1, float32(math.NaN())}
	extra := func(name string, values []float32) []gguf.Entry {
		return append(tensors(m), gguf.Entry{Name: name, Type: gguf.F32, Shape: []int{len(values)}, Load: func() ([]byte, error) {
			return binary.Append(nil, binary.LittleEndian, values)
		}})
	}
	for name, tt := range map[string]struct {
		pairs   []gguf.Pair
		entries []gguf.Entry
		want    string
	}{
		"no architecture": {with("general.architecture", nil), tensors(m), "general.architecture is missing"},
		"architecture":    {with("general.architecture", "bert"), tensors(m), `"bert" is not supported (supported: exaone4, gemma`},
		"adapter":         {with("general.type", "adapter"), tensors(m), "not a model"},
		"no layers":       {with("llama.block_count", nil), tensors(m), "block_count: is missing"},
		"layers":          {with("llama.block_count", uint32(1<<20)), tensors(m), "out of range"},
		"text":            {with("llama.embedding_length", "64"), tensors(m), "no positive integer"},
		"negative":        {with("llama.embedding_length", int32(-64)), tensors(m), "no positive integer"},
		"huge":            {with("llama.embedding_length", uint64(1)<<40), tensors(m), "out of range"},
		"another width":   {with("llama.embedding_length", uint32(65)), tensors(m), "rows of 64"},
		"heads":           {with("llama.attention.head_count", uint32(3)), tensors(m), "no multiple"},
		"per layer":       {with("llama.attention.head_count_kv", []uint32{2, 4}), tensors(m), "different sizes"},
		"value length":    {with("llama.attention.value_length", uint32(8)), tensors(m), "is not key_length"},
		"rotated":         {with("llama.rope.dimension_count", uint32(17)), tensors(m), "17 of 16"},
		"eps":             {with("llama.attention.layer_norm_rms_epsilon", float32(math.Inf(1))), tensors(m), "not finite"},
		"scaling":         {with("llama.rope.scaling.type", "su"), tensors(m), `"su" is not supported`},
		"experts":         {append(with("general.architecture", "qwen2"), gguf.NewPair("qwen2.expert_count", uint32(4))), tensors(m), "qwen2"},
		"used experts":    {with("llama.expert_count", uint32(4)), tensors(m), "0 of 4 experts"},
		"vocabulary":      {base, nil, "token_embd.weight is missing"},
		"tensor":          {base, extra("blk.0.ssm_conv1d.weight", bad), "not known"},
		"factors":         {base, extra(ggufarch.RopeFreqs, bad), "factor 7 is NaN"},
		"few factors":     {base, extra(ggufarch.RopeFreqs, bad[:3]), "want 8"},
	} {
		_, err := ggufarch.Read(parse(t, tt.pairs, tt.entries), archs())
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error is %v, want %q", name, err, tt.want)
		}
	}
}

// FuzzRead: no metadata makes reading or the config panic.
func FuzzRead(f *testing.F) {
	for _, class := range []string{"LlamaForCausalLM", "Gemma3ForCausalLM", "MixtralForCausalLM", "Phi3ForCausalLM", "SmolLM3ForCausalLM", "GptOssForCausalLM", "Ministral3ForCausalLM"} {
		var buf bytes.Buffer
		m := ggufModel(f, class, nil)
		pairs, err := m.Pairs()
		if err != nil {
			f.Fatal(err)
		}
		if err := gguf.Write(&buf, append(pairs, gguf.NewPair("general.architecture", m.Arch.Name)), tensors(m)); err != nil {
			f.Fatal(err)
		}
		f.Add(buf.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := gguf.Parse("fuzz", data)
		if err != nil {
			return
		}
		m, err := ggufarch.Read(file, archs())
		if err != nil {
			return
		}
		if _, err := m.ConfigJSON(ggufarch.Special{}); err != nil {
			t.Errorf("config.json: %v", err)
		}
		if _, err := m.Pairs(); err == nil {
			m.Extras()
		}
	})
}
