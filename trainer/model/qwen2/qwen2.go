// Package qwen2 is the Qwen 2 and 2.5 family (transformers models/qwen2/modeling_qwen2.py): Llama
// with biases on q, k and v, which are not in config.json but in the weights.
package qwen2

import (
	"encoding/json"
	"errors"
	"math"

	"github.com/cultivar/cultivar/internal/kernels/attention"
	"github.com/cultivar/cultivar/trainer/base"
	"github.com/cultivar/cultivar/trainer/nn"
	"github.com/cultivar/cultivar/trainer/ops"
)

// Architecture is the name in config.json's "architectures".
const Architecture = "Qwen2ForCausalLM"

// New returns the family for a configuration.
func New(c *base.Config) (*nn.Family, error) {
	if err := nn.Require("hidden_act", c.HiddenAct, "silu"); err != nil {
		return nil, err
	}
	var window bool
	if raw := c.Raw["use_sliding_window"]; raw != nil && (json.Unmarshal(raw, &window) != nil || window) {
		return nil, errors.New("config.json: use_sliding_window is not supported by this architecture")
	}
	freq, scale, err := nn.RopeFrequencies(c)
	if err != nil {
		return nil, err
	}
	rope := ops.NewRope(freq, scale)
	att := attention.Config{
		Heads:   c.NumAttentionHeads,
		KVHeads: c.NumKeyValueHeads,
		HeadDim: c.HeadDim,
		Scale:   float32(1 / math.Sqrt(float64(c.HeadDim))),
	}

	layer := func(l *nn.Layer, x *nn.Node) *nn.Node {
		h := l.RMSNorm(x, "input_layernorm.weight", c.RMSNormEps)
		qkv := l.Linear(h, "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
		x = l.Add(x, l.Linear(l.Attention(qkv, att), "self_attn.o_proj"))

		h = l.RMSNorm(x, "post_attention_layernorm.weight", c.RMSNormEps)
		h = l.Gated(l.Linear(h, "mlp.gate_proj", "mlp.up_proj"), ops.SiLU)
		return l.Add(x, l.Linear(h, "mlp.down_proj"))
	}

	return &nn.Family{
		Layer: layer,
		Final: func(l *nn.Layer, x *nn.Node) *nn.Node {
			return l.RMSNorm(x, "norm.weight", c.RMSNormEps)
		},
		Kinds:       1,
		Kind:        func(int) int { return 0 },
		Rope:        func(int) *ops.Rope { return rope },
		LayerPrefix: "model.layers.%d.",
		FinalPrefix: "model.",
		Embed:       "model.embed_tokens.weight",
		Unembed:     nn.Unembed(c, "model.embed_tokens.weight", "lm_head.weight"),
	}, nil
}
