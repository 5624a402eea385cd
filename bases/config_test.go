package bases

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/internal/testkit"
)

// minimal is the least a config.json may say, with room for more keys.
func minimal(more string) []byte {
	return []byte(`{"hidden_size":64,"intermediate_size":112,"num_hidden_layers":3,"num_attention_heads":4,"vocab_size":700` + more + `}`)
}

func mustParse(t *testing.T, text []byte) *Config {
	t.Helper()
	c, err := ParseConfig(text, families())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDefaults(t *testing.T) {
	c := mustParse(t, minimal(""))
	want := &Config{
		HiddenSize: 64, IntermediateSize: 112, NumHiddenLayers: 3, NumAttentionHeads: 4, NumKeyValueHeads: 4, HeadDim: 16, VocabSize: 700,
		RMSNormEps: 1e-6, HiddenAct: "silu", InitializerRange: 0.02,
		Rope: Rope{Theta: 10000, Type: "default", PartialRotaryFactor: 1, BetaFast: 32, BetaSlow: 1, Truncate: true},
		Raw:  c.Raw, keys: c.Raw,
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
	// null means absent for every key.
	nulls := ""
	for _, key := range []string{
		"architectures", "model_type", "num_key_value_heads", "head_dim", "max_position_embeddings", "rms_norm_eps", "hidden_act",
		"hidden_activation", "tie_word_embeddings", "attention_bias", "mlp_bias", "sliding_window", "rope_theta", "rope_scaling",
		"rope_parameters", "bos_token_id", "eos_token_id", "pad_token_id", "initializer_range", "dtype", "torch_dtype", "text_config",
	} {
		nulls += `,"` + key + `":null`
	}
	if c := mustParse(t, minimal(nulls)); !reflect.DeepEqual(c, want) {
		t.Errorf("with nulls: got %+v\nwant %+v", c, want)
	}
}

func TestFields(t *testing.T) {
	c := mustParse(t, minimal(`,"architectures":["MistralForCausalLM"],"model_type":"mistral","num_key_value_heads":2,"head_dim":24,
		"max_position_embeddings":512.0,"rms_norm_eps":1e-05,"hidden_act":"gelu","hidden_activation":"gelu_pytorch_tanh",
		"tie_word_embeddings":true,"attention_bias":true,"mlp_bias":true,"sliding_window":24,"bos_token_id":0,"pad_token_id":-1,
		"eos_token_id":[1,2],"initializer_range":0.5,"torch_dtype":"torch.float16","novelty":{"a":1}`))
	if c.ModelType != "mistral" || !slices.Equal(c.Architectures, []string{"MistralForCausalLM"}) || c.NumKeyValueHeads != 2 ||
		c.HeadDim != 24 || c.MaxPositionEmbeddings != 512 || c.RMSNormEps != 1e-5 || c.HiddenAct != "gelu_pytorch_tanh" ||
		!c.TieWordEmbeddings || !c.AttentionBias || !c.MLPBias || c.SlidingWindow != 24 || c.InitializerRange != 0.5 || c.DType != "float16" {
		t.Errorf("got %+v", c)
	}
	if c.BOS == nil || *c.BOS != 0 || c.Pad != nil || !slices.Equal(c.EOS, []int{1, 2}) {
		t.Errorf("ids: bos %v, pad %v, eos %v", c.BOS, c.Pad, c.EOS)
	}
	if string(c.Raw["novelty"]) != `{"a":1}` {
		t.Errorf("unknown keys are lost: %v", c.Raw)
	}
	if c := mustParse(t, minimal(`,"eos_token_id":7,"dtype":"bfloat16","torch_dtype":"float32"`)); !slices.Equal(c.EOS, []int{7}) || c.DType != "bfloat16" {
		t.Errorf("eos %v, dtype %s", c.EOS, c.DType)
	}
}

// Both generations of transformers must give the same rope.
func TestRopeGenerations(t *testing.T) {
	base := Rope{Theta: 10000, Type: "default", PartialRotaryFactor: 1, BetaFast: 32, BetaSlow: 1, Truncate: true}
	with := func(change func(*Rope)) Rope {
		r := base
		change(&r)
		return r
	}
	llama3 := with(func(r *Rope) {
		r.Theta, r.Type, r.Factor, r.LowFreqFactor, r.HighFreqFactor, r.OriginalMaxPositionEmbeddings = 500000, "llama3", 8, 1, 4, 8192
	})
	yarn := with(func(r *Rope) {
		r.Type, r.Factor, r.OriginalMaxPositionEmbeddings, r.BetaFast, r.BetaSlow = "yarn", 4, 64, 16, 2
		r.AttentionFactor, r.MScale, r.MScaleAllDim, r.Truncate = 1.5, 0.7, 0.8, false
	})
	longrope := with(func(r *Rope) {
		r.Type, r.OriginalMaxPositionEmbeddings, r.ShortFactor, r.LongFactor = "longrope", 4096, []float64{1, 1.5}, []float64{2, 3}
		r.PartialRotaryFactor = 0.75
	})
	tests := []struct {
		name, v4, v5 string
		want         Rope
	}{
		{"default", `,"rope_theta":10000.0,"rope_scaling":null`, `,"rope_parameters":{"rope_theta":10000.0,"rope_type":"default"}`, base},
		{"llama3", `,"rope_theta":500000.0,"rope_scaling":{"rope_type":"llama3","factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":8192}`,
			`,"rope_parameters":{"rope_theta":500000.0,"rope_type":"llama3","factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":8192}`, llama3},
		{"linear, old key", `,"rope_scaling":{"type":"linear","factor":2}`, `,"rope_parameters":{"type":"linear","factor":2.0}`,
			with(func(r *Rope) { r.Type, r.Factor = "linear", 2 })},
		{"yarn", `,"rope_scaling":{"type":"yarn","factor":4,"original_max_position_embeddings":64,"beta_fast":16,"beta_slow":2,"attention_factor":1.5,"mscale":0.7,"mscale_all_dim":0.8,"truncate":false}`,
			`,"rope_parameters":{"rope_theta":10000,"rope_type":"yarn","factor":4,"original_max_position_embeddings":64,"beta_fast":16,"beta_slow":2,"attention_factor":1.5,"mscale":0.7,"mscale_all_dim":0.8,"truncate":false}`, yarn},
		{"phi 3", `,"partial_rotary_factor":0.75,"original_max_position_embeddings":4096,"rope_scaling":{"type":"su","short_factor":[1,1.5],"long_factor":[2,3]}`,
			`,"original_max_position_embeddings":4096,"rope_parameters":{"partial_rotary_factor":0.75,"rope_theta":10000.0,"rope_type":"longrope","short_factor":[1,1.5],"long_factor":[2,3]}`, longrope},
		{"phi 3's yarn", `,"partial_rotary_factor":0.75,"original_max_position_embeddings":4096,"rope_scaling":{"type":"yarn","short_factor":[1,1.5],"long_factor":[2,3]}`,
			`,"partial_rotary_factor":0.75,"rope_parameters":{"original_max_position_embeddings":4096,"rope_type":"su","short_factor":[1,1.5],"long_factor":[2,3]}`, longrope},
	}
	for _, tt := range tests {
		for generation, text := range map[string]string{"v4": tt.v4, "v5": tt.v5} {
			t.Run(tt.name+" "+generation, func(t *testing.T) {
				if got := mustParse(t, minimal(text)).Rope; !reflect.DeepEqual(got, tt.want) {
					t.Errorf("got  %+v\nwant %+v", got, tt.want)
				}
			})
		}
	}
}

func TestRopeByLayerType(t *testing.T) {
	v4 := mustParse(t, minimal(`,"rope_theta":1000000.0,"rope_local_base_freq":5000.0,"rope_scaling":{"rope_type":"linear","factor":8}`))
	v5 := mustParse(t, minimal(`,"rope_parameters":{"full_attention":{"rope_type":"linear","factor":8,"rope_theta":1000000.0},"sliding_attention":{"rope_theta":5000.0,"rope_type":"default"}}`))
	if !reflect.DeepEqual(v4.RopeByLayerType, v5.RopeByLayerType) || !reflect.DeepEqual(v4.Rope, v5.Rope) {
		t.Errorf("v4 %+v\nv5 %+v", v4.RopeByLayerType, v5.RopeByLayerType)
	}
	full, local := v5.RopeByLayerType["full_attention"], v5.RopeByLayerType["sliding_attention"]
	if full.Theta != 1e6 || full.Type != "linear" || local.Theta != 5000 || local.Type != "default" || local.Factor != 0 || !reflect.DeepEqual(v5.Rope, full) {
		t.Errorf("full %+v\nlocal %+v", full, local)
	}
}

func TestParseConfigRefuses(t *testing.T) {
	without := func(key string) string {
		var m map[string]any
		if err := json.Unmarshal(minimal(""), &m); err != nil {
			t.Fatal(err)
		}
		delete(m, key)
		b, _ := json.Marshal(m)
		return string(b)
	}
	tests := []struct{ text, want string }{
		{`[]`, "not a JSON object"},
		{`null`, "not a JSON object"},
		{``, "not a JSON object"},
		{`{"vision_config":{},"text_config":{}}`, "hidden_size: is missing"},
		{`{"vision_config":{},"text_config":1}`, "text_config: not a JSON object"},
		{string(minimal(`,"layer_types":["full_attention"]`)), "layer_types has 1 entries, num_hidden_layers is 3"},
		{without("hidden_size"), "hidden_size: is missing"},
		{without("intermediate_size"), "intermediate_size: is missing"},
		{without("num_hidden_layers"), "num_hidden_layers: is missing"},
		{without("num_attention_heads"), "num_attention_heads: is missing"},
		{without("vocab_size"), "vocab_size: is missing"},
		{string(minimal(`,"num_key_value_heads":3`)), "no multiple of num_key_value_heads 3"},
		{string(minimal(`,"num_key_value_heads":0`)), "num_key_value_heads: 0 is no whole number of 1"},
		{string(minimal(`,"num_attention_heads":5`)), "hidden_size 64 is no multiple of num_attention_heads 5"},
		{string(minimal(`,"num_attention_heads":0`)), "num_attention_heads: 0 is no whole number"},
		{string(minimal(`,"hidden_size":"64"`)), `hidden_size: "64" is not a number`},
		{string(minimal(`,"hidden_size":64.5`)), "64.5 is no whole number"},
		{string(minimal(`,"hidden_size":-64`)), "-64 is no whole number"},
		{string(minimal(`,"hidden_size":9223372036854775807`)), "is no whole number of 1 to 1048576"},
		{string(minimal(`,"num_hidden_layers":1000000`)), "num_hidden_layers"},
		{string(minimal(`,"head_dim":1048576`)), "exceed 1048576"},
		{string(minimal(`,"rms_norm_eps":1e999`)), "rms_norm_eps: 1e999 is not a number"},
		{string(minimal(`,"rms_norm_eps":-1`)), "rms_norm_eps -1 is not in [0, 1)"},
		{string(minimal(`,"initializer_range":-1`)), "initializer_range -1 is negative"},
		{string(minimal(`,"tie_word_embeddings":1`)), "tie_word_embeddings: 1 is not true or false"},
		{string(minimal(`,"eos_token_id":[1,-5]`)), "-5 is no token id"},
		{string(minimal(`,"eos_token_id":"</s>"`)), "eos_token_id"},
		{string(minimal(`,"rope_theta":0`)), "rope: rope_theta 0 is not positive"},
		{string(minimal(`,"rope_scaling":[]`)), "rope_scaling: not a JSON object"},
		{string(minimal(`,"rope_scaling":{"factor":"8"}`)), `rope: factor: "8" is not a number`},
		{string(minimal(`,"rope_scaling":{"factor":-8}`)), "factor -8 is negative"},
		{string(minimal(`,"rope_scaling":{"short_factor":[1,0]}`)), "frequency factor 1 is 0, not positive"},
		{string(minimal(`,"rope_parameters":{"partial_rotary_factor":2}`)), "partial_rotary_factor 2"},
		{string(minimal(`,"rope_parameters":{"sliding_attention":{}}`)), "full_attention is missing"},
		{string(minimal(`,"rope_parameters":{"full_attention":1}`)), "rope_parameters: full_attention: not a JSON object"},
	}
	for _, tt := range tests {
		if _, err := ParseConfig([]byte(tt.text), families()); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s\nerror is %v, want %q", tt.text, err, tt.want)
		}
	}
}

func TestSharedConfigs(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(testkit.Shared(t, "goldens"), "*", "base", configName))
	if err != nil || len(paths) < 10 {
		t.Fatalf("%d configs (%v)", len(paths), err)
	}
	for _, path := range paths {
		c, err := ParseConfig(testkit.Read(t, path), families())
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if c.HiddenSize != 64 || c.NumKeyValueHeads != 2 || c.ModelType == "" || len(c.EOS) != 1 || c.DType == "" {
			t.Errorf("%s: %+v", path, c)
		}
	}
}

