package bases

import (
	"errors"
	"fmt"

	"github.com/cultivar/cultivar/bases/keys"
)

// Rope is the parameters of a rotary position embedding as modeling_rope_utils.py names them. What
// they mean, and whether a type is known, is for trainer/model. Zero means absent unless a default
// is given.
type Rope struct {
	Theta               float64 // absent: 10000
	Type                string  // absent: default; "su" reads as longrope
	PartialRotaryFactor float64 // share of the head that is rotated; absent: 1

	Factor                        float64
	OriginalMaxPositionEmbeddings int // the rope's own, or the model's top-level key (Phi 3)

	LowFreqFactor, HighFreqFactor float64 // llama3

	BetaFast             float64 // yarn; absent: 32
	BetaSlow             float64 // yarn; absent: 1
	AttentionFactor      float64 // yarn, longrope
	MScale, MScaleAllDim float64 // yarn
	Truncate             bool    // yarn: round the correction range to whole dimensions; absent: true

	ShortFactor, LongFactor []float64 // longrope, one per rotated pair

	Llama4ScalingBeta float64 // Ministral 3: queries grow with the logarithm of their position
}

// layerTypes are the values of layer_types that may carry a rope of their own.
var layerTypes = []string{"full_attention", "sliding_attention"}

// readRope reads both generations of the file: transformers 4 has rope_theta, rope_scaling and, in
// Gemma 3, rope_local_base_freq; transformers 5 has rope_parameters, in Gemma 3 one per layer type.
func (c *Config) readRope(r *keys.Keys) {
	params, scaling := r.Object("rope_parameters"), r.Object("rope_scaling")
	if params == nil || scaling != nil {
		c.Rope = readRope(r, scaling, "rope_theta")
		if r.Has(localTheta) {
			c.RopeByLayerType = map[string]Rope{"full_attention": c.Rope, "sliding_attention": readRope(r, nil, localTheta)}
		}
		return
	}
	for _, layerType := range layerTypes {
		nested := params.Object(layerType)
		if nested == nil {
			continue
		}
		theta := "rope_theta"
		if layerType == "sliding_attention" && r.Has(localTheta) {
			theta = localTheta
		}
		if c.RopeByLayerType == nil {
			c.RopeByLayerType = map[string]Rope{}
		}
		c.RopeByLayerType[layerType] = readRope(r, nested, theta)
		r.Fail("rope_parameters."+layerType, nested.Err())
	}
	r.Fail("rope_parameters", params.Err())
	full, ok := c.RopeByLayerType["full_attention"]
	switch {
	case ok:
		c.Rope = full
	case c.RopeByLayerType != nil || r.Has(localTheta):
		r.Fail("rope_parameters", errors.New("full_attention is missing"))
	default:
		c.Rope = readRope(r, params, "rope_theta")
	}
}

// localTheta is the key of the base of sliding_attention layers in Gemma 3's files of transformers 4.
const localTheta = "rope_local_base_freq"

// RopeOf is the rotary embedding of a type of layer.
func (c *Config) RopeOf(layerType string) Rope {
	if r, ok := c.RopeByLayerType[layerType]; ok {
		return r
	}
	return c.Rope
}

// readRope reads one rope object, nil for none. Keys it lacks are looked up at the top level, where
// transformers 4 and Phi 3 have them; there the base is called theta.
func readRope(r, p *keys.Keys, theta string) Rope {
	if p == nil {
		p = &keys.Keys{}
	}
	rope := Rope{
		Theta:               p.Float("rope_theta", r.Float(theta, 10000)),
		Type:                p.String("rope_type", p.String("type", "default")),
		PartialRotaryFactor: p.Float("partial_rotary_factor", r.Float("partial_rotary_factor", 1)),

		Factor: p.Float("factor", 0),
		// The top level wins, as in standardize_rope_params.
		OriginalMaxPositionEmbeddings: r.Int("original_max_position_embeddings",
			p.Int("original_max_position_embeddings", 0, 0, maxLength), 0, maxLength),

		LowFreqFactor:  p.Float("low_freq_factor", 0),
		HighFreqFactor: p.Float("high_freq_factor", 0),

		BetaFast:        p.Float("beta_fast", 32),
		BetaSlow:        p.Float("beta_slow", 1),
		AttentionFactor: p.Float("attention_factor", 0),
		MScale:          p.Float("mscale", 0),
		MScaleAllDim:    p.Float("mscale_all_dim", 0),
		Truncate:        !p.Has("truncate") || p.Bool("truncate"),

		ShortFactor: p.Floats("short_factor"),
		LongFactor:  p.Floats("long_factor"),

		Llama4ScalingBeta: p.Float("llama_4_scaling_beta", 0),
	}
	// Phi 3 first called longrope "su", then "yarn" (configuration_phi3.py, convert_rope_params_to_dict).
	if rope.Type == "su" || rope.Type == "yarn" && rope.ShortFactor != nil {
		rope.Type = "longrope"
	}
	r.Fail("rope", p.Err())
	r.Fail("rope", rope.check())
	return rope
}

func (p Rope) check() error {
	if p.Theta <= 0 {
		return fmt.Errorf("rope_theta %g is not positive", p.Theta)
	}
	if p.PartialRotaryFactor <= 0 || p.PartialRotaryFactor > 1 {
		return fmt.Errorf("partial_rotary_factor %g is not in (0, 1]", p.PartialRotaryFactor)
	}
	for name, v := range map[string]float64{
		"factor": p.Factor, "low_freq_factor": p.LowFreqFactor, "high_freq_factor": p.HighFreqFactor,
		"beta_fast": p.BetaFast, "beta_slow": p.BetaSlow, "attention_factor": p.AttentionFactor,
		"llama_4_scaling_beta": p.Llama4ScalingBeta,
	} {
		if v < 0 {
			return fmt.Errorf("%s %g is negative", name, v)
		}
	}
	for _, list := range [][]float64{p.ShortFactor, p.LongFactor} {
		for i, v := range list {
			if v <= 0 {
				return fmt.Errorf("frequency factor %d is %g, not positive", i, v)
			}
		}
	}
	return nil
}
