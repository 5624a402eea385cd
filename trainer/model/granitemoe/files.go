package granitemoe

import (
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/bases/ggufarch"
)

// Files is what is particular to the family in its files.
func Files() *bases.Family {
	return &bases.Family{
		Architecture: Architecture, ModelType: "granitemoe", NoWindow: true,
		Defaults: `{"num_local_experts": 8, "num_experts_per_tok": 2}`,
		GGUF: &ggufarch.Arch{
			Name: "granitemoe", Permuted: true, Biased: true, Square: true, Multiplied: true,
			Layer: ggufarch.Join(ggufarch.Dense(), ggufarch.Routed("block_sparse_moe.router.layer")),
			Stacks: []ggufarch.Stack{ // conversion/granite.py
				{Published: "block_sparse_moe.input_linear.weight", Files: ggufarch.GateAndUp(".weight")},
				{Published: "block_sparse_moe.output_linear.weight", Files: ggufarch.Down(".weight")},
			},
		},
	}
}
