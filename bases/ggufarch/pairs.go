package ggufarch

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/internal/gguf"
)

// pairs collects metadata of one architecture.
type pairs struct {
	prefix string
	list   []gguf.Pair
}

func (p *pairs) int(key string, v int) { p.any(key, uint32(v)) }

func (p *pairs) float(key string, v float64) { p.any(key, float32(v)) }

func (p *pairs) any(key string, v any) { p.list = append(p.list, gguf.NewPair(p.prefix+key, v)) }

// Pairs is the metadata of the model, but for what names it and its vocabulary. A model that
// llama.cpp would compute in another way is refused.
func (m *Model) Pairs() ([]gguf.Pair, error) {
	if err := m.expressible(); err != nil {
		return nil, fmt.Errorf("%s cannot be written as GGUF: %w", m.Arch.Class, err)
	}
	p := &pairs{prefix: m.Arch.Name + "."}
	p.int("block_count", m.Layers)
	if m.Context > 0 {
		p.int("context_length", m.Context)
	}
	p.int("embedding_length", m.Hidden)
	p.int("feed_forward_length", m.Intermediate)
	p.int("attention.head_count", m.AttentionHeads)
	p.int("attention.head_count_kv", m.KeyValueHeads)
	p.int("attention.key_length", m.HeadDim)
	p.int("attention.value_length", m.HeadDim)
	p.float("attention.layer_norm_rms_epsilon", m.Eps)
	p.int("vocab_size", m.Vocabulary)
	m.ropePairs(p)
	m.optionPairs(p)
	return p.list, nil
}

func (m *Model) ropePairs(p *pairs) {
	p.int("rope.dimension_count", m.Rotated)
	p.float("rope.freq_base", m.Theta)
	if m.LocalTheta > 0 {
		p.float("rope.freq_base_swa", m.LocalTheta)
	}
	if m.Rope.Type == "linear" || m.Rope.Type == "yarn" || m.Rope.Type == "longrope" {
		p.any("rope.scaling.type", m.Rope.Type)
		p.float("rope.scaling.factor", max(m.Rope.Factor, 1))
	}
	if m.Rope.Original > 0 && m.Rope.Type != "llama3" || m.Arch.DemandsLengths {
		p.int("rope.scaling.original_context_length", max(m.Rope.Original, 1))
	}
	switch m.Rope.Type {
	case "yarn":
		p.float("rope.scaling.yarn_beta_fast", m.Rope.BetaFast)
		p.float("rope.scaling.yarn_beta_slow", m.Rope.BetaSlow)
		if m.Rope.LogMultiplier != 0 {
			p.float("rope.scaling.yarn_log_multiplier", m.Rope.LogMultiplier)
		}
		if att, usual := m.Rope.AttentionFactor, m.Rope.engineFactor(); att > 0 && att != usual {
			p.float("rope.scaling.attn_factor", att/usual) // llama.cpp multiplies
		}
	case "longrope":
		p.float("rope.scaling.attn_factor", m.longropeFactor())
	}
}

// longropeFactor is the factor on cosines and sines (modeling_rope_utils.py,
// _compute_longrope_parameters).
func (m *Model) longropeFactor() float64 {
	if m.Rope.AttentionFactor > 0 {
		return m.Rope.AttentionFactor
	}
	factor := m.Rope.Factor
	if m.Rope.Original > 0 && m.Context > 0 {
		factor = float64(m.Context) / float64(m.Rope.Original)
	}
	if factor <= 1 {
		return 1
	}
	return math.Sqrt(1 + math.Log(factor)/math.Log(float64(m.Rope.Original)))
}

func (m *Model) optionPairs(p *pairs) {
	if m.Window > 0 || m.Arch.DemandsLengths {
		p.int("attention.sliding_window", m.Window)
	}
	if m.Arch.FoldInto != "" && m.AttentionSoftcap > 0 {
		p.float("attn_logit_softcapping", m.AttentionSoftcap)
	}
	if m.Arch.FoldInto != "" && m.FinalSoftcap > 0 {
		p.float("final_logit_softcapping", m.FinalSoftcap)
	}
	if m.Arch.WritesPattern && m.Sliding != nil {
		p.any("attention.sliding_window_pattern", m.Sliding)
	}
	if m.Arch.QueryScale && m.Rope.QueryScale != 0 {
		p.float("attention.temperature_scale", m.Rope.QueryScale)
	}
	if m.Arch.Multiplied {
		p.float("attention.scale", m.AttentionMultiplier)
		p.float("embedding_scale", m.EmbeddingMultiplier)
		p.float("residual_scale", m.ResidualMultiplier)
		p.float("logit_scale", m.LogitsScaling)
	}
	if m.Experts > 0 {
		p.int("expert_count", m.Experts)
		p.int("expert_used_count", m.ExpertsUsed)
	}
	if m.ExpertIntermediate > 0 {
		p.int("expert_feed_forward_length", m.ExpertIntermediate)
	}
}

