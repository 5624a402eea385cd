package mistral

import (
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/bases/ggufarch"
)

// Files is what is particular to the family in its files.
func Files() *bases.Family {
	return &bases.Family{
		Architecture: Architecture, Multimodal: []string{Multimodal}, ModelType: "mistral", NoBiasKeys: true,
		Defaults: `{"num_key_value_heads": 8, "sliding_window": 4096}`,
		// Files say llama of it; only a window tells.
		GGUF: &ggufarch.Arch{
			Name: "llama", Permuted: true, Biased: true, LongFactored: true, ForWindow: true, IgnoresWindow: true, Layer: ggufarch.Dense(),
		},
	}
}
