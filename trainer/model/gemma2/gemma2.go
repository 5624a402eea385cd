// Package gemma2 is the Gemma 2 family (transformers models/gemma2/modeling_gemma2.py): Gemma with a
// norm after each block as well, soft-capped scores and logits, and a sliding window in every other
// layer.
package gemma2

import (
	"math"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/trainer/nn"
	"github.com/cultivar/cultivar/trainer/ops"
)

// Architecture is the name in config.json's "architectures".
const Architecture = "Gemma2ForCausalLM"

// New returns the family for a configuration.
func New(c *bases.Config) (*nn.Family, error) {
	gate, err := nn.Gate(c)
	if err != nil {
		return nil, err
	}
	if err := nn.Refuse(c, "use_bidirectional_attention"); err != nil {
		return nil, err
	}
	types, err := nn.LayerTypes(c, func(i int) bool { return (i+1)%2 != 0 })
	if err != nil {
		return nil, err
	}
	rope, err := nn.Rope(c, c.Rope)
	if err != nil {
		return nil, err
	}
	keys := c.Keys()
	att := nn.Attention(c)
	att.Scale = float32(1 / math.Sqrt(keys.Float("query_pre_attn_scalar", 256)))
	att.SoftCap = float32(keys.Float("attn_logit_softcapping", 0))
	softCap := float32(keys.Float("final_logit_softcapping", 0))
	if err := nn.Finite(keys, att, softCap); err != nil {
		return nil, err
	}
	kinds, kindOf := nn.Kinds(types)

	layer := func(l *nn.Layer, x *nn.Node) *nn.Node {
		att := nn.Windowed(c, att, kinds[l.Kind])
		h := l.RMSNormPlusOne(x, "input_layernorm.weight", c.RMSNormEps)
		qkv := l.LinearBias(h, c.AttentionBias, "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
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
		Rope:       func(int) *ops.Rope { return rope },
		Head:       ops.HeadConfig{SoftCap: softCap},
		EmbedScale: float32(math.Sqrt(float64(c.HiddenSize))),
	}), nil
}