// expressible refuses what llama.cpp's graph of the architecture does not do (src/models/*.cpp).
func (m *Model) expressible() error {
	a := m.Arch
	factored := a.Permuted || a.Factored
	switch {
	case a.Square && m.HeadDim*m.AttentionHeads != m.Hidden:
		return fmt.Errorf("llama.cpp takes hidden_size / num_attention_heads for head_dim, which is %d", m.HeadDim)
	case factored && m.Rotated != m.HeadDim:
		return errors.New("llama.cpp rotates whole heads in this architecture")
	case (m.AttentionBias || m.MLPBias) && !a.Biased:
		return errors.New("llama.cpp has no biases in this architecture")
	case !slices.Contains([]string{"", "linear", "llama3", "yarn", "longrope"}, m.Rope.Type):
		return fmt.Errorf("rope_type %s has no equivalent", m.Rope.Type)
	case m.Rope.Type == "llama3" && !factored || m.Rope.Type == "longrope" && !a.LongFactored:
		return fmt.Errorf("llama.cpp reads no factors for rope_type %s in this architecture", m.Rope.Type)
	case a.Period > 0 && !a.WritesPattern && !slices.Equal(m.Sliding, Windows(a.Period, m.Layers)):
		return errors.New("llama.cpp has another order of layers with and without a window")
	case m.Rope.QueryScale != 0 && m.Rope.Original == 0:
		return errors.New("llama_4_scaling_beta needs original_max_position_embeddings")
	case a.NoRopeEvery > 0 && !slices.Equal(m.NoRope, every(a.NoRopeEvery, m.Layers)):
		return fmt.Errorf("llama.cpp leaves out rotation in one of every %d layers, whatever no_rope_layers says", a.NoRopeEvery)
	}
	if a.Refuse == nil {
		return nil
	}
	return a.Refuse(m)
}

// ActsAs holds the activation of config.json against the one that the architecture computes.
func (m *Model) ActsAs(act string) error {
	if act != m.Arch.act() {
		return fmt.Errorf("hidden_act %q cannot be written as GGUF's %s, which computes %s", act, m.Arch.Name, m.Arch.act())
	}
	return nil
}

// Windows is the layers with a window where the last of each period has none.
func Windows(period, layers int) []bool {
	list := make([]bool, layers)
	for i := range list {
		list[i] = i%period < period-1
	}
	return list
}

// Notes says what a program may compute in another way although the file is right.
func (m *Model) Notes() []string {
	var notes []string
	if m.Window > 0 && m.Arch.IgnoresWindow && (m.Context == 0 || m.Window < m.Context) {
		notes = append(notes, fmt.Sprintf("llama.cpp has no window in this architecture: texts of more than %d tokens give other results there", m.Window))
	}
	if m.Rope.Type == "longrope" && !slices.Equal(m.Rope.Short, m.Rope.Long) {
		notes = append(notes, fmt.Sprintf("llama.cpp takes the long factors of longrope by its context, from %d tokens on, and not by the length of a text", m.Rope.Original+1))
	}
	if m.Arch.Untruncated && m.Rope.Type == "yarn" {
		notes = append(notes, "llama.cpp rounds the range of dimensions in which yarn interpolates, which this model does not: results differ a little there")
	}
	return notes
}

// Fold is the factor that a tensor with a published name is multiplied by, 1 for nearly all: where scores
// are divided by something else than the root of query_pre_attn_scalar, what the two differ in is put into
// q, or where that is normalised afterwards into its norm.
func (m *Model) Fold(hf string) float64 {
	if m.Arch.FoldInto == "" || m.QueryScalar <= 0 || !strings.HasSuffix(hf, "."+m.Arch.FoldInto) {
		return 1
	}
	return math.Sqrt(m.engineScalar() / m.QueryScalar)
}
