// Package lfm2 is the LFM2 family (transformers models/lfm2/modeling_lfm2.py and
// models/lfm2_moe/modeling_lfm2_moe.py): gated short convolutions in most layers, attention with
// normalised queries and keys in the others, and perhaps experts in all but the first.
package lfm2

import (
	"fmt"
	"slices"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/trainer/nn"
	"github.com/cultivar/cultivar/trainer/ops"
)

// The names in config.json's "architectures".
const (
	Architecture = "Lfm2ForCausalLM"
	WithExperts  = "Lfm2MoeForCausalLM"
)

// conv is the value of layer_types beside full_attention.
const conv = "conv"

// kind is what layers differ in.
type kind struct {
	mixer   string // of layer_types
	experts bool
}

// feedForward is what follows the second norm of a layer.
type feedForward func(l *nn.Layer, x *nn.Node) *nn.Node

// New returns the dense family for a configuration.
func New(c *bases.Config) (*nn.Family, error) {
	return family(c, c.NumHiddenLayers, dense(innerSize(c, c.Keys())), nil)
}

// NewWithExperts returns the family in which all layers but the first num_dense_layers have experts.
func NewWithExperts(c *bases.Config) (*nn.Family, error) {
	experts, err := nn.ReadExperts(c, "num_experts")
	if err != nil {
		return nil, err
	}
	keys := c.Keys()
	experts.Normalise, experts.Gate = keys.Bool("norm_topk_prob"), ops.SiLU
	experts.Module, experts.Router = "feed_forward.experts", "feed_forward.gate"
	experts.Sigmoid = &nn.SigmoidRouter{Scale: float32(keys.Float("routed_scaling_factor", 1))}
	if keys.Bool("use_expert_bias") {
		experts.Sigmoid.Bias = "feed_forward.expert_bias"
	}
	first := keys.Int("num_dense_layers", 2, 0, 1<<16)
	if err := nn.Finite(keys, nn.Attention(c), experts.Sigmoid.Scale); err != nil {
		return nil, err
	}
	return family(c, first, dense(c.IntermediateSize), func(l *nn.Layer, x *nn.Node) *nn.Node {
		return l.Mixture(x, experts, "feed_forward.gate.weight",
			"feed_forward.experts.%d.w1", "feed_forward.experts.%d.w3", "feed_forward.experts.%d.w2")
	})
}

// family puts layers together, of which the first so many have the one feed-forward network and the
// rest the other.
func family(c *bases.Config, first int, before, after feedForward) (*nn.Family, error) {
	keys := c.Keys()
	types, err := layerTypes(c, keys)
	if err != nil {
		return nil, err
	}
	var layers []kind
	for i, t := range types {
		layers = append(layers, kind{t, i >= first})
	}
	kinds, kindOf := nn.Kinds(layers)
	rope, err := nn.Rope(c, c.Rope)
	if err != nil {
		return nil, err
	}
	att := nn.Attention(c)
	kernel := keys.Int("conv_L_cache", 3, 1, 1<<10)
	bias := keys.Bool("conv_bias")
	if err := nn.Finite(keys, att); err != nil {
		return nil, err
	}

	layer := func(l *nn.Layer, x *nn.Node) *nn.Node {
		k := kinds[l.Kind]
		h := l.RMSNorm(x, "operator_norm.weight", c.RMSNormEps)
		if k.mixer == conv {
			h = l.ShortConv(h, "conv", kernel, bias)
		} else {
			h = l.Linear(h, "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
			h = l.QKNorm(h, att, "self_attn.q_layernorm.weight", "self_attn.k_layernorm.weight", c.RMSNormEps)
			h = l.Linear(l.Attention(h, att), "self_attn.out_proj")
		}
		x = l.Add(x, h)

		h = l.RMSNorm(x, "ffn_norm.weight", c.RMSNormEps)
		if k.experts {
			return l.Add(x, after(l, h))
		}
		return l.Add(x, before(l, h))
	}

	return nn.Named(c, &nn.Family{
		Layer: layer,
		Final: func(l *nn.Layer, x *nn.Node) *nn.Node {
			return l.RMSNorm(x, "embedding_norm.weight", c.RMSNormEps)
		},
		Kinds: len(kinds),
		Kind:  kindOf,
		Rope: func(kind int) *ops.Rope {
			if kinds[kind].mixer == conv {
				return nil
			}
			return rope
		},
		Mixing: func(kind int) (float64, bool) { return 0, kinds[kind].mixer == conv }, // its filters are weights
	}), nil
}

// dense is a feed-forward network of a width.
func dense(inner int) feedForward {
	return func(l *nn.Layer, x *nn.Node) *nn.Node {
		h := l.Linear(x, "feed_forward.w1", "feed_forward.w3")
		nn.MustHave(h, 2*inner, "feed_forward")
		return l.Linear(l.Gated(h, ops.SiLU), "feed_forward.w2")
	}
}

// layerTypes returns the type of every layer: layer_types, or attention in full_attn_idxs, which is
// in all when that is absent too.
func layerTypes(c *bases.Config, keys *bases.Keys) ([]string, error) {
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
func innerSize(c *bases.Config, keys *bases.Keys) int {
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
