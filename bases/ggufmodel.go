package bases

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/cultivar/cultivar/bases/ggufarch"
)

// GGUFModel is the base in GGUF's words. What has no word there is refused.
func (b *Base) GGUFModel() (*ggufarch.Model, error) {
	if w, ok := b.format.(*ggufWeights); ok {
		return w.model, nil
	}
	m, err := b.ggufModel()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.path, err)
	}
	return m, nil
}

func (b *Base) ggufModel() (*ggufarch.Model, error) {
	c, f := b.config, b.family
	if f == nil || f.GGUF == nil {
		return nil, fmt.Errorf("architecture %.60s has no form in GGUF that is known", strings.Join(c.Architectures, ", "))
	}
	k := c.Keys()
	m := &ggufarch.Model{
		Arch: f.arch(), Vocabulary: c.VocabSize, Context: c.MaxPositionEmbeddings, Hidden: c.HiddenSize, Intermediate: c.IntermediateSize,
		Layers: c.NumHiddenLayers, AttentionHeads: c.NumAttentionHeads, KeyValueHeads: c.NumKeyValueHeads, HeadDim: c.HeadDim,
		Rotated: int(float64(c.HeadDim) * c.Rope.PartialRotaryFactor), Eps: c.RMSNormEps, Tied: c.TieWordEmbeddings,
		Theta: c.Rope.Theta, Rope: ggufRope(c.Rope), Window: c.SlidingWindow,

		AttentionSoftcap: k.Float("attn_logit_softcapping", 0), FinalSoftcap: k.Float("final_logit_softcapping", 0),
		QueryScalar:         k.Float("query_pre_attn_scalar", 0),
		AttentionMultiplier: k.Float("attention_multiplier", 1), EmbeddingMultiplier: k.Float("embedding_multiplier", 1),
		ResidualMultiplier: k.Float("residual_multiplier", 1), LogitsScaling: k.Float("logits_scaling", 1),

		Experts:     k.Int("num_local_experts", k.Int("num_experts", 0, 0, 1<<16), 0, 1<<16),
		ExpertsUsed: k.Int("num_experts_per_tok", 0, 0, 1<<16), ExpertIntermediate: k.Int("moe_intermediate_size", 0, 0, 1<<20),
	}
	if !f.NoBiasKeys {
		m.AttentionBias, m.MLPBias = c.AttentionBias, c.MLPBias
	}
	if f.NoWindow {
		m.Window = 0
	}
	if m.Arch.QueryScale {
		m.Rope.QueryScale = c.Rope.Llama4ScalingBeta
	} else {
		m.Rope.LogMultiplier = 0 // read by llama.cpp in no other architecture
	}
	err := errors.Join(k.Err(), ggufPeriod(c, m))
	if f.ToGGUF != nil {
		err = errors.Join(err, f.ToGGUF(c, m))
	}
	if err := errors.Join(err, m.ActsAs(c.HiddenAct)); err != nil {
		return nil, err
	}
	if c.Rope.Type == "yarn" && c.Rope.Truncate == m.Arch.Untruncated {
		return nil, fmt.Errorf("yarn with truncate %v cannot be written as GGUF's %s", c.Rope.Truncate, m.Arch.Name)
	}
	return m, nil
}

func ggufRope(r Rope) ggufarch.Rope {
	g := ggufarch.Rope{
		Type: r.Type, Factor: r.Factor, Original: r.OriginalMaxPositionEmbeddings, Low: r.LowFreqFactor, High: r.HighFreqFactor,
		BetaFast: r.BetaFast, BetaSlow: r.BetaSlow, AttentionFactor: r.AttentionFactor, Short: r.ShortFactor, Long: r.LongFactor,
	}
	if g.Type == "yarn" && g.AttentionFactor == 0 && r.MScale != 0 && r.MScaleAllDim != 0 && r.Factor > 1 {
		scale := func(m float64) float64 { return 0.1*m*math.Log(r.Factor) + 1 }
		g.AttentionFactor, g.LogMultiplier = scale(r.MScale)/scale(r.MScaleAllDim), r.MScaleAllDim
	}
	if g.Type == "default" {
		g.Type = ""
	}
	return g
}

// ggufPeriod says which layers have a window where an architecture mixes layers.
func ggufPeriod(c *Config, m *ggufarch.Model) error {
	if m.Arch.Period == 0 {
		return nil
	}
	k := c.Keys()
	period := k.Int("sliding_window_pattern", m.Arch.Period, 1, 1<<10)
	return errors.Join(k.Err(), SetWindows(c, m, func(layer int) bool { return (layer+1)%period != 0 }))
}

// SetWindows says which layers have a window: those of layer_types, or of a rule where it is absent.
func SetWindows(c *Config, m *ggufarch.Model, sliding func(layer int) bool) error {
	types, err := c.TypesOfLayers(sliding)
	if err != nil {
		return err
	}
	for _, t := range types {
		m.Sliding = append(m.Sliding, t == SlidingAttention)
	}
	return nil
}

// WithoutWindow is ToGGUF of families whose windows GGUF's architecture does not have.
func WithoutWindow(c *Config, m *ggufarch.Model) error {
	k := c.Keys()
	if m.Window = 0; k.Bool("use_sliding_window") {
		return fmt.Errorf("use_sliding_window cannot be written as GGUF's %s", m.Arch.Name)
	}
	return k.Err()
}
