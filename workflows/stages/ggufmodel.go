package stages

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/bases/ggufarch"
	"github.com/cultivar/cultivar/trainer/model/exaone4"
	"github.com/cultivar/cultivar/trainer/nn"
)

// unasked are the families whose classes have biases or none, whatever attention_bias says.
var unasked = []string{"exaone4", "ministral3", "mistral", "mixtral", "phi3", "qwen2"}

// ggufModel says in GGUF's words what a config says. What has no word there is refused.
func ggufModel(c *bases.Config) (*ggufarch.Model, error) {
	if len(c.Architectures) == 0 {
		return nil, errors.New("config.json names no architecture")
	}
	a, err := ggufarch.OfClass(c.Architectures[0])
	if err != nil {
		return nil, err
	}
	k := c.Keys()
	m := &ggufarch.Model{
		Arch: a, Vocabulary: c.VocabSize, Context: c.MaxPositionEmbeddings, Hidden: c.HiddenSize, Intermediate: c.IntermediateSize,
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
	if !slices.Contains(unasked, a.ModelType) {
		m.AttentionBias, m.MLPBias = c.AttentionBias, c.MLPBias
	}
	if a.ModelType == "gpt_oss" {
		m.ExpertIntermediate = m.Intermediate // llama.cpp reads this one
	}
	if err := errors.Join(k.Err(), ggufLayers(m, c), m.ActsAs(c.HiddenAct)); err != nil {
		return nil, err
	}
	if a.ModelType == "ministral3" {
		m.Rope.QueryScale = c.Rope.Llama4ScalingBeta
	} else {
		m.Rope.LogMultiplier = 0 // read by llama.cpp in no other of these architectures
	}
	if local, ok := c.RopeByLayerType[nn.SlidingAttention]; ok && a.ModelType == "gemma3_text" {
		m.LocalTheta = local.Theta
	}
	if c.Rope.Type == "yarn" && c.Rope.Truncate == (a.ModelType == "gpt_oss") {
		return nil, fmt.Errorf("yarn with truncate %v cannot be written as GGUF's %s", c.Rope.Truncate, a.Name)
	}
	return m, nil
}

func ggufRope(r bases.Rope) ggufarch.Rope {
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

// setSliding says which layers have a window: those of layer_types, or of a rule where it is absent.
func setSliding(m *ggufarch.Model, c *bases.Config, sliding func(layer int) bool) error {
	types, err := nn.LayerTypes(c, sliding)
	if err != nil {
		return err
	}
	for _, t := range types {
		m.Sliding = append(m.Sliding, t == nn.SlidingAttention)
	}
	return nil
}

// ggufLayers says which layers have a window or no rotation.
func ggufLayers(m *ggufarch.Model, c *bases.Config) error {
	k := c.Keys()
	switch m.Arch.ModelType {
	case "qwen2", "qwen3", "qwen3_moe", "smollm3":
		if k.Bool("use_sliding_window") {
			return fmt.Errorf("use_sliding_window cannot be written as GGUF's %s", m.Arch.Name)
		}
		m.Window = 0
	case "exaone4":
		if c.SlidingWindow == 0 {
			break
		}
		sliding, err := exaone4.Sliding(c)
		if err != nil {
			return err
		}
		return errors.Join(setSliding(m, c, sliding), k.Err())
	case "gemma2", "gemma3_text", "olmo3", "gpt_oss":
		period := k.Int("sliding_window_pattern", map[string]int{"gemma2": 2, "gemma3_text": 6, "olmo3": 4, "gpt_oss": 2}[m.Arch.ModelType], 1, 1<<10)
		if err := setSliding(m, c, func(layer int) bool { return (layer+1)%period != 0 }); err != nil {
			return err
		}
	case "olmo2", "granite", "granitemoe", "llama", "gemma", "glm4":
		m.Window = 0
	}
	if m.Arch.ModelType == "qwen3_moe" {
		if !k.Bool("norm_topk_prob") || k.Int("decoder_sparse_step", 1, 1, 1<<20) != 1 || len(k.Ints("mlp_only_layers")) > 0 {
			return errors.New("norm_topk_prob false, or layers without experts, cannot be written as GGUF's qwen3moe, which has neither")
		}
	}
	if m.Arch.ModelType == "smollm3" {
		rotated := k.Ints("no_rope_layers")
		for i := range m.Layers {
			m.NoRope = append(m.NoRope, len(rotated) == 0 && (i+1)%4 == 0 || i < len(rotated) && rotated[i] == 0)
		}
	}
	return k.Err()
}
