package gemma3

import (
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/bases/ggufarch"
)

// Files is what is particular to the family in its files.
func Files() *bases.Family {
	return &bases.Family{
		Architecture: Architecture, Multimodal: []string{Multimodal}, ModelType: "gemma3_text",
		// The sizes are those that multimodal models leave out.
		Defaults: `{"vocab_size": 262208, "hidden_size": 2304, "intermediate_size": 9216, "num_hidden_layers": 26,
			"num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "hidden_activation": "gelu_pytorch_tanh",
			"max_position_embeddings": 131072, "tie_word_embeddings": true, "query_pre_attn_scalar": 256, "sliding_window": 4096,
			"sliding_window_pattern": 6, "rope_theta": 1000000.0, "rope_local_base_freq": 10000.0}`,
		GGUF: &ggufarch.Arch{
			Name: "gemma3", NormsIncludeOne: true, Act: ggufarch.GELU, Period: 6,
			FoldInto: "self_attn.q_norm.weight", SquareLayers: 62, // those of the 27B model
			Layer: ggufarch.Join(ggufarch.Dense(), ggufarch.Sandwich(), ggufarch.HeadNorms()),
			Read: func(m *ggufarch.Model, r *ggufarch.Reader) {
				m.FinalSoftcap = r.Float("final_logit_softcapping", 0)
				m.LocalTheta = r.Float("rope.freq_base_swa", 10000)
			},
		},
		ToGGUF: func(c *bases.Config, m *ggufarch.Model) error {
			if local, ok := c.RopeByLayerType[bases.SlidingAttention]; ok {
				m.LocalTheta = local.Theta
			}
			return nil
		},
	}
}
