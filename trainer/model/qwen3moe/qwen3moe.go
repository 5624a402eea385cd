// Package qwen3moe is the Qwen 3 family with experts (transformers
// models/qwen3_moe/modeling_qwen3_moe.py): Qwen 3 with a mixture of experts in place of the
// feed-forward network in all layers, or in some.
package qwen3moe

import (
	"fmt"
	"slices"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/trainer/nn"
	"github.com/cultivar/cultivar/trainer/ops"
)

// Architecture is the name in config.json's "architectures".
const Architecture = "Qwen3MoeForCausalLM"

// New returns the family for a configuration.
func New(c *bases.Config) (*nn.Family, error) {
	experts, err := nn.ReadExperts(c, "num_experts", "num_local_experts")
	if err != nil {
		return nil, err
	}
	keys := c.Keys()
	experts.Normalise = keys.Bool("norm_topk_prob")
	every := keys.Int("decoder_sparse_step", 1, 1, 1<<20)
	dense := keys.Ints("mlp_only_layers")
	// All layers have the window or none: max_window_layers is not read, unlike in the dense family.
	att := nn.Attention(c)
	if keys.Bool("use_sliding_window") {
		att.Window = c.SlidingWindow
	}
	if err := keys.Err(); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	rope, err := nn.Rope(c, c.Rope)
	if err != nil {
		return nil, err
	}
	var sparse []bool
	for i := range c.NumHiddenLayers {
		sparse = append(sparse, (i+1)%every == 0 && !slices.Contains(dense, i))
	}
	kinds, kindOf := nn.Kinds(sparse)

	layer := func(l *nn.Layer, x *nn.Node) *nn.Node {
		h := l.RMSNorm(x, "input_layernorm.weight", c.RMSNormEps)
		qkv := l.LinearBias(h, c.AttentionBias, "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
		qkv = l.QKNorm(qkv, att, "self_attn.q_norm.weight", "self_attn.k_norm.weight", c.RMSNormEps)
		x = l.AddLinear(x, l.Attention(qkv, att), c.AttentionBias, "self_attn.o_proj")

		h = l.RMSNorm(x, "post_attention_layernorm.weight", c.RMSNormEps)
		if !kinds[l.Kind] {
			h = l.Gated(l.Linear(h, "mlp.gate_proj", "mlp.up_proj"), experts.Gate)
			return l.AddLinear(x, h, false, "mlp.down_proj")
		}
		return l.Add(x, l.Mixture(h, experts, "mlp.gate.weight",
			"mlp.experts.%d.gate_proj", "mlp.experts.%d.up_proj", "mlp.experts.%d.down_proj"))
	}

	return nn.Named(c, &nn.Family{
		Layer: layer,
		Final: nn.FinalNorm(c.RMSNormEps),
		Kinds: len(kinds),
		Kind:  kindOf,
		Rope:  func(int) *ops.Rope { return rope },
	}), nil
}
