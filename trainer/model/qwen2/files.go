package qwen2

import (
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/bases/ggufarch"
)

// Files is what is particular to the family in its files.
func Files() *bases.Family {
	return &bases.Family{
		Architecture: Architecture, ModelType: "qwen2", NoBiasKeys: true,
		GGUF:   &ggufarch.Arch{Name: "qwen2", Layer: ggufarch.Dense()},
		ToGGUF: bases.WithoutWindow,
	}
}
