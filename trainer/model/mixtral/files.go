package mixtral

import (
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/bases/ggufarch"
)

// Files is what is particular to the family in its files.
func Files() *bases.Family {
	return &bases.Family{
		Architecture: Architecture, ModelType: "mixtral", NoBiasKeys: true,
		Defaults: `{"num_key_value_heads": 8, "rms_norm_eps": 1e-5, "num_local_experts": 8, "num_experts_per_tok": 2}`,
		// Files say llama of it; only the experts tell.
		GGUF: &ggufarch.Arch{
			Name: "llama", Permuted: true, Biased: true, LongFactored: true, IgnoresWindow: true,
			Layer:  ggufarch.Join(ggufarch.Dense(), ggufarch.Routed("block_sparse_moe.gate")),
			Expert: ggufarch.Experts("block_sparse_moe.experts.%d.w1", "block_sparse_moe.experts.%d.w3", "block_sparse_moe.experts.%d.w2"),
		},
	}
}
