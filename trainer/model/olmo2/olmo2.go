// Package olmo2 is the OLMo 2 family (transformers models/olmo2/modeling_olmo2.py): Llama with a norm
// after each block instead of before it, and with all queries of a token normalised together, and
// all its keys.
package olmo2

import (
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/trainer/nn"
)

// Architecture is the name in config.json's "architectures".
const Architecture = "Olmo2ForCausalLM"

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
	att := nn.Attention(c)

	layer := func(l *nn.Layer, x *nn.Node) *nn.Node {
		qkv := l.LinearBias(x, c.AttentionBias, "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
		qkv = l.QKNorm(qkv, att, "self_attn.q_norm.weight", "self_attn.k_norm.weight", c.RMSNormEps)
		h := l.LinearBias(l.Attention(qkv, att), c.AttentionBias, "self_attn.o_proj")
		x = l.Add(x, l.RMSNorm(h, "post_attention_layernorm.weight", c.RMSNormEps))

		h = l.Gated(l.Linear(x, "mlp.gate_proj", "mlp.up_proj"), gate)
		h = l.Linear(h, "mlp.down_proj")
		return l.Add(x, l.RMSNorm(h, "post_feedforward_layernorm.weight", c.RMSNormEps))
	}

	f := &nn.Family{
		Layer: layer,
		Final: nn.FinalNorm(c.RMSNormEps),
	}
	return nn.Named(c, f.OneKind(rope)), nil
}
