package granite

import (
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/bases/ggufarch"
)

// Files is what is particular to the family in its files.
func Files() *bases.Family {
	return &bases.Family{
		Architecture: Architecture, ModelType: "granite", NoWindow: true,
		GGUF: &ggufarch.Arch{
			Name: "granite", Permuted: true, Biased: true, Square: true, LongFactored: true, Multiplied: true, Layer: ggufarch.Dense(),
		},
	}
}
