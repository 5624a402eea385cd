package nn

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/trainer/ops"
)

// Rope makes the rotary table that a rope of config.json describes, for families that turn whole
// heads.
func Rope(c *bases.Config, r bases.Rope) (*ops.Rope, error) {
	if r.PartialRotaryFactor != 1 {
		return nil, fmt.Errorf("config.json: partial_rotary_factor %g is not supported by this architecture", r.PartialRotaryFactor)
	}
	return PartialRope(c, r, false)
}

// PartialRope is Rope for families that turn the first partial_rotary_factor of each head, by halves
// or interleaved.
func PartialRope(c *bases.Config, r bases.Rope, interleaved bool) (*ops.Rope, error) {
	if r.Llama4ScalingBeta != 0 {
		return nil, fmt.Errorf("config.json: llama_4_scaling_beta %g is not supported by this architecture", r.Llama4ScalingBeta)
	}
	return partialRope(c, r, interleaved)
}

// GrowingRope is Rope for families whose queries grow with their position as llama_4_scaling_beta says.
func GrowingRope(c *bases.Config, r bases.Rope) (*ops.Rope, error) {
	if r.PartialRotaryFactor != 1 {
		return nil, fmt.Errorf("config.json: partial_rotary_factor %g is not supported by this architecture", r.PartialRotaryFactor)
	}
	return partialRope(c, r, false)
}

func partialRope(c *bases.Config, r bases.Rope, interleaved bool) (*ops.Rope, error) {
	dim := int(float64(c.HeadDim) * r.PartialRotaryFactor)
	if dim == 0 || dim%2 != 0 {
		return nil, fmt.Errorf("config.json: %d of %d elements of a head cannot be turned in pairs", dim, c.HeadDim)
	}
	cfg := ops.RopeConfig{HeadDim: c.HeadDim, Scale: 1, Interleaved: interleaved}
	err := scaleRope(&cfg, scaling{r, dim, c.MaxPositionEmbeddings})
	if err == nil {
		err = slowEnough(cfg.Frequencies(1))
	}
	if err != nil {
		return nil, fmt.Errorf("config.json: rope: %w", err)
	}
	if cfg.QueryScale, err = queryScale(r); err != nil {
		return nil, err
	}
	return ops.NewRope(cfg), nil
}

// slowEnough refuses frequencies that no angle can be computed from: those of every model are at
// most 1, and the sines of vec hold for angles up to 2³⁰.
func slowEnough(freq []float64) error {
	for i, f := range freq {
		if !(f >= 0 && f <= 64) {
			return fmt.Errorf("frequency %d comes out as %g", i, f)
		}
	}
	return nil
}

// scaling is what the kinds of rope are computed from (transformers' modeling_rope_utils.py).
type scaling struct {
	bases.Rope
	dim          int // elements of a head that are turned
	maxPositions int // max_position_embeddings, 0 when absent
}

// scaleRope fills in the frequencies of a kind of rope.
func scaleRope(cfg *ops.RopeConfig, s scaling) error {
	if old := s.maxPositions; s.OriginalMaxPositionEmbeddings == 0 {
		s.OriginalMaxPositionEmbeddings = old // as standardize_rope_params does
	}
	fixed := func(freq []float64) { cfg.Frequencies = func(int) []float64 { return freq } }
	switch s.Type {
	case "", "default":
		fixed(s.frequencies(s.Theta))
		return nil
	case "linear":
		fixed(s.linear())
		return s.need("factor", s.Factor)
	case "dynamic":
		return s.dynamic(cfg)
	case "llama3":
		fixed(s.llama3())
		return errors.Join(s.need("factor", s.Factor), s.need("low_freq_factor", s.LowFreqFactor), s.need("high_freq_factor", s.HighFreqFactor),
			s.need("original_max_position_embeddings", float64(s.OriginalMaxPositionEmbeddings)))
	case "yarn":
		return s.yarn(cfg)
	case "longrope":
		return s.longrope(cfg)
	}
	return fmt.Errorf("rope_type %q is not supported (supported: default, linear, dynamic, yarn, longrope, llama3)", s.Type)
}

