package nn

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/trainer/base"
)

// Unembed names the vocabulary projection: the embedding itself when the head is tied to it.
func Unembed(c *base.Config, embed, head string) string {
	if c.TieWordEmbeddings {
		return embed
	}
	return head
}

// Require refuses a configuration value that a family does not implement.
func Require(key, got string, supported ...string) error {
	if slices.Contains(supported, got) {
		return nil
	}
	return fmt.Errorf("config.json: %s %q is not supported by this architecture (supported: %s)", key, got, strings.Join(supported, ", "))
}

// RopeFrequencies returns the inverse frequencies (HeadDim/2) of a configuration and the factor on
// cosines and sines (transformers modeling_rope_utils.py).
func RopeFrequencies(c *base.Config) (freq []float64, scale float64, err error) {
	r := c.Rope
	if r.PartialRotaryFactor != 1 {
		return nil, 0, fmt.Errorf("config.json: partial_rotary_factor %g is not supported by this architecture", r.PartialRotaryFactor)
	}
	dim := c.HeadDim
	freq = make([]float64, dim/2)
	for i := range freq {
		freq[i] = 1 / math.Pow(r.Theta, float64(2*i)/float64(dim))
	}
	switch r.Type {
	case "", "default":
		return freq, 1, nil
	case "linear":
		for i := range freq {
			freq[i] /= r.Factor
		}
		return freq, 1, nil
	case "llama3":
		llama3(freq, r)
		return freq, 1, nil
	case "yarn":
		return freq, yarn(freq, r, c), nil
	}
	return nil, 0, fmt.Errorf("config.json: rope type %q is not supported (supported: default, linear, llama3, yarn)", r.Type)
}

// llama3 slows down long wavelengths and blends in between (modeling_rope_utils.py
// _compute_llama3_parameters).
func llama3(freq []float64, r base.Rope) {
	old := float64(r.OriginalMaxPositionEmbeddings)
	long, short := old/r.LowFreqFactor, old/r.HighFreqFactor
	for i, f := range freq {
		wave := 2 * math.Pi / f
		switch {
		case wave > long:
			freq[i] = f / r.Factor
		case wave >= short:
			smooth := (old/wave - r.LowFreqFactor) / (r.HighFreqFactor - r.LowFreqFactor)
			freq[i] = (1-smooth)*f/r.Factor + smooth*f
		}
	}
}

// yarn interpolates low frequencies, keeps high ones and ramps between (Peng et al.,
// arXiv:2309.00071; modeling_rope_utils.py _compute_yarn_parameters). It returns the attention factor.
func yarn(freq []float64, r base.Rope, c *base.Config) float64 {
	mscale := func(m float64) float64 {
		if r.Factor <= 1 {
			return 1
		}
		return 0.1*m*math.Log(r.Factor) + 1
	}
	att := r.AttentionFactor
	switch {
	case att != 0:
	case r.MScale != 0 && r.MScaleAllDim != 0:
		att = mscale(r.MScale) / mscale(r.MScaleAllDim)
	default:
		att = mscale(1)
	}
	fast, slow := r.BetaFast, r.BetaSlow
	old := float64(r.OriginalMaxPositionEmbeddings)
	if old == 0 {
		old = float64(c.MaxPositionEmbeddings)
	}
	dim := float64(2 * len(freq))
	at := func(rotations float64) float64 {
		return dim * math.Log(old/(rotations*2*math.Pi)) / (2 * math.Log(r.Theta))
	}
	low, high := at(fast), at(slow)
	if r.Truncate {
		low, high = math.Floor(low), math.Ceil(high)
	}
	low, high = math.Max(low, 0), math.Min(high, dim-1)
	if low == high {
		high += 0.001
	}
	for i, f := range freq {
		ramp := math.Min(math.Max((float64(i)-low)/(high-low), 0), 1)
		freq[i] = f/r.Factor*ramp + f*(1-ramp)
	}
	return att
}
