package gemma2

import (
	"errors"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/bases/ggufarch"
)

// Files is what is particular to the family in its files.
func Files() *bases.Family {
	return &bases.Family{
		Architecture: Architecture, ModelType: "gemma2",
		Defaults: `{"num_key_value_heads": 4, "head_dim": 256, "hidden_activation": "gelu_pytorch_tanh", "max_position_embeddings": 8192,
			"tie_word_embeddings": true, "query_pre_attn_scalar": 256, "sliding_window": 4096, "final_logit_softcapping": 30.0,
			"attn_logit_softcapping": 50.0}`,
		GGUF: &ggufarch.Arch{
			Name: "gemma2", NormsIncludeOne: true, Act: ggufarch.GELU, Period: 2,
			FoldInto: "self_attn.q_proj.weight", SquareLayers: 46, // those of the 27B model
			Layer: ggufarch.Join(ggufarch.Dense(), ggufarch.Sandwich()),
			Read: func(m *ggufarch.Model, r *ggufarch.Reader) {
				m.AttentionSoftcap, m.FinalSoftcap = r.Float("attn_logit_softcapping", 50), r.Float("final_logit_softcapping", 30)
				m.Window = r.Int("attention.sliding_window", 4096)
			},
			Refuse: func(m *ggufarch.Model) error {
				if m.AttentionSoftcap <= 0 || m.FinalSoftcap <= 0 {
					return errors.New("llama.cpp caps scores and logits in this architecture")
				}
				return nil
			},
		},
	}
}
