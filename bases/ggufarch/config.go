package ggufarch

import (
	"encoding/json"
	"slices"
)

// Special is the token ids that config.json names, nil where there is none.
type Special struct {
	BOS, Pad *int
	EOS      []int
}

// ConfigJSON is the config.json of the model, in the form of transformers 5.
func (m *Model) ConfigJSON(s Special) ([]byte, error) {
	c := map[string]any{
		"architectures": []string{m.Arch.Class}, "model_type": m.Arch.ModelType,
		"hidden_size": m.Hidden, "intermediate_size": m.Intermediate, "num_hidden_layers": m.Layers,
		"num_attention_heads": m.AttentionHeads, "num_key_value_heads": m.KeyValueHeads, "head_dim": m.HeadDim,
		"vocab_size": m.Vocabulary, "rms_norm_eps": m.Eps, "tie_word_embeddings": m.Tied,
		"attention_bias": m.AttentionBias, "mlp_bias": m.MLPBias,
		"sliding_window": nil, "rope_parameters": m.ropeParameters(),
		"bos_token_id": s.BOS, "pad_token_id": s.Pad, "eos_token_id": nil,
	}
	if len(s.EOS) > 0 {
		c["eos_token_id"] = s.EOS
	}
	if m.Context > 0 {
		c["max_position_embeddings"] = m.Context
	}
	if m.Window > 0 {
		c["sliding_window"] = m.Window
	}
	if m.Intermediate == 0 {
		c["intermediate_size"] = m.ExpertIntermediate
	}
	m.addOptions(c)
	return json.Marshal(c)
}

// addOptions adds what only some architectures have.
func (m *Model) addOptions(c map[string]any) {
	c["hidden_act"] = m.Arch.act()
	if m.Arch.act() == GELU {
		c["hidden_activation"] = GELU
	}
	if m.Sliding != nil {
		types := make([]string, m.Layers)
		for i := range types {
			types[i] = "full_attention"
			if m.Sliding[i] {
				types[i] = "sliding_attention"
			}
		}
		c["layer_types"] = types
	}
	if m.Arch.FoldInto != "" {
		c["query_pre_attn_scalar"] = m.QueryScalar
		for key, v := range map[string]float64{"attn_logit_softcapping": m.AttentionSoftcap, "final_logit_softcapping": m.FinalSoftcap} {
			if c[key] = nil; v > 0 {
				c[key] = v
			}
		}
	}
	if m.Arch.DemandsLengths && m.Rope.Original > 0 {
		c["original_max_position_embeddings"] = m.Rope.Original
	}
	if m.Arch.Multiplied {
		c["attention_multiplier"], c["embedding_multiplier"] = m.AttentionMultiplier, m.EmbeddingMultiplier
		c["residual_multiplier"], c["logits_scaling"] = m.ResidualMultiplier, m.LogitsScaling
	}
	if m.Experts > 0 {
		c["num_local_experts"], c["num_experts_per_tok"] = m.Experts, m.ExpertsUsed
	}
	if m.Arch.NoRopeEvery > 0 {
		rotated := make([]int, m.Layers)
		for i, without := range m.NoRope {
			if !without {
				rotated[i] = 1
			}
		}
		c["no_rope_layers"], c["use_sliding_window"] = rotated, false
	}
	if m.Arch.JSON != nil {
		m.Arch.JSON(m, c)
	}
}

func (m *Model) ropeParameters() map[string]any {
	p := map[string]any{"rope_type": "default", "rope_theta": m.Theta}
	if m.Rope.Type != "" {
		p["rope_type"] = m.Rope.Type
	}
	for key, v := range map[string]float64{
		"factor": m.Rope.Factor, "original_max_position_embeddings": float64(m.Rope.Original),
		"low_freq_factor": m.Rope.Low, "high_freq_factor": m.Rope.High,
		"beta_fast": m.Rope.BetaFast, "beta_slow": m.Rope.BetaSlow, "attention_factor": m.Rope.AttentionFactor, "llama_4_scaling_beta": m.Rope.QueryScale,
	} {
		if v != 0 && (m.Rope.Type != "" || m.Rope.QueryScale != 0) {
			p[key] = v
		}
	}
	if m.Arch.Untruncated {
		p["truncate"] = false // which no file says; all published models have it so
	}
	if m.Rotated != m.HeadDim || m.Arch.Partial { // where its absence means another
		p["partial_rotary_factor"] = float64(m.Rotated) / float64(m.HeadDim)
	}
	if m.Rope.Long != nil {
		p["short_factor"], p["long_factor"] = m.Rope.Short, m.Rope.Long
	}
	// Layers with a window have a rope of their own where theirs differs: by its base, or because it is not
	// scaled.
	if m.LocalTheta > 0 {
		return map[string]any{"full_attention": p, "sliding_attention": map[string]any{"rope_type": "default", "rope_theta": m.LocalTheta}}
	}
	if m.Arch.UnscaledWindows && m.Rope.Type != "" && slices.Contains(m.Sliding, true) {
		return map[string]any{"full_attention": p, "sliding_attention": map[string]any{"rope_type": "default", "rope_theta": m.Theta}}
	}
	return p
}
