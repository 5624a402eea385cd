// Package smollm3 is the SmolLM 3 family (transformers models/smollm3/modeling_smollm3.py): Llama
// with layers that have no rotary positions (arXiv:2501.18795), and perhaps a sliding window in them.
package smollm3

import (
	"fmt"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/trainer/nn"
	"github.com/cultivar/cultivar/trainer/ops"
)

// Architecture is the name in config.json's "architectures".
const Architecture = "SmolLM3ForCausalLM"

// kind is what differs from layer to layer.
type kind struct {
	layerType string
	rope      bool
}

// New returns the family for a configuration.
func New(c *bases.Config) (*nn.Family, error) {
	gate, err := nn.Gate(c)
	if err != nil {
		return nil, err
	}
	layers, err := layerKinds(c)
	if err != nil {
		return nil, err
	}
	rope, err := nn.Rope(c, c.Rope)
	if err != nil {
		return nil, err
	}
	kinds, kindOf := nn.Kinds(layers)

	layer := func(l *nn.Layer, x *nn.Node) *nn.Node {
		att := nn.Windowed(c, nn.Attention(c), kinds[l.Kind].layerType)
		h := l.RMSNorm(x, "input_layernorm.weight", c.RMSNormEps)
		qkv := l.LinearBias(h, c.AttentionBias, "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
		x = l.AddLinear(x, l.Attention(qkv, att), c.AttentionBias, "self_attn.o_proj")

		h = l.RMSNorm(x, "post_attention_layernorm.weight", c.RMSNormEps)
		h = l.Gated(l.LinearBias(h, c.MLPBias, "mlp.gate_proj", "mlp.up_proj"), gate)
		return l.AddLinear(x, h, c.MLPBias, "mlp.down_proj")
	}

	return nn.Named(c, &nn.Family{
		Layer: layer,
		Final: nn.FinalNorm(c.RMSNormEps),
		Kinds: len(kinds),
		Kind:  kindOf,
		Rope: func(k int) *ops.Rope {
			if !kinds[k].rope {
				return nil
			}
			return rope
		},
	}), nil
}

// layerKinds reads no_rope_layers, in which 1 is a layer with rotary positions, or makes it of
// no_rope_layer_interval, and layer_types (configuration_smollm3.py).
func layerKinds(c *bases.Config) ([]kind, error) {
	keys := c.Keys()
	interval := keys.Int("no_rope_layer_interval", 4, 1, 1<<20)
	turned := keys.Ints("no_rope_layers")
	windows := keys.Bool("use_sliding_window") && c.SlidingWindow > 0
	if err := keys.Err(); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	if turned != nil && len(turned) < c.NumHiddenLayers {
		return nil, fmt.Errorf("config.json: no_rope_layers has %d entries for %d layers", len(turned), c.NumHiddenLayers)
	}
	list := make([]kind, c.NumHiddenLayers)
	for i := range list {
		list[i].rope = (i+1)%interval != 0
		if turned != nil {
			list[i].rope = turned[i] != 0
		}
	}
	types, err := nn.LayerTypes(c, func(i int) bool { return windows && !list[i].rope })
	for i, t := range types {
		list[i].layerType = nn.FullAttention
		if windows {
			list[i].layerType = t
		}
	}
	return list, err
}
