package granitemoehybrid

import (
	"github.com/cultivar/cultivar/bases"
)

// Files is what is particular to the family in its files.
func Files() *bases.Family {
	return &bases.Family{
		Architecture: Architecture, ModelType: "granitemoehybrid",
		Defaults: `{"num_local_experts": 8, "num_experts_per_tok": 2, "mamba_conv_bias": true}`,
		Names:    map[string]string{"layers_block_type": "layer_types"},
	}
}
