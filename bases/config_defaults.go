package bases

import "encoding/json"

// classDefaults is, by model_type, what an absent key means where that is neither nothing nor the
// default of most families: the attributes of the classes in transformers'
// models/*/configuration_*.py. A key that is null is not absent: it is None there.
//
// Sizes are given where published models leave them out: those of Gemma 3's multimodal ones, and of an
// expert of Qwen 3.5, of which moe_intermediate_size is the only size.
var classDefaults = map[string]string{
	"mistral": `{"num_key_value_heads": 8, "sliding_window": 4096}`,
	"ministral3": `{"num_key_value_heads": 8, "head_dim": 128, "rms_norm_eps": 1e-5, "rope_parameters": {"rope_type": "yarn",
		"rope_theta": 1000000.0, "factor": 16.0, "original_max_position_embeddings": 16384, "beta_fast": 32.0, "beta_slow": 1.0,
		"mscale_all_dim": 1.0, "mscale": 1.0, "llama_4_scaling_beta": 0.1}}`,
	"gemma": `{"num_key_value_heads": 16, "head_dim": 256, "hidden_act": "gelu_pytorch_tanh", "max_position_embeddings": 8192,
		"tie_word_embeddings": true}`,
	"gemma2": `{"num_key_value_heads": 4, "head_dim": 256, "hidden_activation": "gelu_pytorch_tanh", "max_position_embeddings": 8192,
		"tie_word_embeddings": true, "query_pre_attn_scalar": 256, "sliding_window": 4096, "final_logit_softcapping": 30.0,
		"attn_logit_softcapping": 50.0}`,
	"gemma3_text": `{"vocab_size": 262208, "hidden_size": 2304, "intermediate_size": 9216, "num_hidden_layers": 26,
		"num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "hidden_activation": "gelu_pytorch_tanh",
		"max_position_embeddings": 131072, "tie_word_embeddings": true, "query_pre_attn_scalar": 256, "sliding_window": 4096,
		"sliding_window_pattern": 6, "rope_theta": 1000000.0, "rope_local_base_freq": 10000.0}`,
	"phi3":    `{"rms_norm_eps": 1e-5, "max_position_embeddings": 4096, "original_max_position_embeddings": 4096}`,
	"olmo2":   `{"rms_norm_eps": 1e-5}`,
	"olmo3":   `{"rms_norm_eps": 1e-5, "sliding_window": 4096, "rope_theta": 500000.0}`,
	"smollm3": `{"num_key_value_heads": 4, "tie_word_embeddings": true, "no_rope_layer_interval": 4, "rope_theta": 2000000.0}`,
	"glm4": `{"num_key_value_heads": 2, "head_dim": 128, "rms_norm_eps": 1.5625e-07, "attention_bias": true,
		"partial_rotary_factor": 0.5, "eos_token_id": [151329, 151336, 151338]}`,
	"exaone4": `{"rms_norm_eps": 1e-5, "sliding_window": 4096, "sliding_window_pattern": 4}`,
	"qwen3":   `{"head_dim": 128}`,

	"lfm2": `{"intermediate_size": 12288, "num_key_value_heads": 8, "rms_norm_eps": 1e-5, "rope_theta": 1000000.0,
		"tie_word_embeddings": true, "block_auto_adjust_ff_dim": true, "block_ffn_dim_multiplier": 1.0}`,
	"lfm2_moe": `{"num_key_value_heads": 8, "rms_norm_eps": 1e-5, "rope_theta": 1000000.0, "tie_word_embeddings": true,
		"num_experts": 32, "num_experts_per_tok": 4, "norm_topk_prob": true, "use_expert_bias": true}`,
	"granitemoehybrid": `{"num_local_experts": 8, "num_experts_per_tok": 2, "mamba_conv_bias": true}`,
	"qwen3_next": `{"num_key_value_heads": 2, "head_dim": 256, "partial_rotary_factor": 0.25, "norm_topk_prob": true,
		"num_experts": 512, "num_experts_per_tok": 10}`,
	"qwen3_5_text": `{"num_key_value_heads": 4, "head_dim": 256, "partial_rotary_factor": 0.25}`,
	"qwen3_5_moe_text": `{"num_key_value_heads": 2, "head_dim": 256, "partial_rotary_factor": 0.25, "num_experts": 256,
		"num_experts_per_tok": 8, "intermediate_size": 512}`,

	"mixtral":    `{"num_key_value_heads": 8, "rms_norm_eps": 1e-5, "num_local_experts": 8, "num_experts_per_tok": 2}`,
	"qwen3_moe":  `{"num_key_value_heads": 4, "num_experts_per_tok": 8, "moe_intermediate_size": 768, "sliding_window": 4096}`,
	"granitemoe": `{"num_local_experts": 8, "num_experts_per_tok": 2}`,
	"gpt_oss": `{"num_key_value_heads": 8, "head_dim": 64, "rms_norm_eps": 1e-5, "attention_bias": true, "sliding_window": 128,
		"num_local_experts": 128, "num_experts_per_tok": 4, "rope_theta": 150000.0, "rope_parameters": {"rope_type": "yarn",
		"factor": 32.0, "beta_fast": 32.0, "beta_slow": 1.0, "truncate": false, "original_max_position_embeddings": 4096}}`,
}

