// Package llama is the Llama family: Llama 1 to 3.x, SmolLM, TinyLlama, Yi and every other
// checkpoint whose config.json says LlamaForCausalLM (transformers models/llama/modeling_llama.py).
package llama

import (
	"fmt"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/trainer/nn"
)

// Architecture is the name in config.json's "architectures".
const Architecture = "LlamaForCausalLM"

// New returns the family for a configuration.
func New(c *bases.Config) (*nn.Family, error) {
	gate, err := nn.Gate(c)
	if err != nil {
		return nil, err
	}
	rope, err := nn.Rope(c, c.Rope)
	if err != nil {
		return nil, err
	}
	att := nn.Attention(c)

	layer := func(l *nn.Layer, x *nn.Node) *nn.Node {
		h := l.RMSNorm(x, "input_layernorm.weight", c.RMSNormEps)
		qkv := l.LinearBias(h, c.AttentionBias, "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
		x = l.AddLinear(x, l.Attention(qkv, att), c.AttentionBias, "self_attn.o_proj")

		h = l.RMSNorm(x, "post_attention_layernorm.weight", c.RMSNormEps)
		h = l.Gated(l.LinearBias(h, c.MLPBias, "mlp.gate_proj", "mlp.up_proj"), gate)
		return l.AddLinear(x, h, c.MLPBias, "mlp.down_proj")
	}

	f := &nn.Family{
		Layer: layer,
		Final: nn.FinalNorm(c.RMSNormEps),
	}
	return nn.Named(c, f.OneKind(rope)), nil
}

// Weights lists the weights of a model of this family with their shapes, in the order of the
// layers: what pretraining starts from.
func Weights(c *bases.Config) []nn.Shape {
	list := []nn.Shape{{Name: "model.embed_tokens.weight", Rows: c.VocabSize, Cols: c.HiddenSize}}
	q, kv := c.NumAttentionHeads*c.HeadDim, c.NumKeyValueHeads*c.HeadDim
	for i := range c.NumHiddenLayers {
		at := func(name string, rows, cols int) {
			list = append(list, nn.Shape{Name: fmt.Sprintf("model.layers.%d.%s.weight", i, name), Rows: rows, Cols: cols})
		}
		at("input_layernorm", 1, c.HiddenSize)
		at("self_attn.q_proj", q, c.HiddenSize)
		at("self_attn.k_proj", kv, c.HiddenSize)
		at("self_attn.v_proj", kv, c.HiddenSize)
		at("self_attn.o_proj", c.HiddenSize, q)
		at("post_attention_layernorm", 1, c.HiddenSize)
		at("mlp.gate_proj", c.IntermediateSize, c.HiddenSize)
		at("mlp.up_proj", c.IntermediateSize, c.HiddenSize)
		at("mlp.down_proj", c.HiddenSize, c.IntermediateSize)
	}
	list = append(list, nn.Shape{Name: "model.norm.weight", Rows: 1, Cols: c.HiddenSize})
	if !c.TieWordEmbeddings {
		list = append(list, nn.Shape{Name: "lm_head.weight", Rows: c.VocabSize, Cols: c.HiddenSize})
	}
	return list
}
