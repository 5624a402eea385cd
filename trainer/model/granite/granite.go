// Package granite is the dense Granite 3 family (transformers models/granite/modeling_granite.py):
// Llama with factors on embeddings, scores, blocks and logits.
package granite

import (
	"errors"

	"github.com/cultivar/cultivar/trainer/base"
	"github.com/cultivar/cultivar/trainer/nn"
	"github.com/cultivar/cultivar/trainer/ops"
)

// Architecture is the name in config.json's "architectures".
const Architecture = "GraniteForCausalLM"

// New returns the family for a configuration.
func New(c *base.Config) (*nn.Family, error) {
	gate, err := nn.Gate(c)
	if err != nil {
		return nil, err
	}
	rope, err := nn.Rope(c, c.Rope)
	if err != nil {
		return nil, err
	}
	keys := c.Keys()
	att := nn.Attention(c)
	att.Scale = float32(keys.Float("attention_multiplier", 1))
	ofBlock := float32(keys.Float("residual_multiplier", 1))
	ofEmbedding := float32(keys.Float("embedding_multiplier", 1))
	logits := keys.Float("logits_scaling", 1) // they are divided by it
	if err := nn.Finite(keys, att, ofBlock, ofEmbedding, float32(1/logits)); err != nil {
		return nil, err
	}
	if ofEmbedding == 0 {
		return nil, errors.New("config.json: embedding_multiplier is 0")
	}

	layer := func(l *nn.Layer, x *nn.Node) *nn.Node {
		h := l.RMSNorm(x, "input_layernorm.weight", c.RMSNormEps)
		qkv := l.LinearBias(h, c.AttentionBias, "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
		h = l.LinearBias(l.Attention(qkv, att), c.AttentionBias, "self_attn.o_proj")
		x = l.Add(x, l.Scale(h, ofBlock))

		h = l.RMSNorm(x, "post_attention_layernorm.weight", c.RMSNormEps)
		h = l.Gated(l.LinearBias(h, c.MLPBias, "mlp.gate_proj", "mlp.up_proj"), gate)
		return l.Add(x, l.Scale(l.LinearBias(h, c.MLPBias, "mlp.down_proj"), ofBlock))
	}

	f := &nn.Family{
		Layer: layer,
		Final: func(l *nn.Layer, x *nn.Node) *nn.Node {
			return l.RMSNorm(x, "norm.weight", c.RMSNormEps)
		},
		Head:       ops.HeadConfig{LogitScale: float32(1 / logits)},
		EmbedScale: ofEmbedding,
	}
	return nn.Named(c, f.OneKind(rope)), nil
}
