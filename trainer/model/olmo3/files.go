package olmo3

import (
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/bases/ggufarch"
)

// Files is what is particular to the family in its files.
func Files() *bases.Family {
	return &bases.Family{
		Architecture: Architecture, ModelType: "olmo3",
		Defaults: `{"rms_norm_eps": 1e-5, "sliding_window": 4096, "rope_theta": 500000.0}`,
		// Files say olmo2 of it; only the window tells.
		GGUF: &ggufarch.Arch{
			Name: "olmo2", Square: true, ForWindow: true, Period: 4, WritesPattern: true, UnscaledWindows: true,
			Layer: ggufarch.Join(ggufarch.Dense(), ggufarch.HeadNorms(), ggufarch.PostNorms()),
		},
	}
}
