package llama

import (
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/bases/ggufarch"
)

// Files is what is particular to the family in its files.
func Files() *bases.Family {
	return &bases.Family{
		Architecture: Architecture, ModelType: "llama", NoWindow: true,
		GGUF: &ggufarch.Arch{Name: "llama", Permuted: true, Biased: true, LongFactored: true, Layer: ggufarch.Dense()},
	}
}
