// Package qwen3next is the Qwen 3 Next family (transformers models/qwen3_next/modeling_qwen3_next.py):
// gated delta nets (arXiv:2412.06464), gated full attention in every fourth layer, and experts of which
// one is shared.
package qwen3next

import (
	"fmt"
	"slices"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/trainer/nn"
	"github.com/cultivar/cultivar/trainer/ops"
)

// Architecture is the name in config.json's "architectures".
const Architecture = "Qwen3NextForCausalLM"

// kind is what layers differ in.
type kind struct {
	layerType string
	experts   bool
}

// New returns the family for a configuration.
func New(c *bases.Config) (*nn.Family, error) {
	delta, err := nn.ReadDeltaNet(c)
	if err != nil {
		return nil, err
	}
	layers, experts, err := readLayers(c)
	if err != nil {
		return nil, err
	}
	rope, err := nn.PartialRope(c, c.Rope, false)
	if err != nil {
		return nil, err
	}
	kinds, kindOf := nn.Kinds(layers)

	layer := func(l *nn.Layer, x *nn.Node) *nn.Node {
		k := kinds[l.Kind]
		h := l.RMSNormPlusOne(x, "input_layernorm.weight", c.RMSNormEps)
		if k.layerType == nn.LinearAttention {
			h = deltaNet(l, h, delta)
		} else {
			h = l.GatedAttention(h, nn.Attention(c), c.AttentionBias, c.RMSNormEps, "self_attn")
		}
		x = l.Add(x, h)

		h = l.RMSNormPlusOne(x, "post_attention_layernorm.weight", c.RMSNormEps)
		if k.experts {
			return l.Add(x, l.SharedMixture(h, experts, "mlp"))
		}
		return l.Add(x, l.Feed(h, ops.SiLU, c.IntermediateSize, "mlp"))
	}

	return nn.Named(c, &nn.Family{
		Layer:  layer,
		Final:  nn.FinalNormPlusOne(c.RMSNormEps),
		Kinds:  len(kinds),
		Kind:   kindOf,
		Rope:   func(int) *ops.Rope { return rope },
		Mixing: func(k int) (float64, bool) { return delta.Mixing(), kinds[k].layerType == nn.LinearAttention },
	}), nil
}

// readLayers reads which layers are what, and the experts, which none need have.
func readLayers(c *bases.Config) ([]kind, nn.SharedExperts, error) {
	types, err := nn.DeltaTypes(c)
	if err != nil {
		return nil, nn.SharedExperts{}, err
	}
	keys := c.Keys()
	count := keys.Int("num_experts", 512, 0, 1<<16)
	every := keys.Int("decoder_sparse_step", 1, 1, 1<<20)
	dense := keys.Ints("mlp_only_layers")
	normalise := keys.Bool("norm_topk_prob")
	if err := keys.Err(); err != nil {
		return nil, nn.SharedExperts{}, fmt.Errorf("config.json: %w", err)
	}
	var layers []kind
	var experts nn.SharedExperts
	for i, t := range types {
		layers = append(layers, kind{t, count > 0 && (i+1)%every == 0 && !slices.Contains(dense, i)})
	}
	if count > 0 {
		if experts, err = nn.ReadSharedExperts(c); err != nil {
			return nil, nn.SharedExperts{}, err
		}
		experts.Normalise = normalise
	}
	return layers, experts, nil
}

// deltaNet is a gated delta net whose projections come interleaved: for each head of keys its query,
// its key, the values and the gates z of the heads that it serves; and their b and their a
// (fix_query_key_value_ordering).
func deltaNet(l *nn.Layer, x *nn.Node, d nn.DeltaNet) *nn.Node {
	serves := d.ValueHeads / d.KeyHeads
	values := serves * d.ValueDim
	group := 2*d.KeyDim + 2*values
	every := func(of, from, count int) (list []ops.Columns) {
		for i := range d.KeyHeads {
			list = append(list, ops.Columns{From: i*of + from, Count: count})
		}
		return list
	}
	qkvz, ba := l.Linear(x, "linear_attn.in_proj_qkvz"), l.Linear(x, "linear_attn.in_proj_ba")
	nn.MustHave(qkvz, d.KeyHeads*group, "linear_attn")
	nn.MustHave(ba, 2*d.ValueHeads, "linear_attn")
	qkv := l.Columns(qkvz, slices.Concat(every(group, 0, d.KeyDim), every(group, d.KeyDim, d.KeyDim), every(group, 2*d.KeyDim, values))...)
	z := l.Columns(qkvz, every(group, 2*d.KeyDim+values, values)...)
	ba = l.Columns(ba, slices.Concat(every(2*serves, 0, serves), every(2*serves, serves, serves))...)
	return l.DeltaNet(qkv, z, ba, d, "linear_attn")
}
