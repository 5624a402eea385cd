package gemma

import (
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/bases/ggufarch"
)

// Files is what is particular to the family in its files.
func Files() *bases.Family {
	return &bases.Family{
		Architecture: Architecture, ModelType: "gemma", NoWindow: true,
		Defaults: `{"num_key_value_heads": 16, "head_dim": 256, "hidden_act": "gelu_pytorch_tanh", "max_position_embeddings": 8192,
			"tie_word_embeddings": true}`,
		GGUF: &ggufarch.Arch{Name: "gemma", NormsIncludeOne: true, Act: ggufarch.GELU, Layer: ggufarch.Dense()},
	}
}
