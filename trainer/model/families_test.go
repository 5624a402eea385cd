package model

import (
	"strings"
	"testing"

	"github.com/cultivar/cultivar/bases"
)

// FuzzFamilies: whatever a config says, a family refuses it or can be asked for every layer.
func FuzzFamilies(f *testing.F) {
	const sizes = `"hidden_size":16,"intermediate_size":24,"num_hidden_layers":3,"num_attention_heads":4,"num_key_value_heads":2,"head_dim":8,"num_local_experts":4,"num_experts_per_tok":2,"mamba_n_heads":4,"vocab_size":9`
	for _, family := range Families() {
		f.Add(`{` + sizes + `,"architectures":["` + family.Architecture + `"],"model_type":"` + family.ModelType + `"}`)
	}
	for _, more := range []string{
		`"model_type":"llama","max_position_embeddings":8,"rope_scaling":{"type":"dynamic","factor":2}`,
		`"model_type":"phi3","original_max_position_embeddings":2,"rope_scaling":{"type":"longrope","short_factor":[1,2],"long_factor":[3,4]}`,
		`"model_type":"smollm3","no_rope_layers":[1,0,1],"use_sliding_window":true,"sliding_window":2`,
		`"model_type":"exaone4","sliding_window_pattern":"LLG"`,
		`"model_type":"granitemoehybrid","mamba_d_head":"auto","time_step_limit":[0,{"__float__":"Infinity"}],"layers_block_type":["mamba","attention","mamba"]`,
		`"model_type":"granitemoehybrid","mamba_n_heads":16,"mamba_expand":16,"mamba_d_state":1024`,
		`"model_type":"lfm2","full_attn_idxs":[1,9],"block_multiple_of":7,"block_ffn_dim_multiplier":1e300`,
		`"model_type":"gemma2","query_pre_attn_scalar":0`,
		`"model_type":"ministral3"`,
	} {
		f.Add(`{` + sizes + `,` + more + `}`)
	}
	f.Add(`{"architectures":["Gemma3ForConditionalGeneration"],"text_config":{` + sizes + `,"model_type":"gemma3_text"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := bases.ParseConfig([]byte(text), Families())
		if err != nil || c.NumHiddenLayers > 100 || c.HeadDim > 1<<12 {
			return
		}
		family, err := familyOf(c)
		if err != nil {
			return
		}
		for i := range c.NumHiddenLayers {
			if k := family.Kind(i); k < 0 || k >= family.Kinds {
				t.Fatalf("layer %d is of kind %d of %d", i, k, family.Kinds)
			}
		}
		for k := range family.Kinds {
			if r := family.Rope(k); r != nil {
				r.Grow(20)
			}
		}
		if family.Embed == "" || !strings.Contains(family.LayerPrefix, "%d") {
			t.Fatalf("names %+v", family)
		}
	})
}

// Every architecture has its family, and model_type alone finds it where no architecture is named.
func TestFamilyOf(t *testing.T) {
	for _, f := range Families() {
		for _, text := range []string{`"architectures":["` + f.Architecture + `"],"model_type":"` + f.ModelType + `"`, `"model_type":"` + f.ModelType + `"`} {
			text = `{"hidden_size":16,"intermediate_size":24,"num_hidden_layers":3,"num_attention_heads":4,"num_key_value_heads":2,"head_dim":8,"num_local_experts":4,"num_experts_per_tok":2,"mamba_n_heads":4,"vocab_size":9,` + text + `}`
			c, err := bases.ParseConfig([]byte(text), Families())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := familyOf(c); err != nil {
				t.Errorf("%s: %v", text, err)
			}
		}
	}
	c, err := bases.ParseConfig([]byte(`{"architectures":["Mistral3ForConditionalGeneration"],"text_config":{"hidden_size":16,"intermediate_size":24,
		"num_hidden_layers":3,"num_attention_heads":4,"num_local_experts":4,"num_experts_per_tok":2,"mamba_n_heads":4,"vocab_size":9,"model_type":"mamba"}}`), Families())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := familyOf(c); err == nil || !strings.Contains(err.Error(), "Mistral3ForConditionalGeneration model_type mamba is not supported") {
		t.Errorf("the text half of an unknown kind: %v", err)
	}
}

// What a family does not implement is refused by the name of the key.
func TestFamiliesRefuse(t *testing.T) {
	for more, want := range map[string]string{
		`"model_type":"llama","hidden_act":"relu"`:                                                          `hidden_act "relu" is not supported`,
		`"model_type":"gemma3_text","attn_logit_softcapping":50.0`:                                          "attn_logit_softcapping is not supported",
		`"model_type":"gemma2","use_bidirectional_attention":true`:                                          "use_bidirectional_attention is not supported",
		`"model_type":"gemma2","query_pre_attn_scalar":0`:                                                   "comes out as +Inf",
		`"model_type":"granite","embedding_multiplier":0`:                                                   "embedding_multiplier is 0",
		`"model_type":"granite","residual_multiplier":"x"`:                                                  "residual_multiplier",
		`"model_type":"phi3","rope_scaling":{"type":"linear","factor":2}`:                                   `rope_type "linear" is not supported`,
		`"model_type":"smollm3","no_rope_layers":[1]`:                                                       "no_rope_layers has 1 entries for 3 layers",
		`"model_type":"exaone4","sliding_window_pattern":"LXG"`:                                             "no sequence of the letters L and G",
		`"model_type":"glm4","partial_rotary_factor":0.3`:                                                   "1 of 4 elements of a head cannot be turned in pairs",
		`"model_type":"qwen3","partial_rotary_factor":0.5`:                                                  "partial_rotary_factor 0.5 is not supported",
		`"model_type":"lfm2","layer_types":["conv","conv","linear_attention"]`:                              `layer_types[2] "linear_attention" is not supported`,
		`"model_type":"granitemoehybrid","layer_types":["mamba","attention","conv"]`:                        `layer_types[2] "conv" is not supported`,
		`"model_type":"granitemoehybrid","position_embedding_type":"alibi"`:                                 `position_embedding_type "alibi" is not supported`,
		`"model_type":"granitemoehybrid","mamba_d_head":7`:                                                  "4 heads of 7 in 1 groups do not make mamba_expand · hidden_size, 32",
		`"model_type":"granitemoehybrid","mamba_n_groups":3`:                                                "4 heads of 8 in 3 groups",
		`"model_type":"granitemoehybrid","mamba_d_state":65536`:                                             "mamba_d_state",
		`"model_type":"granitemoehybrid","time_step_limit":[1,0.5]`:                                         "time_step_limit is not a pair of numbers, ascending from 0",
		`"model_type":"granitemoehybrid","hidden_act":"gelu_new"`:                                           `hidden_act "gelu_new" is not supported`,
		`"model_type":"lfm2","conv_L_cache":0`:                                                              "conv_L_cache",
		`"model_type":"mistral","layer_types":["full_attention","sliding_attention","full_attention"]`:      "layer_types with full_attention and a sliding_window",
		`"model_type":"qwen3_next","head_dim":8,"use_sliding_window":true`:                                  "use_sliding_window is not supported",
		`"model_type":"qwen3_5_text","head_dim":8,"attn_output_gate":false`:                                 "attn_output_gate false is not supported",
		`"model_type":"qwen3_5_text","head_dim":8,"hidden_act":"gelu_pytorch_tanh"`:                         `hidden_act "gelu_pytorch_tanh" is not supported`,
		`"model_type":"qwen3_5_text","head_dim":8,"linear_num_value_heads":24`:                              "linear_num_value_heads 24 is no multiple of linear_num_key_heads 16",
		`"model_type":"qwen3_5_text","head_dim":8,"linear_conv_kernel_dim":0`:                               "linear_conv_kernel_dim",
		`"model_type":"qwen3_5_moe_text","head_dim":8,"num_experts":4,"num_experts_per_tok":5`:              "5 experts of 4 for each token",
		`"model_type":"qwen3_next","layer_types":["linear_attention","sliding_attention","full_attention"]`: `layer_types[1] "sliding_attention" is not supported`,
	} {
		c, err := bases.ParseConfig([]byte(`{"hidden_size":16,"intermediate_size":24,"num_hidden_layers":3,"num_attention_heads":4,"num_key_value_heads":2,"head_dim":4,"num_local_experts":4,"num_experts_per_tok":2,"mamba_n_heads":4,"vocab_size":9,`+more+`}`), Families())
		if err != nil {
			t.Fatalf("%s: %v", more, err)
		}
		if _, err := familyOf(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v, want %q", more, err, want)
		}
	}
}
