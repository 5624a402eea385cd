package nn

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/internal/kernels/attention"
	"github.com/cultivar/cultivar/trainer/ops"
)

// LinearAttention is the value of layer_types for layers of gated delta nets.
const LinearAttention = "linear_attention"

// DeltaNet is the gated delta nets of the Qwen families.
type DeltaNet struct {
	ops.DeltaNet
	Kernel int     // taps of the convolution before them
	Eps    float64 // of the norm of what they read out
}

// ReadDeltaNet reads the sizes of gated delta nets, and refuses what no layer beside them or in them
// is implemented with: windows, attention without a gate, and another activation than SiLU.
func ReadDeltaNet(c *bases.Config) (DeltaNet, error) {
	if err := errors.Join(Refuse(c, "use_sliding_window"), Require("hidden_act", c.HiddenAct, "silu", "swish")); err != nil {
		return DeltaNet{}, err
	}
	keys := c.Keys()
	if string(keys.Raw("attn_output_gate")) == "false" {
		return DeltaNet{}, errors.New("config.json: attn_output_gate false is not supported by this architecture")
	}
	d := ops.DeltaNet{
		KeyHeads: keys.Int("linear_num_key_heads", 16, 1, 1<<14), ValueHeads: keys.Int("linear_num_value_heads", 32, 1, 1<<14),
		// A state has as many elements as both multiplied.
		KeyDim: keys.Int("linear_key_head_dim", 128, 1, 1<<10), ValueDim: keys.Int("linear_value_head_dim", 128, 1, 1<<10),
	}
	kernel := keys.Int("linear_conv_kernel_dim", 4, 1, 1<<10)
	if err := keys.Err(); err != nil {
		return DeltaNet{}, fmt.Errorf("config.json: %w", err)
	}
	if d.ValueHeads%d.KeyHeads != 0 {
		return DeltaNet{}, fmt.Errorf("config.json: linear_num_value_heads %d is no multiple of linear_num_key_heads %d", d.ValueHeads, d.KeyHeads)
	}
	return DeltaNet{d, kernel, c.RMSNormEps}, nil
}

// DeltaTypes returns the type of every layer: layer_types, or full attention in every so many as
// full_attention_interval says (configuration_qwen3_next.py).
func DeltaTypes(c *bases.Config) ([]string, error) {
	keys := c.Keys()
	interval := keys.Int("full_attention_interval", 4, 1, 1<<20)
	if err := keys.Err(); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	types := slices.Clone(c.LayerTypes)
	for i := len(types); i < c.NumHiddenLayers; i++ {
		t := LinearAttention
		if (i+1)%interval == 0 {
			t = FullAttention
		}
		types = append(types, t)
	}
	for i, t := range types {
		if err := Require(fmt.Sprintf("layer_types[%d]", i), t, LinearAttention, FullAttention); err != nil {
			return nil, err
		}
	}
	return types, nil
}

// DeltaNet is a gated delta net after its projections: qkv = [q | k | v] (tokens, Width), z (tokens,
// Values), which gates what is read out, and ba = [b | a] (tokens, 2·ValueHeads). The rest of its
// weights are those of a module.
func (l *Layer) DeltaNet(qkv, z, ba *Node, d DeltaNet, module string) *Node {
	MustHave(qkv, d.Width(), module+".conv1d")
	MustHave(z, d.Values(), module+".norm")
	MustHave(ba, 2*d.ValueHeads, module)
	perHead := func(name string) *ops.Weight { return l.Weights.FrozenVector(l.Builder, module+name, d.ValueHeads) }
	qkv = l.CausalConv(qkv, module+".conv1d", d.Kernel, false, true)
	y := l.Builder.DeltaNet(qkv, ba, d.DeltaNet, perHead(".A_log"), perHead(".dt_bias"))
	norm := l.Weights.Vector(l.Builder, module+".norm.weight")
	MustHave(y, norm.Cols*d.ValueHeads, module+".norm")
	return l.Linear(l.GatedBy(l.HeadNorm(y, norm, float32(d.Eps)), z, ops.SiLU), module+".out_proj")
}

// Mixing is how many floating-point operations the delta rule takes for a token: for every element of
// the states a product, and three multiply-adds.
func (d DeltaNet) Mixing() float64 { return 7 * float64(d.Values()) * float64(d.KeyDim) }

// GatedAttention is full attention of which every head's result is gated by σ of what its query came
// with: q_proj is twice as wide, [query | gate] for each head. Queries and keys are normalised by one
// more than the weights.
func (l *Layer) GatedAttention(x *Node, att attention.Config, bias bool, eps float64, module string) *Node {
	h := l.LinearBias(x, bias, module+".q_proj", module+".k_proj", module+".v_proj")
	n := att.HeadDim
	MustHave(h, 2*(att.Heads+att.KVHeads)*n, module)
	var qkv, gate []ops.Columns
	for i := range att.Heads {
		qkv = append(qkv, ops.Columns{From: 2 * i * n, Count: n})
		gate = append(gate, ops.Columns{From: (2*i + 1) * n, Count: n})
	}
	qkv = append(qkv, ops.Columns{From: 2 * att.Heads * n, Count: 2 * att.KVHeads * n})
	normed := l.QKNormPlusOne(l.Columns(h, qkv...), att, module+".q_norm.weight", module+".k_norm.weight", eps)
	out := l.GatedBy(l.Attention(normed, att), l.Columns(h, gate...), ops.Sigmoid)
	return l.LinearBias(out, bias, module+".o_proj")
}

// Feed is a gated feed-forward network with inner columns between its modules.
func (l *Layer) Feed(x *Node, g ops.Gate, inner int, module string) *Node {
	h := l.Linear(x, module+".gate_proj", module+".up_proj")
	MustHave(h, 2*inner, module)
	return l.Linear(l.Gated(h, g), module+".down_proj")
}

// SharedExperts is a mixture of experts and one more, which every token goes to.
type SharedExperts struct {
	Experts
	Shared int // columns between the modules of the shared one
}

// ReadSharedExperts reads the sizes of a mixture with a shared expert.
func ReadSharedExperts(c *bases.Config) (SharedExperts, error) {
	experts, err := ReadExperts(c, "num_experts")
	if err != nil {
		return SharedExperts{}, err
	}
	keys := c.Keys()
	shared := keys.Int("shared_expert_intermediate_size", 512, 1, 1<<20)
	if err := keys.Err(); err != nil {
		return SharedExperts{}, fmt.Errorf("config.json: %w", err)
	}
	return SharedExperts{experts, shared}, nil
}

// SharedMixture adds what the shared expert makes of a token, times σ of a module with one output, to
// a mixture of experts that are modules of their own, as Qwen 3 Next is published, or stacked, as Qwen
// 3.5 is.
func (l *Layer) SharedMixture(x *Node, e SharedExperts, module string) *Node {
	var y *Node
	router, stacked, one := module+".gate.weight", module+".experts.gate_up_proj", module+".experts.%d."
	if l.Weights.Has(stacked) {
		y = l.StackedMixture(x, e.Experts, router, stacked, module+".experts.down_proj")
	} else {
		y = l.Mixture(x, e.Experts, router, one+"gate_proj", one+"up_proj", one+"down_proj")
	}
	gate := l.Linear(x, module+".shared_expert_gate")
	MustHave(gate, 1, module+".shared_expert")
	return l.Add(y, l.GatedBy(l.Feed(x, e.Gate, e.Shared, module+".shared_expert"), gate, ops.Sigmoid))
}
