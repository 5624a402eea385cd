// Package exaone4 is the EXAONE 4 family (transformers models/exaone4/modeling_exaone4.py): OLMo 2's
// order of norms, queries and keys normalised head by head, and in the larger models a sliding
// window in most layers, the others then having no rotary positions.
package exaone4

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/trainer/nn"
	"github.com/cultivar/cultivar/trainer/ops"
)

// Architecture is the name in config.json's "architectures".
const Architecture = "Exaone4ForCausalLM"

// New returns the family for a configuration.
func New(c *bases.Config) (*nn.Family, error) {
	gate, err := nn.Gate(c)
	if err != nil {
		return nil, err
	}
	windows, err := sliding(c)
	if err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	types, err := nn.LayerTypes(c, windows)
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
		qkv := l.Linear(x, "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
		qkv = l.QKNorm(qkv, att, "self_attn.q_norm.weight", "self_attn.k_norm.weight", c.RMSNormEps)
		h := l.Linear(l.Attention(qkv, att), "self_attn.o_proj")
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
		Rope: func(kind int) *ops.Rope {
			if c.SlidingWindow > 0 && kinds[kind] == nn.FullAttention {
				return nil
			}
			return rope
		},
	}), nil
}

// sliding tells which layers have a window where layer_types is absent. It reads
// sliding_window_pattern: every n-th layer sees all keys, or letters that repeat, L for a window and G
// for none, after which the last layer sees all keys (configuration_exaone4.py).
func sliding(c *bases.Config) (sliding func(layer int) bool, err error) {
	keys := c.Keys()
	if c.SlidingWindow == 0 || !keys.Has("sliding_window_pattern") {
		return func(int) bool { return false }, keys.Err()
	}
	if !strings.HasPrefix(string(keys.Raw("sliding_window_pattern")), "\"") {
		n := keys.Int("sliding_window_pattern", 4, 1, 1<<20)
		return func(i int) bool { return (i+1)%n != 0 }, keys.Err()
	}
	letters := keys.String("sliding_window_pattern", "")
	if letters == "" || strings.Trim(letters, "LG") != "" {
		return nil, errors.New("sliding_window_pattern is no sequence of the letters L and G")
	}
	return func(i int) bool { return letters[i%len(letters)] == 'L' && i != c.NumHiddenLayers-1 }, keys.Err()
}
