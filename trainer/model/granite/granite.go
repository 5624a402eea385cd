// Package granite is the dense Granite 3 family (transformers models/granite/modeling_granite.py):
// Llama with factors on embeddings, scores, blocks and logits.
package granite

import (
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/trainer/nn"
	"github.com/cultivar/cultivar/trainer/ops"
)

// Architecture is the name in config.json's "architectures".
const Architecture = "GraniteForCausalLM"

// New returns the family for a configuration.
func New(c *bases.Config) (*nn.Family, error) {
	gate, err := nn.Gate(c)
	if err != nil {
		return nil, err
	}
	rope, err := nn.Rope(c, c.Rope)
	if err != nil {
		return nil, err
	}
	times, err := nn.ReadMultipliers(c)
	if err != nil {
		return nil, err
	}
	att := nn.Attention(c)
	att.Scale = times.Attention

	layer := func(l *nn.Layer, x *nn.Node) *nn.Node {
		h := l.RMSNorm(x, "input_layernorm.weight", c.RMSNormEps)
		qkv := l.LinearBias(h, c.AttentionBias, "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
		h = l.LinearBias(l.Attention(qkv, att), c.AttentionBias, "self_attn.o_proj")
		x = l.Add(x, l.Scale(h, times.Residual))

		h = l.RMSNorm(x, "post_attention_layernorm.weight", c.RMSNormEps)
		h = l.Gated(l.LinearBias(h, c.MLPBias, "mlp.gate_proj", "mlp.up_proj"), gate)
		return l.Add(x, l.Scale(l.LinearBias(h, c.MLPBias, "mlp.down_proj"), times.Residual))
	}

	f := &nn.Family{
		Layer:      layer,
		Final:      nn.FinalNorm(c.RMSNormEps),
		Head:       ops.HeadConfig{LogitScale: times.Logits},
		EmbedScale: times.Embedding,
	}
	return nn.Named(c, f.OneKind(rope)), nil
}
