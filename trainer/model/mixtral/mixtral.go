// Package mixtral is the Mixtral family (transformers models/mixtral/modeling_mixtral.py): Mistral
// with a mixture of experts in place of the feed-forward network.
package mixtral

import (
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/trainer/nn"
)

// Architecture is the name in config.json's "architectures".
const Architecture = "MixtralForCausalLM"

// New returns the family for a configuration.
func New(c *bases.Config) (*nn.Family, error) {
	experts, err := nn.ReadExperts(c, "num_local_experts", "num_experts")
	if err != nil {
		return nil, err
	}
	experts.Normalise = true
	att, err := nn.OneWindow(c, nn.Attention(c))
	if err != nil {
		return nil, err
	}
	rope, err := nn.Rope(c, c.Rope)
	if err != nil {
		return nil, err
	}

	layer := func(l *nn.Layer, x *nn.Node) *nn.Node {
		h := l.RMSNorm(x, "input_layernorm.weight", c.RMSNormEps)
		qkv := l.Linear(h, "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
		x = l.AddLinear(x, l.Attention(qkv, att), false, "self_attn.o_proj")

		h = l.RMSNorm(x, "post_attention_layernorm.weight", c.RMSNormEps)
		return l.Add(x, l.Mixture(h, experts, "block_sparse_moe.gate.weight",
			"block_sparse_moe.experts.%d.w1", "block_sparse_moe.experts.%d.w3", "block_sparse_moe.experts.%d.w2"))
	}

	f := &nn.Family{
		Layer: layer,
		Final: nn.FinalNorm(c.RMSNormEps),
	}
	return nn.Named(c, f.OneKind(rope)), nil
}
