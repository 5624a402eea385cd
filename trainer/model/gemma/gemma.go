// Package gemma is the first Gemma family (transformers models/gemma/modeling_gemma.py): scaled
// embeddings, norms that multiply by 1 + w, and a GELU gate.
package gemma

import (
	"math"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/trainer/nn"
	"github.com/cultivar/cultivar/trainer/ops"
)

// Architecture is the name in config.json's "architectures".
const Architecture = "GemmaForCausalLM"

// New returns the family for a configuration.
func New(c *bases.Config) (*nn.Family, error) {
	// "gelu" is what the first releases say; they mean the approximation (configuration_gemma.py).
	if err := nn.Require("hidden_act", c.HiddenAct, "gelu_pytorch_tanh", "gelu"); err != nil {
		return nil, err
	}
	if err := nn.Refuse(c, "use_bidirectional_attention"); err != nil {
		return nil, err
	}
	rope, err := nn.Rope(c, c.Rope)
	if err != nil {
		return nil, err
	}
	att := nn.Attention(c)

	layer := func(l *nn.Layer, x *nn.Node) *nn.Node {
		h := l.RMSNormPlusOne(x, "input_layernorm.weight", c.RMSNormEps)
		qkv := l.LinearBias(h, c.AttentionBias, "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
		x = l.AddLinear(x, l.Attention(qkv, att), c.AttentionBias, "self_attn.o_proj")

		h = l.RMSNormPlusOne(x, "post_attention_layernorm.weight", c.RMSNormEps)
		h = l.Gated(l.Linear(h, "mlp.gate_proj", "mlp.up_proj"), ops.GELUTanh)
		return l.AddLinear(x, h, false, "mlp.down_proj")
	}

	f := &nn.Family{
		Layer:      layer,
		Final:      nn.FinalNormPlusOne(c.RMSNormEps),
		EmbedScale: float32(math.Sqrt(float64(c.HiddenSize))),
	}
	return nn.Named(c, f.OneKind(rope)), nil
}
