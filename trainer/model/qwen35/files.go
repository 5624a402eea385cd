package qwen35

import (
	"github.com/cultivar/cultivar/bases"
)

// Files is what is particular to the dense family in its files.
func Files() *bases.Family {
	return &bases.Family{
		Architecture: Architecture, Multimodal: []string{Multimodal}, ModelType: "qwen3_5_text", Untied: "qwen3_5",
		Defaults: `{"num_key_value_heads": 4, "head_dim": 256, "partial_rotary_factor": 0.25}`,
	}
}

// FilesOfExperts is the same for the family with experts, whose configurations name no size of a
// feed-forward network but that of an expert.
func FilesOfExperts() *bases.Family {
	return &bases.Family{
		Architecture: Experts, Multimodal: []string{MultimodalExperts}, ModelType: "qwen3_5_moe_text", Untied: "qwen3_5_moe",
		Defaults: `{"num_key_value_heads": 2, "head_dim": 256, "partial_rotary_factor": 0.25, "num_experts": 256,
			"num_experts_per_tok": 8, "intermediate_size": 512}`,
		Names: map[string]string{"moe_intermediate_size": "intermediate_size"},
	}
}
