// Package mistral is the Mistral family (transformers models/mistral/modeling_mistral.py): Llama
// without biases, and perhaps with a sliding window in all layers.
package mistral

import (
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/trainer/nn"
	"github.com/cultivar/cultivar/trainer/ops"
)

// Architecture is the name in config.json's "architectures"; Multimodal that of the models of which
// this or Ministral 3 is the text half.
const (
	Architecture = "MistralForCausalLM"
	Multimodal   = "Mistral3ForConditionalGeneration"
)

// New returns the family for a configuration.
func New(c *bases.Config) (*nn.Family, error) {
	return WithRope(c, nn.Rope)
}

// WithRope is New with rotary tables that another family makes otherwise.
func WithRope(c *bases.Config, rotary func(*bases.Config, bases.Rope) (*ops.Rope, error)) (*nn.Family, error) {
	gate, err := nn.Gate(c)
	if err != nil {
		return nil, err
	}
	att, err := nn.OneWindow(c, nn.Attention(c))
	if err != nil {
		return nil, err
	}
	rope, err := rotary(c, c.Rope)
	if err != nil {
		return nil, err
	}

	layer := func(l *nn.Layer, x *nn.Node) *nn.Node {
		h := l.RMSNorm(x, "input_layernorm.weight", c.RMSNormEps)
		qkv := l.Linear(h, "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
		x = l.AddLinear(x, l.Attention(qkv, att), false, "self_attn.o_proj")

		h = l.RMSNorm(x, "post_attention_layernorm.weight", c.RMSNormEps)
		h = l.Gated(l.Linear(h, "mlp.gate_proj", "mlp.up_proj"), gate)
		return l.AddLinear(x, h, false, "mlp.down_proj")
	}

	f := &nn.Family{
		Layer: layer,
		Final: nn.FinalNorm(c.RMSNormEps),
	}
	return nn.Named(c, f.OneKind(rope)), nil
}
