// Package qwen3 is the dense Qwen 3 family (transformers models/qwen3/modeling_qwen3.py): Llama with
// queries and keys normalised head by head, and perhaps a sliding window in the upper layers.
package qwen3

import (
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/trainer/nn"
	"github.com/cultivar/cultivar/trainer/ops"
)

// Architecture is the name in config.json's "architectures".
const Architecture = "Qwen3ForCausalLM"

// New returns the family for a configuration.
func New(c *bases.Config) (*nn.Family, error) {
	gate, err := nn.Gate(c)
	if err != nil {
		return nil, err
	}
	kinds, kindOf, err := nn.UpperWindows(c)
	if err != nil {
		return nil, err
	}
	rope, err := nn.Rope(c, c.Rope)
	if err != nil {
		return nil, err
	}

	layer := func(l *nn.Layer, x *nn.Node) *nn.Node {
		att := nn.Windowed(c, nn.Attention(c), kinds[l.Kind])
		h := l.RMSNorm(x, "input_layernorm.weight", c.RMSNormEps)
		qkv := l.LinearBias(h, c.AttentionBias, "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
		qkv = l.QKNorm(qkv, att, "self_attn.q_norm.weight", "self_attn.k_norm.weight", c.RMSNormEps)
		x = l.AddLinear(x, l.Attention(qkv, att), c.AttentionBias, "self_attn.o_proj")

		h = l.RMSNorm(x, "post_attention_layernorm.weight", c.RMSNormEps)
		h = l.Gated(l.Linear(h, "mlp.gate_proj", "mlp.up_proj"), gate)
		return l.AddLinear(x, h, false, "mlp.down_proj")
	}

	return nn.Named(c, &nn.Family{
		Layer: layer,
		Final: nn.FinalNorm(c.RMSNormEps),
		Kinds: len(kinds),
		Kind:  kindOf,
		Rope:  func(int) *ops.Rope { return rope },
	}), nil
}
