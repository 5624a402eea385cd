package qwen3moe

import (
	"errors"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/bases/ggufarch"
)

// Files is what is particular to the family in its files.
func Files() *bases.Family {
	return &bases.Family{
		Architecture: Architecture, ModelType: "qwen3_moe",
		Defaults: `{"num_key_value_heads": 4, "num_experts_per_tok": 8, "moe_intermediate_size": 768, "sliding_window": 4096}`,
		GGUF: &ggufarch.Arch{
			Name:   "qwen3moe",
			Layer:  ggufarch.Join(ggufarch.Dense(), ggufarch.HeadNorms(), ggufarch.Routed("mlp.gate")),
			Expert: ggufarch.Experts("mlp.experts.%d.gate_proj", "mlp.experts.%d.up_proj", "mlp.experts.%d.down_proj"),
			JSON: func(m *ggufarch.Model, c map[string]any) {
				c["num_experts"], c["moe_intermediate_size"], c["norm_topk_prob"] = m.Experts, m.ExpertIntermediate, true
				c["decoder_sparse_step"], c["mlp_only_layers"] = 1, []int{}
			},
		},
		ToGGUF: toGGUF,
	}
}

func toGGUF(c *bases.Config, m *ggufarch.Model) error {
	if err := bases.WithoutWindow(c, m); err != nil {
		return err
	}
	k := c.Keys()
	if !k.Bool("norm_topk_prob") || k.Int("decoder_sparse_step", 1, 1, 1<<20) != 1 || len(k.Ints("mlp_only_layers")) > 0 {
		return errors.New("norm_topk_prob false, or layers without experts, cannot be written as GGUF's qwen3moe, which has neither")
	}
	return k.Err()
}
