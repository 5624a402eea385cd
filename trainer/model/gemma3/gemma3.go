// Package gemma3 is the Gemma 3 family, and the text half of its multimodal models (transformers
// models/gemma3/modeling_gemma3.py): Gemma 2 without soft caps on scores, with queries and keys
// normalised head by head, and layers of two types, each with a rope of its own.
package gemma3

import (
	"math"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/trainer/nn"
	"github.com/cultivar/cultivar/trainer/ops"
)

// Architecture is the name in config.json's "architectures"; Multimodal that of the models of which
// this is the text half.
const (
	Architecture = "Gemma3ForCausalLM"
	Multimodal   = "Gemma3ForConditionalGeneration"
)

// New returns the family for a configuration.
func New(c *bases.Config) (*nn.Family, error) {
	gate, err := nn.Gate(c)
	if err != nil {
		return nil, err
	}
	if err := nn.Refuse(c, "use_bidirectional_attention", "attn_logit_softcapping"); err != nil {
		return nil, err
	}
	keys := c.Keys()
	pattern := keys.Int("sliding_window_pattern", 6, 1, 1<<20)
	att := nn.Attention(c)
	att.Scale = float32(1 / math.Sqrt(keys.Float("query_pre_attn_scalar", 256)))
	softCap := float32(keys.Float("final_logit_softcapping", 0))
	if err := nn.Finite(keys, att, softCap); err != nil {
		return nil, err
	}
	types, err := nn.LayerTypes(c, func(i int) bool { return (i+1)%pattern != 0 })
	if err != nil {
		return nil, err
	}
	kinds, kindOf := nn.Kinds(types)
	ropes, err := nn.Ropes(c, kinds)
	if err != nil {
		return nil, err
	}

	layer := func(l *nn.Layer, x *nn.Node) *nn.Node {
		att := nn.Windowed(c, att, kinds[l.Kind])
		h := l.RMSNormPlusOne(x, "input_layernorm.weight", c.RMSNormEps)
		qkv := l.LinearBias(h, c.AttentionBias, "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
		qkv = l.QKNormPlusOne(qkv, att, "self_attn.q_norm.weight", "self_attn.k_norm.weight", c.RMSNormEps)
		h = l.LinearBias(l.Attention(qkv, att), c.AttentionBias, "self_attn.o_proj")
		x = l.Add(x, l.RMSNormPlusOne(h, "post_attention_layernorm.weight", c.RMSNormEps))

		h = l.RMSNormPlusOne(x, "pre_feedforward_layernorm.weight", c.RMSNormEps)
		h = l.Gated(l.Linear(h, "mlp.gate_proj", "mlp.up_proj"), gate)
		h = l.Linear(h, "mlp.down_proj")
		return l.Add(x, l.RMSNormPlusOne(h, "post_feedforward_layernorm.weight", c.RMSNormEps))
	}

	return nn.Named(c, &nn.Family{
		Layer:      layer,
		Final:      nn.FinalNormPlusOne(c.RMSNormEps),
		Kinds:      len(kinds),
		Kind:       kindOf,
		Rope:       func(kind int) *ops.Rope { return ropes[kind] },
		Head:       ops.HeadConfig{SoftCap: softCap},
		EmbedScale: float32(math.Sqrt(float64(c.HiddenSize))),
	}), nil
}
