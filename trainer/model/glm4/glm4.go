// Package glm4 is the dense GLM 4 family of 2025 (transformers models/glm4/modeling_glm4.py): Llama
// with a norm after each block as well, gate and up in one module, and half of each head turned,
// neighbour with neighbour.
package glm4

import (
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/trainer/nn"
)

// Architecture is the name in config.json's "architectures".
const Architecture = "Glm4ForCausalLM"

// New returns the family for a configuration.
func New(c *bases.Config) (*nn.Family, error) {
	gate, err := nn.Gate(c)
	if err != nil {
		return nil, err
	}
	rope, err := nn.PartialRope(c, c.Rope, true)
	if err != nil {
		return nil, err
	}
	att := nn.Attention(c)

	layer := func(l *nn.Layer, x *nn.Node) *nn.Node {
		h := l.RMSNorm(x, "input_layernorm.weight", c.RMSNormEps)
		qkv := l.LinearBias(h, c.AttentionBias, "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
		h = l.Linear(l.Attention(qkv, att), "self_attn.o_proj")
		x = l.Add(x, l.RMSNorm(h, "post_self_attn_layernorm.weight", c.RMSNormEps))

		h = l.RMSNorm(x, "post_attention_layernorm.weight", c.RMSNormEps)
		h = l.Gated(l.Linear(h, "mlp.gate_up_proj"), gate)
		h = l.Linear(h, "mlp.down_proj")
		return l.Add(x, l.RMSNorm(h, "post_mlp_layernorm.weight", c.RMSNormEps))
	}

	f := &nn.Family{
		Layer: layer,
		Final: nn.FinalNorm(c.RMSNormEps),
	}
	return nn.Named(c, f.OneKind(rope)), nil
}
