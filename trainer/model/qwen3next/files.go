package qwen3next

import (
	"github.com/cultivar/cultivar/bases"
)

// Files is what is particular to the family in its files.
func Files() *bases.Family {
	return &bases.Family{
		Architecture: Architecture, ModelType: "qwen3_next",
		Defaults: `{"num_key_value_heads": 2, "head_dim": 256, "partial_rotary_factor": 0.25, "norm_topk_prob": true,
			"num_experts": 512, "num_experts_per_tok": 10}`,
	}
}
