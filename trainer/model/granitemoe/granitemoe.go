// Package granitemoe is the Granite 3 family with experts (transformers
// models/granitemoe/modeling_granitemoe.py): Granite with a mixture of experts, stacked in two
// tensors a layer, in place of the feed-forward network.
package granitemoe

import (
	"errors"

	"github.com/cultivar/cultivar/trainer/base"
	"github.com/cultivar/cultivar/trainer/nn"
	"github.com/cultivar/cultivar/trainer/ops"
)

// Architecture is the name in config.json's "architectures".
const Architecture = "GraniteMoeForCausalLM"

// New returns the family for a configuration.
func New(c *base.Config) (*nn.Family, error) {
	experts, err := nn.ReadExperts(c, "num_local_experts", "num_experts")
	if err != nil {
		return nil, err
	}
	experts.Normalise = true
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
		h = l.StackedMixture(h, experts, "block_sparse_moe.router.layer.weight",
			"block_sparse_moe.input_linear.weight", "block_sparse_moe.output_linear.weight")
		return l.Add(x, l.Scale(h, ofBlock))
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
