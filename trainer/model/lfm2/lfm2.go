// Package lfm2 is the dense LFM2 family (transformers models/lfm2/modeling_lfm2.py): gated short
// convolutions in most layers, attention with normalised queries and keys in the others.
package lfm2

import (
	"fmt"
	"slices"

	"github.com/cultivar/cultivar/trainer/base"
	"github.com/cultivar/cultivar/trainer/nn"
	"github.com/cultivar/cultivar/trainer/ops"
)

// Architecture is the name in config.json's "architectures".
const Architecture = "Lfm2ForCausalLM"

// conv is the value of layer_types beside full_attention.
const conv = "conv"

// New returns the family for a configuration.
func New(c *base.Config) (*nn.Family, error) {
	keys := c.Keys()
	types, err := layerTypes(c, keys)
	if err != nil {
		return nil, err
	}
	kinds, kindOf := nn.Kinds(types)
	rope, err := nn.Rope(c, c.Rope)
	if err != nil {
		return nil, err
	}
	att := nn.Attention(c)
	kernel := keys.Int("conv_L_cache", 3, 1, 1<<10)
	bias := keys.Bool("conv_bias")
	inner := innerSize(c, keys)
	if err := nn.Finite(keys, att); err != nil {
		return nil, err
	}

	layer := func(l *nn.Layer, x *nn.Node) *nn.Node {
		h := l.RMSNorm(x, "operator_norm.weight", c.RMSNormEps)
		if kinds[l.Kind] == conv {
			h = l.ShortConv(h, "conv", kernel, bias)
		} else {
			h = l.Linear(h, "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
			h = l.QKNorm(h, att, "self_attn.q_layernorm.weight", "self_attn.k_layernorm.weight", c.RMSNormEps)
			h = l.Linear(l.Attention(h, att), "self_attn.out_proj")
		}
		x = l.Add(x, h)

		h = l.RMSNorm(x, "ffn_norm.weight", c.RMSNormEps)
		h = l.Linear(h, "feed_forward.w1", "feed_forward.w3")
		nn.MustHave(h, 2*inner, "feed_forward")
		return l.Add(x, l.Linear(l.Gated(h, ops.SiLU), "feed_forward.w2"))
	}

	return nn.Named(c, &nn.Family{
		Layer: layer,
		Final: func(l *nn.Layer, x *nn.Node) *nn.Node {
			return l.RMSNorm(x, "embedding_norm.weight", c.RMSNormEps)
		},
		Kinds: len(kinds),
		Kind:  kindOf,
		Rope: func(kind int) *ops.Rope {
			if kinds[kind] == conv {
				return nil
			}
			return rope
		},
		Mixing: func(kind int) (float64, bool) { return 0, kinds[kind] == conv }, // its filters are weights
	}), nil
}

// layerTypes returns the type of every layer: layer_types, or attention in full_attn_idxs, which is
// in all when that is absent too.
func layerTypes(c *base.Config, keys *base.Keys) ([]string, error) {
	types := c.LayerTypes
	if types == nil {
		attend := keys.Ints("full_attn_idxs")
		for i := range c.NumHiddenLayers {
			if slices.Contains(attend, i) || !keys.Has("full_attn_idxs") {
				types = append(types, nn.FullAttention)
			} else {
				types = append(types, conv)
			}
		}
	}
	for i, t := range types {
		if err := nn.Require(fmt.Sprintf("layer_types[%d]", i), t, nn.FullAttention, conv); err != nil {
			return nil, err
		}
	}
	return types, nil
}

// innerSize is the width of the feed-forward network: intermediate_size as it is, or two thirds of it,
// times block_ffn_dim_multiplier, rounded up to a multiple of block_multiple_of (Lfm2MLP).
func innerSize(c *base.Config, keys *base.Keys) int {
	n := c.IntermediateSize
	if !keys.Bool("block_auto_adjust_ff_dim") {
		return n
	}
	n = 2 * n / 3
	if keys.Has("block_ffn_dim_multiplier") { // null means neither
		n = int(keys.Float("block_ffn_dim_multiplier", 1) * float64(n))
		of := keys.Int("block_multiple_of", 256, 1, 1<<20)
		n = (n + of - 1) / of * of
	}
	return n
}