// need refuses a parameter that a kind of rope cannot do without.
func (s scaling) need(key string, value float64) error {
	if value == 0 {
		return fmt.Errorf("rope_type %s needs %s", s.Type, key)
	}
	return nil
}

// power is base^exponent for a positive base, the same on every architecture.
func power(base, exponent float64) float64 { return vec.Exp64(exponent * vec.Log64(base)) }

// frequencies are base^(−2i/dim), the inverse frequencies of arXiv:2104.09864.
func (s scaling) frequencies(base float64) []float64 {
	freq := make([]float64, s.dim/2)
	for i := range freq {
		freq[i] = 1 / power(base, float64(2*i)/float64(s.dim))
	}
	return freq
}

func (s scaling) linear() []float64 {
	freq := s.frequencies(s.Theta)
	for i := range freq {
		freq[i] /= s.Factor
	}
	return freq
}

// llama3 slows down long wavelengths and blends in between (_compute_llama3_parameters).
func (s scaling) llama3() []float64 {
	freq := s.frequencies(s.Theta)
	old := float64(s.OriginalMaxPositionEmbeddings)
	long, short := old/s.LowFreqFactor, old/s.HighFreqFactor
	for i, f := range freq {
		wave := 2 * math.Pi / f
		switch {
		case wave > long:
			freq[i] = f / s.Factor
		case wave >= short:
			smooth := (old/wave - s.LowFreqFactor) / (s.HighFreqFactor - s.LowFreqFactor)
			freq[i] = float64((1-smooth)*f/s.Factor) + float64(smooth*f)
		}
	}
	return freq
}

// dynamic raises the base for sequences that are longer than the model was trained for, each by its
// own length ("NTK-aware" scaling, _compute_dynamic_ntk_parameters). When such a sequence grows token
// by token, earlier keys keep the angles of the length that it had then, as in transformers, and
// decoding is not prefill.
func (s scaling) dynamic(cfg *ops.RopeConfig) error {
	limit := s.maxPositions
	cfg.Class = func(length int) int { return max(length, limit) }
	cfg.Frequencies = func(length int) []float64 {
		stretch := float64(s.Factor*float64(max(length, limit))/float64(limit)) - (s.Factor - 1)
		return s.frequencies(s.Theta * power(stretch, float64(s.dim)/float64(s.dim-2)))
	}
	if s.dim <= 2 {
		return errors.New("rope_type dynamic needs heads of more than two turned elements")
	}
	if s.Factor < 1 {
		return fmt.Errorf("rope_type dynamic needs a factor of 1 at least, not %g", s.Factor)
	}
	return s.need("max_position_embeddings", float64(limit))
}

// longrope divides the frequencies by one list of factors up to the length of pretraining, and by
// another beyond (Ding et al., arXiv:2402.13753; _compute_longrope_parameters).
func (s scaling) longrope(cfg *ops.RopeConfig) error {
	old := s.OriginalMaxPositionEmbeddings
	if len(s.ShortFactor) != s.dim/2 || len(s.LongFactor) != s.dim/2 {
		return fmt.Errorf("rope_type longrope has %d short and %d long factors for %d pairs", len(s.ShortFactor), len(s.LongFactor), s.dim/2)
	}
	divided := func(by []float64) []float64 {
		freq := s.frequencies(s.Theta)
		for i := range freq {
			freq[i] /= by[i]
		}
		return freq
	}
	short, long := divided(s.ShortFactor), divided(s.LongFactor)
	cfg.Frequencies = func(length int) []float64 {
		if length > old {
			return long
		}
		return short
	}
	if !slices.Equal(short, long) {
		cfg.Restart = true
		cfg.Class = func(length int) int { return min(max(length-old, 0), 1) }
	}
	factor := s.Factor
	if factor == 0 {
		factor = float64(s.maxPositions) / float64(max(old, 1))
	}
	switch {
	case s.AttentionFactor != 0:
		cfg.Scale = s.AttentionFactor
	case factor > 1:
		cfg.Scale = math.Sqrt(1 + vec.Log64(factor)/vec.Log64(float64(old)))
	}
	if old < 2 {
		return errors.New("rope_type longrope needs original_max_position_embeddings")
	}
	return nil
}

