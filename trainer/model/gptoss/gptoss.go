// Package gptoss is the gpt-oss family (transformers models/gpt_oss/modeling_gpt_oss.py): experts with
// biases and a clamped gate, attention sinks, and windows in every other layer. Its published
// checkpoints have the experts in MXFP4; those that were widened are read as well.
package gptoss

import (
	"fmt"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/trainer/nn"
	"github.com/cultivar/cultivar/trainer/ops"
)

// Architecture is the name in config.json's "architectures".
const Architecture = "GptOssForCausalLM"

// New returns the family for a configuration.
func New(c *bases.Config) (*nn.Family, error) {
	experts, err := nn.ReadExperts(c, "num_local_experts", "num_experts")
	if err != nil {
		return nil, err
	}
	if err := nn.Require("hidden_act", c.HiddenAct, "silu"); err != nil {
		return nil, err
	}
	keys := c.Keys()
	if limit := keys.Float("swiglu_limit", 7); limit != 7 {
		return nil, fmt.Errorf("config.json: swiglu_limit %g is not supported by this architecture (supported: 7)", limit)
	}
	if err := keys.Err(); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	experts.Normalise, experts.Gate = true, ops.ClampedSwiGLU
	types, err := nn.LayerTypes(c, func(i int) bool { return i%2 == 0 })
	if err != nil {
		return nil, err
	}
	rope, err := nn.Rope(c, c.Rope)
	if err != nil {
		return nil, err
	}
	kinds, kindOf := nn.Kinds(types)

	layer := func(l *nn.Layer, x *nn.Node) *nn.Node {
		att := nn.Windowed(c, nn.Attention(c), kinds[l.Kind])
		h := l.RMSNorm(x, "input_layernorm.weight", c.RMSNormEps)
		qkv := l.LinearBias(h, c.AttentionBias, "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
		h = l.AttentionWithSinks(qkv, att, l.Weights.Vector(l.Builder, "self_attn.sinks"))
		x = l.AddLinear(x, h, c.AttentionBias, "self_attn.o_proj")

		h = l.RMSNorm(x, "post_attention_layernorm.weight", c.RMSNormEps)
		return l.Add(x, l.InterleavedMixture(h, experts, "mlp.router", "mlp.experts."))
	}

	return nn.Named(c, &nn.Family{
		Layer: layer,
		Final: nn.FinalNorm(c.RMSNormEps),
		Kinds: len(kinds),
		Kind:  kindOf,
		Rope:  func(int) *ops.Rope { return rope },
	}), nil
}
