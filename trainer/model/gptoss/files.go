package gptoss

import (
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/bases/ggufarch"
)

// Files is what is particular to the family in its files.
func Files() *bases.Family {
	return &bases.Family{
		Architecture: Architecture, ModelType: "gpt_oss", TransposedExperts: true,
		Defaults: `{"num_key_value_heads": 8, "head_dim": 64, "rms_norm_eps": 1e-5, "attention_bias": true, "sliding_window": 128,
			"num_local_experts": 128, "num_experts_per_tok": 4, "rope_theta": 150000.0, "rope_parameters": {"rope_type": "yarn",
			"factor": 32.0, "beta_fast": 32.0, "beta_slow": 1.0, "truncate": false, "original_max_position_embeddings": 4096}}`,
		GGUF: &ggufarch.Arch{
			Name: "gpt-oss", Biased: true, Period: 2, Untruncated: true,
			Layer: ggufarch.Join(ggufarch.Dense(), ggufarch.Routed("mlp.router"), map[string]string{
				"ffn_norm": "", "post_attention_norm": "post_attention_layernorm",
			}),
			Stacks: []ggufarch.Stack{ // conversion/gpt_oss.py
				{Published: "mlp.experts.gate_up_proj", Files: ggufarch.GateAndUp(".weight"), Alternate: true, Turned: true},
				{Published: "mlp.experts.gate_up_proj_bias", Files: ggufarch.GateAndUp(".bias"), Alternate: true},
				{Published: "mlp.experts.down_proj", Files: ggufarch.Down(".weight"), Turned: true},
				{Published: "mlp.experts.down_proj_bias", Files: ggufarch.Down(".bias")},
				{Published: "self_attn.sinks", Files: []string{"attn_sinks.weight"}},
			},
		},
		ToGGUF: func(_ *bases.Config, m *ggufarch.Model) error {
			m.ExpertIntermediate = m.Intermediate // llama.cpp reads this one
			return nil
		},
	}
}
