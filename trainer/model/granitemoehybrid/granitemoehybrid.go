// Package granitemoehybrid is the Granite 4 family (transformers
// models/granitemoehybrid/modeling_granitemoehybrid.py): Granite with Mamba 2 in place of attention in
// most layers, and a shared feed-forward network beside a mixture of experts, or alone.
package granitemoehybrid

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/trainer/nn"
	"github.com/cultivar/cultivar/trainer/ops"
)

// Architecture is the name in config.json's "architectures".
const Architecture = "GraniteMoeHybridForCausalLM"

// mamba is the value of layer_types beside full_attention.
const mamba = "linear_attention"

// New returns the family for a configuration.
func New(c *bases.Config) (*nn.Family, error) {
	types, err := layerTypes(c)
	if err != nil {
		return nil, err
	}
	kinds, kindOf := nn.Kinds(types)
	var space nn.Mamba2
	if slices.Contains(kinds, mamba) {
		if space, err = nn.ReadMamba2(c); err != nil {
			return nil, err
		}
	}
	feedForward, err := newFeedForward(c)
	if err != nil {
		return nil, err
	}
	rope, err := rotary(c)
	if err != nil {
		return nil, err
	}
	keys := c.Keys()
	att := nn.Attention(c)
	att.Scale = float32(keys.Float("attention_multiplier", 1))
	ofBlock := float32(keys.Float("residual_multiplier", 1))
	ofEmbedding := float32(keys.Float("embedding_multiplier", 1))
	logits := keys.Float("logits_scaling", 1) // they are divided by it
	if err := nn.Finite(keys, att, ofBlock, ofEmbedding, float32(1/logits)); err != nil {
		return nil, err
	}
	if ofEmbedding == 0 {
		return nil, errors.New("config.json: embedding_multiplier is 0")
	}

	layer := func(l *nn.Layer, x *nn.Node) *nn.Node {
		h := l.RMSNorm(x, "input_layernorm.weight", c.RMSNormEps)
		if kinds[l.Kind] == mamba {
			h = l.Mamba2(h, space, "mamba")
		} else {
			qkv := l.LinearBias(h, c.AttentionBias, "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
			h = l.LinearBias(l.Attention(qkv, att), c.AttentionBias, "self_attn.o_proj")
		}
		x = l.Add(x, l.Scale(h, ofBlock))
		h = l.RMSNorm(x, "post_attention_layernorm.weight", c.RMSNormEps)
		return l.Add(x, l.Scale(feedForward(l, h), ofBlock))
	}

	return nn.Named(c, &nn.Family{
		Layer: layer,
		Final: nn.FinalNorm(c.RMSNormEps),
		Kinds: len(kinds),
		Kind:  kindOf,
		Rope: func(kind int) *ops.Rope {
			if kinds[kind] == mamba {
				return nil
			}
			return rope
		},
		Mixing:     func(kind int) (float64, bool) { return space.Mixing(), kinds[kind] == mamba },
		Head:       ops.HeadConfig{LogitScale: float32(1 / logits)},
		EmbedScale: ofEmbedding,
	}), nil
}

// layerTypes returns the type of every layer, Mamba 2 when nothing is said. transformers 4 called
// the types mamba and attention.
func layerTypes(c *bases.Config) ([]string, error) {
	if c.LayerTypes == nil {
		return slices.Repeat([]string{mamba}, c.NumHiddenLayers), nil
	}
	types := slices.Clone(c.LayerTypes)
	for i, t := range types {
		switch t {
		case "mamba":
			types[i] = mamba
		case "attention":
			types[i] = nn.FullAttention
		}
		if err := nn.Require(fmt.Sprintf("layer_types[%d]", i), types[i], nn.FullAttention, mamba); err != nil {
			return nil, err
		}
	}
	return types, nil
}

// rotary returns the rotary table: none unless position_embedding_type is rope.
func rotary(c *bases.Config) (*ops.Rope, error) {
	keys := c.Keys()
	switch kind := keys.String("position_embedding_type", ""); kind {
	case "rope":
		return nn.Rope(c, c.Rope)
	case "", "nope":
		return nil, nil
	default:
		return nil, nn.Require("position_embedding_type", kind, "rope", "nope")
	}
}

// newFeedForward returns what follows the second norm: a shared network, and unless
// num_local_experts is 0 a mixture of experts beside it.
func newFeedForward(c *bases.Config) (func(l *nn.Layer, x *nn.Node) *nn.Node, error) {
	gate, err := nn.Gate(c)
	if err != nil {
		return nil, err
	}
	keys := c.Keys()
	inner := keys.Int("shared_intermediate_size", 1024, 1, 1<<20)
	count := keys.Int("num_local_experts", 0, 0, 1<<16)
	if err := keys.Err(); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	shared := func(l *nn.Layer, x *nn.Node) *nn.Node {
		h := l.Linear(x, "shared_mlp.input_linear")
		nn.MustHave(h, 2*inner, "shared_mlp")
		return l.Linear(l.Gated(h, gate), "shared_mlp.output_linear")
	}
	if count == 0 {
		return shared, nil
	}
	experts, err := nn.ReadExperts(c, "num_local_experts")
	if err != nil {
		return nil, err
	}
	experts.Normalise = true
	return func(l *nn.Layer, x *nn.Node) *nn.Node {
		h := l.StackedMixture(x, experts, "block_sparse_moe.router.layer.weight",
			"block_sparse_moe.input_linear.weight", "block_sparse_moe.output_linear.weight")
		return l.Add(h, shared(l, x))
	}, nil
}
