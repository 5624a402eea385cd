// Package olmo3 is the OLMo 3 family (transformers models/olmo3/modeling_olmo3.py): OLMo 2 with a
// sliding window in three layers of four, which keep the rope that the model began with.
package olmo3

import (
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/trainer/nn"
	"github.com/cultivar/cultivar/trainer/ops"
)

// Architecture is the name in config.json's "architectures".
const Architecture = "Olmo3ForCausalLM"

// New returns the family for a configuration.
func New(c *bases.Config) (*nn.Family, error) {
	gate, err := nn.Gate(c)
	if err != nil {
		return nil, err
	}
	types, err := nn.LayerTypes(c, func(i int) bool { return (i+1)%4 != 0 })
	if err != nil {
		return nil, err
	}
	kinds, kindOf := nn.Kinds(types)
	ropes, err := nn.Ropes(unscaled(c), kinds)
	if err != nil {
		return nil, err
	}

	layer := func(l *nn.Layer, x *nn.Node) *nn.Node {
		att := nn.Windowed(c, nn.Attention(c), kinds[l.Kind])
		qkv := l.LinearBias(x, c.AttentionBias, "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
		qkv = l.QKNorm(qkv, att, "self_attn.q_norm.weight", "self_attn.k_norm.weight", c.RMSNormEps)
		h := l.LinearBias(l.Attention(qkv, att), c.AttentionBias, "self_attn.o_proj")
		x = l.Add(x, l.RMSNorm(h, "post_attention_layernorm.weight", c.RMSNormEps))

		h = l.Gated(l.Linear(x, "mlp.gate_proj", "mlp.up_proj"), gate)
		h = l.Linear(h, "mlp.down_proj")
		return l.Add(x, l.RMSNorm(h, "post_feedforward_layernorm.weight", c.RMSNormEps))
	}

	return nn.Named(c, &nn.Family{
		Layer: layer,
		Final: nn.FinalNorm(c.RMSNormEps),
		Kinds: len(kinds),
		Kind:  kindOf,
		Rope:  func(kind int) *ops.Rope { return ropes[kind] },
	}), nil
}

// unscaled returns the configuration with a rope for each type of layer: in a file of transformers 4
// rope_scaling is for full_attention alone.
func unscaled(c *bases.Config) *bases.Config {
	if c.RopeByLayerType != nil {
		return c
	}
	both := *c
	both.RopeByLayerType = map[string]bases.Rope{
		nn.FullAttention:    c.Rope,
		nn.SlidingAttention: {Theta: c.Rope.Theta, Type: "default", PartialRotaryFactor: c.Rope.PartialRotaryFactor},
	}
	return &both
}