// FuzzParseConfig: whatever a config says, what is accepted can be computed with.
func FuzzParseConfig(f *testing.F) {
	f.Add(minimal(""))
	f.Add(minimal(`,"rope_parameters":{"full_attention":{"factor":2},"sliding_attention":{}},"eos_token_id":[1]`))
	f.Add(minimal(`,"rope_scaling":{"type":"su","short_factor":[1],"long_factor":[2]},"head_dim":1e6`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseConfig(text, families())
		if err != nil {
			return
		}
		for _, n := range []int{c.HiddenSize, c.IntermediateSize, c.NumHiddenLayers, c.NumAttentionHeads, c.NumKeyValueHeads, c.HeadDim, c.VocabSize} {
			if n < 1 || n > maxVocab {
				t.Fatalf("size %d in %+v", n, c)
			}
		}
		if c.NumAttentionHeads%c.NumKeyValueHeads != 0 || !(c.Rope.Theta > 0) || c.MaxPositionEmbeddings < 0 || c.SlidingWindow < 0 {
			t.Fatalf("accepted %+v", c)
		}
		for rope := range maps.Values(c.RopeByLayerType) {
			if !(rope.Theta > 0) {
				t.Fatalf("accepted %+v", rope)
			}
		}
	})
}

func TestKeys(t *testing.T) {
	c := mustParse(t, minimal(`,"a":1.5,"b":true,"c":[1,0],"d":"x","e":7`))
	k := c.Keys()
	if k.Float("a", 0) != 1.5 || !k.Bool("b") || !slices.Equal(k.Ints("c"), []int{1, 0}) || k.String("d", "") != "x" || k.Int("e", 0, 0, 9) != 7 ||
		string(k.Raw("c")) != "[1,0]" || k.Float("z", 2) != 2 || k.Err() != nil {
		t.Errorf("error %v", k.Err())
	}
	k.Ints("d")
	k.Bool("a")
	if k.Err() == nil || !strings.Contains(k.Err().Error(), `d: "x" is not a list of whole numbers`) {
		t.Errorf("the first mistake is %v", k.Err())
	}
	if byHand := (&Config{Raw: c.Raw}); byHand.Keys().Float("a", 0) != 1.5 {
		t.Error("a config that was not parsed has no keys")
	}
}
