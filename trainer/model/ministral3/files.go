package ministral3

import (
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/bases/ggufarch"
)

// Files is what is particular to the family in its files.
func Files() *bases.Family {
	return &bases.Family{
		Architecture: Architecture, Multimodal: []string{Multimodal}, ModelType: "ministral3", NoBiasKeys: true,
		Defaults: `{"num_key_value_heads": 8, "head_dim": 128, "rms_norm_eps": 1e-5, "rope_parameters": {"rope_type": "yarn",
			"rope_theta": 1000000.0, "factor": 16.0, "original_max_position_embeddings": 16384, "beta_fast": 32.0, "beta_slow": 1.0,
			"mscale_all_dim": 1.0, "mscale": 1.0, "llama_4_scaling_beta": 0.1}}`,
		GGUF: &ggufarch.Arch{Name: "mistral3", Permuted: true, Biased: true, QueryScale: true, IgnoresWindow: true, Layer: ggufarch.Dense()},
	}
}
