// Package qwen35 is the Qwen 3.5 family, dense and with experts, and the text half of its multimodal
// models (transformers models/qwen3_5/modeling_qwen3_5.py and models/qwen3_5_moe): Qwen 3 Next with
// the projections of its gated delta nets apart. On text, the three positions of its rotary embedding
// are one.
package qwen35

import (
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/trainer/nn"
	"github.com/cultivar/cultivar/trainer/ops"
)

// Architecture and Experts are the names in config.json's "architectures", Multimodal and
// MultimodalExperts those of the models of which these are the text half.
const (
	Architecture      = "Qwen3_5ForCausalLM"
	Multimodal        = "Qwen3_5ForConditionalGeneration"
	Experts           = "Qwen3_5MoeForCausalLM"
	MultimodalExperts = "Qwen3_5MoeForConditionalGeneration"
)

// New returns the dense family for a configuration.
func New(c *bases.Config) (*nn.Family, error) {
	return family(c, func(l *nn.Layer, x *nn.Node) *nn.Node {
		return l.Feed(x, ops.SiLU, c.IntermediateSize, "mlp")
	})
}

// NewExperts returns the family with experts in every layer.
func NewExperts(c *bases.Config) (*nn.Family, error) {
	experts, err := nn.ReadSharedExperts(c)
	if err != nil {
		return nil, err
	}
	experts.Normalise = true
	return family(c, func(l *nn.Layer, x *nn.Node) *nn.Node { return l.SharedMixture(x, experts, "mlp") })
}

func family(c *bases.Config, feedForward func(*nn.Layer, *nn.Node) *nn.Node) (*nn.Family, error) {
	delta, err := nn.ReadDeltaNet(c)
	if err != nil {
		return nil, err
	}
	types, err := nn.DeltaTypes(c)
	if err != nil {
		return nil, err
	}
	rope, err := nn.PartialRope(c, c.Rope, false)
	if err != nil {
		return nil, err
	}
	kinds, kindOf := nn.Kinds(types)

	layer := func(l *nn.Layer, x *nn.Node) *nn.Node {
		h := l.RMSNormPlusOne(x, "input_layernorm.weight", c.RMSNormEps)
		if kinds[l.Kind] == nn.LinearAttention {
			h = deltaNet(l, h, delta)
		} else {
			h = l.GatedAttention(h, nn.Attention(c), c.AttentionBias, c.RMSNormEps, "self_attn")
		}
		x = l.Add(x, h)
		return l.Add(x, feedForward(l, l.RMSNormPlusOne(x, "post_attention_layernorm.weight", c.RMSNormEps)))
	}

	return nn.Named(c, &nn.Family{
		Layer:  layer,
		Final:  nn.FinalNormPlusOne(c.RMSNormEps),
		Kinds:  len(kinds),
		Kind:   kindOf,
		Rope:   func(int) *ops.Rope { return rope },
		Mixing: func(k int) (float64, bool) { return delta.Mixing(), kinds[k] == nn.LinearAttention },
	}), nil
}

// deltaNet is a gated delta net with a projection for each of its inputs.
func deltaNet(l *nn.Layer, x *nn.Node, d nn.DeltaNet) *nn.Node {
	qkv := l.Linear(x, "linear_attn.in_proj_qkv")
	z := l.Linear(x, "linear_attn.in_proj_z")
	ba := l.Linear(x, "linear_attn.in_proj_b", "linear_attn.in_proj_a")
	return l.DeltaNet(qkv, z, ba, d, "linear_attn")
}
