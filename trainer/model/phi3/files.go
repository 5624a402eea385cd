package phi3

import (
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/bases/ggufarch"
)

// Files is what is particular to the family in its files.
func Files() *bases.Family {
	return &bases.Family{
		Architecture: Architecture, ModelType: "phi3", NoBiasKeys: true,
		Defaults: `{"rms_norm_eps": 1e-5, "max_position_embeddings": 4096, "original_max_position_embeddings": 4096}`,
		GGUF: &ggufarch.Arch{
			Name: "phi3", Square: true, LongFactored: true, IgnoresWindow: true, DemandsLengths: true,
			Layer: ggufarch.Join(ggufarch.Dense(), map[string]string{
				"attn_q": "", "attn_k": "", "attn_v": "", "ffn_gate": "", "attn_qkv": "self_attn.qkv_proj", "ffn_up": "mlp.gate_up_proj",
			}),
		},
	}
}
