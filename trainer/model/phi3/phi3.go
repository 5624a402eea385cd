// Package phi3 is the Phi 3, 3.5 and 4 family, Phi 4 mini included (transformers
// models/phi3/modeling_phi3.py): Llama whose q, k and v are one module and whose gate and up are one,
// with part of each head turned, by longrope in the models for long texts.
package phi3

import (
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/trainer/nn"
)

// Architecture is the name in config.json's "architectures".
const Architecture = "Phi3ForCausalLM"

// New returns the family for a configuration.
func New(c *bases.Config) (*nn.Family, error) {
	gate, err := nn.Gate(c)
	if err != nil {
		return nil, err
	}
	if err := nn.Require("rope_type", c.Rope.Type, "default", "longrope"); err != nil {
		return nil, err
	}
	att, err := nn.OneWindow(c, nn.Attention(c))
	if err != nil {
		return nil, err
	}
	rope, err := nn.PartialRope(c, c.Rope, false)
	if err != nil {
		return nil, err
	}

	layer := func(l *nn.Layer, x *nn.Node) *nn.Node {
		h := l.RMSNorm(x, "input_layernorm.weight", c.RMSNormEps)
		qkv := l.Linear(h, "self_attn.qkv_proj")
		x = l.AddLinear(x, l.Attention(qkv, att), false, "self_attn.o_proj")

		h = l.RMSNorm(x, "post_attention_layernorm.weight", c.RMSNormEps)
		h = l.Gated(l.Linear(h, "mlp.gate_up_proj"), gate)
		return l.AddLinear(x, h, false, "mlp.down_proj")
	}

	f := &nn.Family{
		Layer: layer,
		Final: nn.FinalNorm(c.RMSNormEps),
	}
	return nn.Named(c, f.OneKind(rope)), nil
}
