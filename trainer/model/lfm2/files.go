package lfm2

import (
	"github.com/cultivar/cultivar/bases"
)

// Files is what is particular to the dense family in its files.
func Files() *bases.Family {
	return &bases.Family{
		Architecture: Architecture, ModelType: "lfm2",
		Defaults: `{"intermediate_size": 12288, "num_key_value_heads": 8, "rms_norm_eps": 1e-5, "rope_theta": 1000000.0,
			"tie_word_embeddings": true, "block_auto_adjust_ff_dim": true, "block_ffn_dim_multiplier": 1.0}`,
		Names: map[string]string{"norm_eps": "rms_norm_eps", "tie_embedding": "tie_word_embeddings", "block_ff_dim": "intermediate_size"},
	}
}

// FilesWithExperts is the same for the family with experts.
func FilesWithExperts() *bases.Family {
	return &bases.Family{
		Architecture: WithExperts, ModelType: "lfm2_moe",
		Defaults: `{"num_key_value_heads": 8, "rms_norm_eps": 1e-5, "rope_theta": 1000000.0, "tie_word_embeddings": true,
			"num_experts": 32, "num_experts_per_tok": 4, "norm_topk_prob": true, "use_expert_bias": true}`,
		Names: map[string]string{"norm_eps": "rms_norm_eps", "tie_embedding": "tie_word_embeddings"},
	}
}