// classNames is, by model_type, what the class calls a key otherwise than most families, or takes as
// another name of it. Where both are there this one counts.
var classNames = map[string]map[string]string{
	"granitemoehybrid": {"layers_block_type": "layer_types"},
	"qwen3_5_moe_text": {"moe_intermediate_size": "intermediate_size"},
	"lfm2":             {"norm_eps": "rms_norm_eps", "tie_embedding": "tie_word_embeddings", "block_ff_dim": "intermediate_size"},
	"lfm2_moe":         {"norm_eps": "rms_norm_eps", "tie_embedding": "tie_word_embeddings"},
}

// untied holds the model_type of multimodal models whose head is tied only where config.json says so.
var untied = map[string]bool{`"qwen3_5"`: true, `"qwen3_5_moe"`: true}

// textKeys returns the keys that describe the language model, and whether these stand in the
// text_config of a multimodal one. Keys of the whole model, such as its architecture, are added to
// those of text_config, and defaults of the class where a key is absent.
func textKeys(file map[string]json.RawMessage) (keys map[string]json.RawMessage, nested bool, err error) {
	text, nested := file["text_config"]
	nested = nested && !isNull(text) && file["hidden_size"] == nil
	keys = make(map[string]json.RawMessage, len(file))
	if !nested {
		fill(keys, file)
	} else {
		inner, err := parseObject(text)
		if err != nil {
			return nil, true, err
		}
		// The whole model says whether the head is tied, and ties it unless it says otherwise
		// (Gemma3Config, Mistral3Config) or is of a class that does not (Qwen3_5Config).
		keys["tie_word_embeddings"] = json.RawMessage("true")
		if untied[string(file["model_type"])] {
			keys["tie_word_embeddings"] = json.RawMessage("false")
		}
		for _, key := range []string{"architectures", "tie_word_embeddings"} {
			if v, ok := file[key]; ok {
				keys[key] = v
			}
		}
		fill(keys, inner)
		for _, key := range []string{"bos_token_id", "eos_token_id", "pad_token_id", "dtype", "torch_dtype", "quantization_config"} {
			if v, ok := file[key]; ok && (keys[key] == nil || isNull(keys[key])) {
				keys[key] = v
			}
		}
	}
	var modelType string
	if json.Unmarshal(keys["model_type"], &modelType) != nil {
		return keys, nested, nil // the reader says so
	}
	for name, usual := range classNames[modelType] {
		if v, ok := keys[name]; ok {
			keys[usual] = v
		}
	}
	if defaults, ok := classDefaults[modelType]; ok {
		more, err := parseObject([]byte(defaults))
		if err != nil {
			return nil, nested, err
		}
		fill(keys, more)
	}
	return keys, nested, nil
}

// fill adds to dst the keys of src that dst lacks. A class that has rotary parameters of its own has
// them for null too.
func fill(dst, src map[string]json.RawMessage) {
	for key, value := range src {
		if old, ok := dst[key]; !ok || key == "rope_parameters" && isNull(old) {
			dst[key] = value
		}
	}
}
