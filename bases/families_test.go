package bases

import "github.com/cultivar/cultivar/bases/ggufarch"

// families are a few made after real ones, as far as tests here need them; those have tests of their own.
func families() Families {
	experts := ggufarch.Join(ggufarch.Dense(), ggufarch.Routed("block_sparse_moe.gate"))
	return Families{
		{Architecture: "LlamaForCausalLM", ModelType: "llama", GGUF: &ggufarch.Arch{Name: "llama", Permuted: true, Biased: true, LongFactored: true, Layer: ggufarch.Dense()}},
		{Architecture: "Qwen2ForCausalLM", ModelType: "qwen2", GGUF: &ggufarch.Arch{Name: "qwen2", Layer: ggufarch.Dense()}},
		{Architecture: "MixtralForCausalLM", ModelType: "mixtral", GGUF: &ggufarch.Arch{
			Name: "llama", Permuted: true, Layer: experts,
			Expert: ggufarch.Experts("block_sparse_moe.experts.%d.w1", "block_sparse_moe.experts.%d.w3", "block_sparse_moe.experts.%d.w2"),
		}},
		{
			Architecture: "Gemma2ForCausalLM", ModelType: "gemma2",
			Defaults: `{"head_dim": 256, "hidden_activation": "gelu_pytorch_tanh", "tie_word_embeddings": true, "sliding_window": 4096,
				"final_logit_softcapping": 30.0, "attn_logit_softcapping": 50.0}`,
			GGUF: &ggufarch.Arch{
				Name: "gemma2", NormsIncludeOne: true, Act: ggufarch.GELU, Period: 2, FoldInto: "self_attn.q_proj.weight",
				Layer: ggufarch.Join(ggufarch.Dense(), ggufarch.Sandwich()),
				Read: func(m *ggufarch.Model, r *ggufarch.Reader) {
					m.AttentionSoftcap, m.FinalSoftcap = r.Float("attn_logit_softcapping", 50), r.Float("final_logit_softcapping", 30)
				},
			},
		},
		{
			Architecture: "Gemma3ForCausalLM", Multimodal: []string{"Gemma3ForConditionalGeneration"}, ModelType: "gemma3_text",
			Defaults: `{"vocab_size": 262208, "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "hidden_activation": "gelu_pytorch_tanh",
				"tie_word_embeddings": true, "sliding_window": 4096, "sliding_window_pattern": 6, "rope_theta": 1000000.0, "rope_local_base_freq": 10000.0}`,
		},
		{
			Architecture: "Lfm2ForCausalLM", ModelType: "lfm2",
			Defaults: `{"intermediate_size": 12288, "rms_norm_eps": 1e-5, "rope_theta": 1000000.0, "tie_word_embeddings": true}`,
			Names:    map[string]string{"norm_eps": "rms_norm_eps", "tie_embedding": "tie_word_embeddings", "block_ff_dim": "intermediate_size"},
		},
		{
			Architecture: "GptOssForCausalLM", ModelType: "gpt_oss", TransposedExperts: true,
			GGUF: &ggufarch.Arch{
				Name: "gpt-oss", Biased: true, Period: 2, Untruncated: true,
				Layer: ggufarch.Join(ggufarch.Dense(), ggufarch.Routed("mlp.router"), map[string]string{"ffn_norm": "", "post_attention_norm": "post_attention_layernorm"}),
				Stacks: []ggufarch.Stack{
					{Published: "mlp.experts.gate_up_proj", Files: ggufarch.GateAndUp(".weight"), Alternate: true, Turned: true},
					{Published: "mlp.experts.gate_up_proj_bias", Files: ggufarch.GateAndUp(".bias"), Alternate: true},
					{Published: "mlp.experts.down_proj", Files: ggufarch.Down(".weight"), Turned: true},
					{Published: "mlp.experts.down_proj_bias", Files: ggufarch.Down(".bias")},
					{Published: "self_attn.sinks", Files: []string{"attn_sinks.weight"}},
				},
			},
		},
		{
			Architecture: "GraniteMoeForCausalLM", ModelType: "granitemoe",
			GGUF: &ggufarch.Arch{
				Name: "granitemoe", Permuted: true, Biased: true, Square: true, Multiplied: true,
				Layer: ggufarch.Join(ggufarch.Dense(), ggufarch.Routed("block_sparse_moe.router.layer")),
				Stacks: []ggufarch.Stack{
					{Published: "block_sparse_moe.input_linear.weight", Files: ggufarch.GateAndUp(".weight")},
					{Published: "block_sparse_moe.output_linear.weight", Files: ggufarch.Down(".weight")},
				},
			},
		},
	}
}
