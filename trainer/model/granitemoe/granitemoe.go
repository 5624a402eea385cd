// Package granitemoe is the Granite 3 family with experts (transformers
// models/granitemoe/modeling_granitemoe.py): Granite with a mixture of experts, stacked in two
// tensors a layer, in place of the feed-forward network.
package granitemoe

import (
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/trainer/nn"
	"github.com/cultivar/cultivar/trainer/ops"
)

// Architecture is the name in config.json's "architectures".
const Architecture = "GraniteMoeForCausalLM"

// New returns the family for a configuration.
func New(c *bases.Config) (*nn.Family, error) {
	experts, err := nn.ReadExperts(c, "num_local_experts", "num_experts")
	if err != nil {
		return nil, err
	}
	experts.Normalise = true
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
		h = l.StackedMixture(h, experts, "block_sparse_moe.router.layer.weight",
			"block_sparse_moe.input_linear.weight", "block_sparse_moe.output_linear.weight")
		return l.Add(x, l.Scale(h, times.Residual))
	}

	f := &nn.Family{
		Layer:      layer,
		Final:      nn.FinalNorm(c.RMSNormEps),
		Head:       ops.HeadConfig{LogitScale: times.Logits},
		EmbedScale: times.Embedding,
	}
	return nn.Named(c, f.OneKind(rope)), nil
}