// yarn interpolates low frequencies, keeps high ones and ramps between (Peng et al.,
// arXiv:2309.00071; _compute_yarn_parameters).
func (s scaling) yarn(cfg *ops.RopeConfig) error {
	old := float64(s.OriginalMaxPositionEmbeddings)
	if s.Factor == 0 && old != 0 {
		s.Factor = float64(s.maxPositions) / old
	}
	if err := errors.Join(s.need("factor", s.Factor), s.need("original_max_position_embeddings", old)); err != nil {
		return err
	}
	cfg.Scale = s.yarnScale()
	low, high := s.yarnRange(old)
	freq := s.frequencies(s.Theta)
	for i, f := range freq {
		ramp := math.Min(math.Max((float64(i)-low)/(high-low), 0), 1)
		freq[i] = float64(f/s.Factor*ramp) + float64(f*(1-ramp))
	}
	cfg.Frequencies = func(int) []float64 { return freq }
	return nil
}

// yarnScale is the factor on cosines and sines.
func (s scaling) yarnScale() float64 {
	mscale := func(m float64) float64 {
		if s.Factor <= 1 {
			return 1
		}
		return float64(0.1*m*vec.Log64(s.Factor)) + 1
	}
	switch {
	case s.AttentionFactor != 0:
		return s.AttentionFactor
	case s.MScale != 0 && s.MScaleAllDim != 0:
		return mscale(s.MScale) / mscale(s.MScaleAllDim)
	}
	return mscale(1)
}

// yarnRange returns the pairs between which the ramp goes: those that turn beta_fast and beta_slow
// times within the length of pretraining.
func (s scaling) yarnRange(old float64) (low, high float64) {
	at := func(turns, otherwise float64) float64 {
		if turns == 0 {
			turns = otherwise
		}
		return float64(s.dim) * vec.Log64(old/(turns*2*math.Pi)) / (2 * vec.Log64(s.Theta))
	}
	low, high = at(s.BetaFast, 32), at(s.BetaSlow, 1)
	if s.Truncate {
		low, high = math.Floor(low), math.Ceil(high)
	}
	low, high = math.Max(low, 0), math.Min(high, float64(s.dim-1))
	if low == high {
		high += 0.001
	}
	return low, high
}

// queryScale is Llama 4's and Ministral 3's factor on queries, 1 + β·log(1 + ⌊position/length of
// pretraining⌋) (modeling_ministral3.py, get_llama_4_attn_scale); nil when there is none.
func queryScale(r bases.Rope) (func(int) float32, error) {
	beta := r.Llama4ScalingBeta
	if beta == 0 {
		return nil, nil
	}
	old := r.OriginalMaxPositionEmbeddings
	if old == 0 {
		return nil, errors.New("config.json: llama_4_scaling_beta needs original_max_position_embeddings")
	}
	return func(position int) float32 {
		return float32(1 + float64(beta*vec.Log64(float64(1+position/old))))
	}, nil
}

// Ropes makes the table of each kind of layer, where these are layer types.
func Ropes(c *bases.Config, kinds []string) ([]*ops.Rope, error) {
	list := make([]*ops.Rope, len(kinds))
	for i, layerType := range kinds {
		var err error
		if list[i], err = Rope(c, c.RopeOf(layerType)); err != nil {
			return nil, err
		}
	}
	return list, nil
}
