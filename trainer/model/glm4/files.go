package glm4

import (
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/bases/ggufarch"
)

// Files is what is particular to the family in its files.
func Files() *bases.Family {
	return &bases.Family{
		Architecture: Architecture, ModelType: "glm4", NoWindow: true,
		Defaults: `{"num_key_value_heads": 2, "head_dim": 128, "rms_norm_eps": 1.5625e-07, "attention_bias": true,
			"partial_rotary_factor": 0.5, "eos_token_id": [151329, 151336, 151338]}`,
		GGUF: &ggufarch.Arch{
			// q, k and v have biases, the output has none. Without partial_rotary_factor half of a head is rotated.
			Name: "glm4", Biased: true, BiasedModule: "attn_q", Partial: true,
			Layer: ggufarch.Join(ggufarch.Dense(), map[string]string{
				"ffn_gate": "", "ffn_up": "mlp.gate_up_proj", "post_attention_norm": "post_self_attn_layernorm", "post_ffw_norm": "post_mlp_layernorm",
			}),
		},
	}
}
