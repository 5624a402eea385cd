package smollm3

import (
	"errors"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/bases/ggufarch"
)

// Files is what is particular to the family in its files.
func Files() *bases.Family {
	return &bases.Family{
		Architecture: Architecture, ModelType: "smollm3",
		Defaults: `{"num_key_value_heads": 4, "tie_word_embeddings": true, "no_rope_layer_interval": 4, "rope_theta": 2000000.0}`,
		GGUF:     &ggufarch.Arch{Name: "smollm3", Permuted: true, NoRopeEvery: 4, Layer: ggufarch.Dense()},
		ToGGUF:   toGGUF,
	}
}

func toGGUF(c *bases.Config, m *ggufarch.Model) error {
	k := c.Keys()
	rotated := k.Ints("no_rope_layers")
	for i := range m.Layers {
		m.NoRope = append(m.NoRope, len(rotated) == 0 && (i+1)%4 == 0 || i < len(rotated) && rotated[i] == 0)
	}
	return errors.Join(bases.WithoutWindow(c, m), k.Err())
}
