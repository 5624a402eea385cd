package olmo2

import (
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/bases/ggufarch"
)

// Files is what is particular to the family in its files.
func Files() *bases.Family {
	return &bases.Family{
		Architecture: Architecture, ModelType: "olmo2", NoWindow: true,
		Defaults: `{"rms_norm_eps": 1e-5}`,
		GGUF:     &ggufarch.Arch{Name: "olmo2", Square: true, Layer: ggufarch.Join(ggufarch.Dense(), ggufarch.HeadNorms(), ggufarch.PostNorms())},
	}
}
