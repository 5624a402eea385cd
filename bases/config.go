package bases

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/cultivar/cultivar/bases/keys"
)

// Config is config.json: the fields that decoder-only families share, under their Hugging Face
// names (transformers/models/*/configuration_*.py), with the defaults that null and absence mean.
// Everything else a family needs is in Raw.
type Config struct {
	Architectures []string
	ModelType     string

	HiddenSize            int
	IntermediateSize      int
	NumHiddenLayers       int
	NumAttentionHeads     int
	NumKeyValueHeads      int // absent: NumAttentionHeads; always divides it
	HeadDim               int // absent: HiddenSize / NumAttentionHeads
	VocabSize             int
	MaxPositionEmbeddings int // 0 when absent

	RMSNormEps        float64 // absent: 1e-6
	HiddenAct         string  // hidden_activation (Gemma) or hidden_act; absent: silu
	TieWordEmbeddings bool
	AttentionBias     bool
	MLPBias           bool
	SlidingWindow     int // positions a query sees, itself included; 0 when unlimited

	// LayerTypes says of each layer full_attention or sliding_attention; nil when absent.
	LayerTypes []string
	// Nested means that this is the text half of a multimodal model: its keys stand in text_config,
	// and its weights have other names.
	Nested bool
	// NormsIncludeOne means that the weights of norms that multiply by 1 + w are stored with the one
	// added, as in GGUF. No config.json says so; whoever reads such weights sets it.
	NormsIncludeOne bool

	// Rope is the rotary embedding of all layers, or of the full_attention layers where
	// RopeByLayerType is set.
	Rope Rope
	// RopeByLayerType has an entry for each of layer_types' values when these differ (Gemma 3).
	RopeByLayerType map[string]Rope

	BOS, Pad *int // nil when absent
	EOS      []int

	InitializerRange float64 // absent: 0.02
	DType            string  // the stored weights' type, e.g. bfloat16; "" when absent

	// Raw is every key of the file that is not null, for what only some families know, and for
	// families to refuse what they do not implement.
	Raw map[string]json.RawMessage

	keys map[string]json.RawMessage // see Keys
}

// Keys reads what only some families know of a config. Absence and null read as the default that is
// given. The first mistake is kept for Err, so that a family reads all it needs and asks once.
type Keys = keys.Keys

// Keys returns the keys that describe the language model: those of the file, or of its text_config
// in a multimodal model, with the defaults of the configuration class where a key is absent.
func (c *Config) Keys() *Keys {
	if c.keys == nil { // not parsed from a file
		return keys.Of(c.Raw)
	}
	return keys.Of(c.keys)
}

// Bounds on what a config may ask for: far beyond published models, and small enough that no
// product of three of them overflows int64.
const (
	maxSize   = 1 << 20 // hidden, intermediate and head sizes, heads
	maxLayers = 1 << 12
	maxVocab  = keys.MaxID
	maxLength = 1 << 30 // positions
)

// ParseConfig reads the text of a config.json, in which absent keys mean what its family says.
func ParseConfig(text []byte, families Families) (*Config, error) {
	file, err := keys.Object(text)
	if err != nil {
		return nil, err
	}
	all, nested, err := families.textKeys(file)
	if err != nil {
		return nil, fmt.Errorf("text_config: %w", err)
	}
	r := keys.Of(keys.DropNulls(all))
	c := &Config{
		Architectures: r.Strings("architectures"),
		ModelType:     r.String("model_type", ""),

		HiddenSize:            r.Size("hidden_size", maxSize),
		IntermediateSize:      r.Size("intermediate_size", maxSize),
		NumHiddenLayers:       r.Size("num_hidden_layers", maxLayers),
		NumAttentionHeads:     r.Size("num_attention_heads", maxSize),
		VocabSize:             r.Size("vocab_size", maxVocab),
		MaxPositionEmbeddings: r.Int("max_position_embeddings", 0, 0, maxLength),

		RMSNormEps:        r.Float("rms_norm_eps", 1e-6),
		HiddenAct:         r.String("hidden_activation", r.String("hidden_act", "silu")),
		TieWordEmbeddings: r.Bool("tie_word_embeddings"),
		AttentionBias:     r.Bool("attention_bias"),
		MLPBias:           r.Bool("mlp_bias"),
		SlidingWindow:     r.Int("sliding_window", 0, 0, maxLength),
		LayerTypes:        r.Strings("layer_types"),
		Nested:            nested,

		BOS: r.ID("bos_token_id"),
		Pad: r.ID("pad_token_id"),
		EOS: r.IDs("eos_token_id"),

		InitializerRange: r.Float("initializer_range", 0.02),
		DType:            strings.TrimPrefix(r.String("dtype", r.String("torch_dtype", "")), "torch."),
		Raw:              keys.DropNulls(file),
		keys:             r.All(),
	}
	c.NumKeyValueHeads = r.Int("num_key_value_heads", c.NumAttentionHeads, 1, maxSize)
	c.HeadDim = r.Int("head_dim", 0, 0, maxSize)
	c.readRope(r)
	if r.Err() != nil {
		return nil, r.Err()
	}
	return c, c.check()
}

// check holds the sizes against each other and fills in head_dim.
func (c *Config) check() error {
	if c.NumAttentionHeads%c.NumKeyValueHeads != 0 {
		return fmt.Errorf("num_attention_heads %d is no multiple of num_key_value_heads %d", c.NumAttentionHeads, c.NumKeyValueHeads)
	}
	if c.HeadDim == 0 {
		if c.HiddenSize%c.NumAttentionHeads != 0 {
			return fmt.Errorf("hidden_size %d is no multiple of num_attention_heads %d, and head_dim is absent", c.HiddenSize, c.NumAttentionHeads)
		}
		c.HeadDim = c.HiddenSize / c.NumAttentionHeads
	}
	if c.HeadDim*c.NumAttentionHeads > maxSize {
		return fmt.Errorf("num_attention_heads %d of head_dim %d exceed %d", c.NumAttentionHeads, c.HeadDim, maxSize)
	}
	if n := len(c.LayerTypes); n != 0 && n != c.NumHiddenLayers {
		return fmt.Errorf("layer_types has %d entries, num_hidden_layers is %d", n, c.NumHiddenLayers)
	}
	if c.RMSNormEps < 0 || c.RMSNormEps >= 1 {
		return fmt.Errorf("rms_norm_eps %g is not in [0, 1)", c.RMSNormEps)
	}
	if c.InitializerRange < 0 {
		return fmt.Errorf("initializer_range %g is negative", c.InitializerRange)
	}
	return nil
}
