package model

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/bases"
)

// minimal is the least a config.json may say, with room for more keys.
func minimal(more string) []byte {
	return []byte(`{"hidden_size":64,"intermediate_size":112,"num_hidden_layers":3,"num_attention_heads":4,"vocab_size":700` + more + `}`)
}

func mustParse(t *testing.T, text []byte) *bases.Config {
	t.Helper()
	c, err := bases.ParseConfig(text, Families())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The defaults of configuration classes hold where a key is absent, not where it is null.
func TestClassDefaults(t *testing.T) {
	for _, f := range Families() {
		if f.Defaults != "" && !json.Valid([]byte(f.Defaults)) {
			t.Errorf("the defaults of %s are no JSON", f.ModelType)
		}
	}
	gemma := mustParse(t, minimal(`,"model_type":"gemma2","attn_logit_softcapping":null`))
	k := gemma.Keys()
	if !gemma.TieWordEmbeddings || gemma.HeadDim != 256 || gemma.SlidingWindow != 4096 || gemma.HiddenAct != "gelu_pytorch_tanh" {
		t.Errorf("gemma2: %+v", gemma)
	}
	if k.Float("attn_logit_softcapping", 0) != 0 || k.Float("final_logit_softcapping", 0) != 30 || k.Has("attn_logit_softcapping") || k.Err() != nil {
		t.Errorf("gemma2: soft caps %v, %v (%v)", k.Float("attn_logit_softcapping", 0), k.Float("final_logit_softcapping", 0), k.Err())
	}
	if len(gemma.Raw) != 6 { // the digest is over what the file says
		t.Errorf("Raw has %d keys", len(gemma.Raw))
	}
	for text, want := range map[string]int{``: 4096, `,"sliding_window":null`: 0, `,"sliding_window":32`: 32} {
		if c := mustParse(t, minimal(`,"model_type":"mistral","num_key_value_heads":null`+text)); c.SlidingWindow != want || c.NumKeyValueHeads != 4 {
			t.Errorf("mistral %q: window %d, %d key and value heads", text, c.SlidingWindow, c.NumKeyValueHeads)
		}
	}
	if c := mustParse(t, minimal(`,"model_type":"ministral3","head_dim":16,"num_key_value_heads":2`)); c.Rope.Type != "yarn" || c.Rope.Llama4ScalingBeta != 0.1 || c.RMSNormEps != 1e-5 {
		t.Errorf("ministral3: %+v", c.Rope)
	}
}

// What a class calls otherwise counts under the usual name, over that name.
func TestClassNames(t *testing.T) {
	const sizes = `{"hidden_size":16,"num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,"vocab_size":9,"model_type":"lfm2"`
	for more, want := range map[string]bases.Config{
		``: {IntermediateSize: 12288, RMSNormEps: 1e-5, TieWordEmbeddings: true},
		`,"block_ff_dim":40,"intermediate_size":24,"norm_eps":1e-3,"tie_embedding":false`: {IntermediateSize: 40, RMSNormEps: 1e-3},
		`,"intermediate_size":24,"tie_word_embeddings":false`:                             {IntermediateSize: 24, RMSNormEps: 1e-5},
	} {
		c := mustParse(t, []byte(sizes+more+`}`))
		if c.IntermediateSize != want.IntermediateSize || c.RMSNormEps != want.RMSNormEps || c.TieWordEmbeddings != want.TieWordEmbeddings || c.Rope.Theta != 1e6 {
			t.Errorf("%q: %+v", more, c)
		}
	}
}

// The published configurations of Gemma 3's multimodal models say little more than this.
func TestTextConfig(t *testing.T) {
	c := mustParse(t, []byte(`{"architectures":["Gemma3ForConditionalGeneration"],"model_type":"gemma3","eos_token_id":[1,106],
		"torch_dtype":"bfloat16","vision_config":{"hidden_size":1152},"text_config":{"hidden_size":2560,"intermediate_size":10240,
		"model_type":"gemma3_text","num_hidden_layers":34,"rope_scaling":{"factor":8.0,"rope_type":"linear"},"sliding_window":1024}}`))
	if !c.Nested || c.HiddenSize != 2560 || c.NumAttentionHeads != 8 || c.VocabSize != 262208 || c.ModelType != "gemma3_text" ||
		!c.TieWordEmbeddings || c.SlidingWindow != 1024 || c.DType != "bfloat16" || !slices.Equal(c.EOS, []int{1, 106}) ||
		!slices.Equal(c.Architectures, []string{"Gemma3ForConditionalGeneration"}) {
		t.Errorf("%+v", c)
	}
	full, local := c.RopeOf("full_attention"), c.RopeOf("sliding_attention")
	if full.Theta != 1e6 || full.Type != "linear" || full.Factor != 8 || local.Theta != 1e4 || local.Type != "default" || local.Factor != 0 {
		t.Errorf("full %+v\nlocal %+v", full, local)
	}
	for text, want := range map[string]bool{``: true, `,"tie_word_embeddings":false`: false} {
		c := mustParse(t, []byte(`{"text_config":`+string(minimal(`,"model_type":"mistral","tie_word_embeddings":false,"num_key_value_heads":4`))+text+`}`))
		if c.TieWordEmbeddings != want {
			t.Errorf("%q: tied is %t: the whole model decides", text, c.TieWordEmbeddings)
		}
	}
}

// Qwen 3.5 ties the head of a multimodal model only where the whole model says so, and its experts have
// the only size of a feed-forward network.
func TestQwen35Config(t *testing.T) {
	const text = `"text_config":{"hidden_size":32,"num_hidden_layers":2,"num_attention_heads":4,"vocab_size":9,"tie_word_embeddings":true,
		"model_type":"qwen3_5_moe_text","moe_intermediate_size":40,"rope_parameters":{"mrope_interleaved":true,"mrope_section":[11,11,10],
		"rope_type":"default","rope_theta":10000000,"partial_rotary_factor":0.25}}`
	for more, want := range map[string]bool{``: false, `,"tie_word_embeddings":true`: true} {
		c := mustParse(t, []byte(`{"model_type":"qwen3_5_moe",`+text+more+`}`))
		if c.TieWordEmbeddings != want || c.IntermediateSize != 40 || c.HeadDim != 256 || c.NumKeyValueHeads != 2 ||
			c.Rope.Theta != 1e7 || c.Rope.PartialRotaryFactor != 0.25 {
			t.Errorf("%q: %+v", more, c)
		}
	}
	c := mustParse(t, minimal(`,"model_type":"qwen3_next"`))
	if k := c.Keys(); c.Rope.PartialRotaryFactor != 0.25 || c.HeadDim != 256 || !k.Bool("norm_topk_prob") || k.Int("num_experts", 0, 0, 999) != 512 {
		t.Errorf("qwen3_next: %+v", c)
	}
}

func TestRopeOfLayersIsComplete(t *testing.T) {
	flat := minimal(`,"model_type":"gemma3_text","num_key_value_heads":4,"rope_parameters":{"rope_theta":1e6}`)
	if _, err := bases.ParseConfig(flat, Families()); err == nil || !strings.Contains(err.Error(), "full_attention is missing") {
		t.Errorf("one rope for layers of two types: %v", err)
	}
	c := mustParse(t, minimal(`,"model_type":"gemma3_text","num_key_value_heads":4,"rope_parameters":{"full_attention":{},"sliding_attention":{}}`))
	if c.RopeOf("full_attention").Theta != 1e6 || c.RopeOf("sliding_attention").Theta != 1e4 {
		t.Errorf("%+v", c.RopeByLayerType)
	}
}
