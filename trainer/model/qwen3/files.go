package qwen3

import (
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/bases/ggufarch"
)

// Files is what is particular to the family in its files.
func Files() *bases.Family {
	return &bases.Family{
		Architecture: Architecture, ModelType: "qwen3",
		Defaults: `{"head_dim": 128}`,
		GGUF:     &ggufarch.Arch{Name: "qwen3", Layer: ggufarch.Join(ggufarch.Dense(), ggufarch.HeadNorms())},
		ToGGUF:   bases.WithoutWindow,
	}
}
