package nn

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/internal/kernels/attention"
	"github.com/cultivar/cultivar/trainer/ops"
)

// The values of layer_types.
const (
	FullAttention    = bases.FullAttention
	SlidingAttention = bases.SlidingAttention
)

// Named fills in the names that weights have in all families here: those of a text model, or of the
// text half of a multimodal one as transformers 5 calls it.
func Named(c *bases.Config, f *Family) *Family {
	f.FinalPrefix = "model."
	if c.Nested {
		f.FinalPrefix = "model.language_model."
	}
	f.LayerPrefix = f.FinalPrefix + "layers.%d."
	f.Embed = f.FinalPrefix + "embed_tokens.weight"
	// Some files hold a head although their config.json ties it. Where the two differ transformers
	// believes the weights (modeling_utils.py, tie_weights), and where they do not it is the same.
	f.Untied = "lm_head.weight"
	f.Unembed = f.Untied
	if c.TieWordEmbeddings {
		f.Unembed = f.Embed
	}
	return f
}

// OneKind says that all layers are of one kind, with one rotary table.
func (f *Family) OneKind(rope *ops.Rope) *Family {
	f.Kinds = 1
	f.Kind = func(int) int { return 0 }
	f.Rope = func(int) *ops.Rope { return rope }
	return f
}

// Require refuses a configuration value that a family does not implement.
func Require(key, got string, supported ...string) error {
	if slices.Contains(supported, got) {
		return nil
	}
	return fmt.Errorf("config.json: %s %q is not supported by this architecture (supported: %s)", key, got, strings.Join(supported, ", "))
}

// Gate is the activation of a gated unit by its name in transformers' ACT2FN.
func Gate(c *bases.Config) (ops.Gate, error) {
	switch c.HiddenAct {
	case "silu", "swish":
		return ops.SiLU, nil
	case "gelu_pytorch_tanh", "gelu_new": // one formula
		return ops.GELUTanh, nil
	}
	return ops.Gate{}, Require("hidden_act", c.HiddenAct, "silu", "swish", "gelu_pytorch_tanh", "gelu_new")
}

// Refuse is the error for a key that must be absent, null or false.
func Refuse(c *bases.Config, keys ...string) error {
	k := c.Keys()
	for _, key := range keys {
		if k.Has(key) && string(k.Raw(key)) != "false" {
			return fmt.Errorf("config.json: %s is not supported by this architecture, but is %s", key, k.Raw(key))
		}
	}
	return nil
}

// Attention is the shape of softmax attention with the usual scale, 1/√head_dim, over all keys.
func Attention(c *bases.Config) attention.Config {
	return attention.Config{
		Heads:   c.NumAttentionHeads,
		KVHeads: c.NumKeyValueHeads,
		HeadDim: c.HeadDim,
		Scale:   float32(1 / math.Sqrt(float64(c.HeadDim))),
	}
}

// LayerTypes returns the type of every layer: layer_types, or what sliding says of each.
func LayerTypes(c *bases.Config, sliding func(layer int) bool) ([]string, error) {
	return c.TypesOfLayers(sliding)
}

// Windowed is att for a type of layer: sliding_attention sees sliding_window keys.
func Windowed(c *bases.Config, att attention.Config, layerType string) attention.Config {
	if layerType == SlidingAttention {
		att.Window = c.SlidingWindow
	}
	return att
}

// Kinds sorts layers: kinds are the distinct values in the order of their appearance, and of maps a
// layer to the place of its value among them.
func Kinds[T comparable](layers []T) (kinds []T, of func(layer int) int) {
	index := make([]int, len(layers))
	for i, v := range layers {
		n := slices.Index(kinds, v)
		if n < 0 {
			n = len(kinds)
			kinds = append(kinds, v)
		}
		index[i] = n
	}
	return kinds, func(layer int) int { return index[layer] }
}

// OneWindow is att with sliding_window, if there is one, in every layer. layer_types must not say
// otherwise.
func OneWindow(c *bases.Config, att attention.Config) (attention.Config, error) {
	types, err := LayerTypes(c, func(int) bool { return c.SlidingWindow > 0 })
	if err != nil {
		return att, err
	}
	if slices.Contains(types, FullAttention) && c.SlidingWindow > 0 {
		return att, errors.New("config.json: layer_types with full_attention and a sliding_window are not supported by this architecture")
	}
	att.Window = c.SlidingWindow
	return att, nil
}

// UpperWindows returns the kinds of layers of the Qwen families: with use_sliding_window the layers
// from max_window_layers on have a window (configuration_qwen2.py).
func UpperWindows(c *bases.Config) (kinds []string, of func(layer int) int, err error) {
	keys := c.Keys()
	windows := keys.Bool("use_sliding_window") && c.SlidingWindow > 0
	from := keys.Int("max_window_layers", 28, 0, 1<<20)
	if err := keys.Err(); err != nil {
		return nil, nil, fmt.Errorf("config.json: %w", err)
	}
	types, err := LayerTypes(c, func(i int) bool { return windows && i >= from })
	if err != nil {
		return nil, nil, err
	}
	if !windows && slices.Contains(types, SlidingAttention) {
		return nil, nil, errors.New("config.json: layer_types has sliding_attention, but use_sliding_window is false")
	}
	kinds, of = Kinds(types)
	return kinds, of, nil
}

// Finite refuses keys that could not be read, and factors that nothing can be computed with.
func Finite(keys *bases.Keys, att attention.Config, factors ...float32) error {
	if err := keys.Err(); err != nil {
		return fmt.Errorf("config.json: %w", err)
	}
	for _, f := range append(factors, att.Scale, att.SoftCap) {
		if f < 0 || math.IsNaN(float64(f)) || math.IsInf(float64(f), 0) {
			return fmt.Errorf("config.json: a scale, multiplier or soft cap comes out as %g", f)
		}
	}
	return nil
}

// Multipliers are the factors of the Granite families (configuration_granite.py).
type Multipliers struct {
	Embedding float32 // of embeddings, not 0
	Attention float32 // of scores, in place of 1/√head_dim
	Residual  float32 // of what each half of a layer adds
	Logits    float32 // of logits: config.json has what they are divided by
}

// ReadMultipliers reads the factors; one that config.json does not have is 1.
func ReadMultipliers(c *bases.Config) (Multipliers, error) {
	keys := c.Keys()
	m := Multipliers{
		Embedding: float32(keys.Float("embedding_multiplier", 1)),
		Attention: float32(keys.Float("attention_multiplier", 1)),
		Residual:  float32(keys.Float("residual_multiplier", 1)),
		Logits:    float32(1 / keys.Float("logits_scaling", 1)),
	}
	if err := Finite(keys, attention.Config{Scale: m.Attention}, m.Residual, m.Embedding, m.Logits); err != nil {
		return Multipliers{}, err
	}
	if m.Embedding == 0 { // a family's 0 means 1
		return Multipliers{}, errors.New("config.json: embedding_multiplier is 0")
	}
	return m, nil
}
