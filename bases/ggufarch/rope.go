package ggufarch

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/cultivar/cultivar/internal/gguf"
)

// readRope reads how frequencies are scaled (llama.cpp, src/llama-model.cpp, load_hparams).
func (m *Model) readRope(r *Reader) {
	m.Theta = r.Float("rope.freq_base", 10000)
	m.Rope.Original = r.Int("rope.scaling.original_context_length", 0)
	m.Rope.Factor = r.Float("rope.scaling.factor", r.Float("rope.scale_linear", 0))
	kind, ok := r.f.String(r.prefix + "rope.scaling.type")
	if !ok && m.Rope.Factor > 0 {
		kind = "linear" // what llama.cpp takes an absent type for
	}
	switch kind {
	case "", "none":
		m.Rope.Factor = 0
	case "linear":
		m.Rope.Type = kind
	case "yarn":
		m.Rope.Type = kind
		m.Rope.BetaFast, m.Rope.BetaSlow = r.Float("rope.scaling.yarn_beta_fast", 32), r.Float("rope.scaling.yarn_beta_slow", 1)
		m.readYaRNFactor(r)
	case "longrope":
		m.Rope.Type = kind
		m.Rope.AttentionFactor = r.Float("rope.scaling.attn_factor", 0)
	default:
		r.fail("rope.scaling.type", fmt.Errorf("%.40q is not supported (supported: none, linear, yarn, longrope)", kind))
	}
	if m.Arch.QueryScale {
		m.Rope.QueryScale = r.Float("attention.temperature_scale", 0)
	}
	m.readFactors(r)
}

// readYaRNFactor reads what multiplies cosines and sines (llama.cpp, src/llama-context.cpp).
func (m *Model) readYaRNFactor(r *Reader) {
	const multiplier = "rope.scaling.yarn_log_multiplier"
	if r.has(multiplier) && !m.Arch.QueryScale || r.has("rope.scaling.yarn_ext_factor") {
		r.fail("rope.scaling", fmt.Errorf("yarn with a log_multiplier or an ext_factor is not supported"))
	}
	m.Rope.AttentionFactor = r.Float("rope.scaling.yarn_attn_factor", 0)
	m.Rope.LogMultiplier = r.Float(multiplier, 0)
	if r.has("rope.scaling.attn_factor") || m.Rope.LogMultiplier != 0 {
		m.Rope.AttentionFactor = r.Float("rope.scaling.attn_factor", 1) * m.Rope.engineFactor()
	}
}

// engineFactor is the factor on cosines and sines that llama.cpp takes unless it is told another.
func (r Rope) engineFactor() float64 {
	factor := yarnFactor(r.Factor)
	if r.LogMultiplier != 0 && r.Factor > 1 {
		factor /= 0.1*r.LogMultiplier*math.Log(r.Factor) + 1
	}
	return factor
}

// yarnFactor is the factor on cosines and sines that YaRN has unless it is told another
// (arXiv:2309.00071, equation 22).
func yarnFactor(factor float64) float64 {
	if factor <= 1 {
		return 1
	}
	return 0.1*math.Log(factor) + 1
}

// readFactors reads the tensors that rotary frequencies are divided by.
func (m *Model) readFactors(r *Reader) {
	long, short := r.factors(RopeLong, m.Rotated/2), r.factors(RopeShort, m.Rotated/2)
	if long != nil && short != nil {
		m.Rope.Type, m.Rope.Long, m.Rope.Short = "longrope", long, short
		if m.Rope.AttentionFactor == 0 {
			m.Rope.AttentionFactor = r.Float("rope.scaling.attn_factor", 0)
		}
	}
	freqs := r.factors(RopeFreqs, m.Rotated/2)
	if freqs == nil || m.Rope.Type != "" {
		return
	}
	if rope, ok := m.asLlama3(freqs); ok {
		m.Rope = rope
		return
	}
	// Any other factors are longrope's, the same at every length and without its factor on cosines.
	m.Rope = Rope{Type: "longrope", Factor: 1, Original: max(m.Context, 1), Long: freqs, Short: freqs, AttentionFactor: 1}
}

// factors reads a tensor of n factors, nil where there is none.
func (r *Reader) factors(name string, n int) []float64 {
	t, ok := r.f.Tensor(name)
	if !ok {
		return nil
	}
	if t.Type != gguf.F32 || t.Len() != n {
		r.fail("rope", fmt.Errorf("tensor %s is %v%v, want %d of F32", name, t.Type, t.Shape, n))
		return nil
	}
	list := make([]float64, n)
	for i := range list {
		v := float64(math.Float32frombits(binary.LittleEndian.Uint32(t.Data[4*i:])))
		if !(v > 0) || math.IsInf(v, 0) {
			r.fail("rope", fmt.Errorf("tensor %s: factor %d is %g", name, i, v))
			return nil
		}
		list[i] = shortest(v)
	}
	return list
}

// asLlama3 finds the llama3 scaling that factors were computed from, which the file does not say.
// Every published one has low and high factors of 1 and 4 and an original length that is a power of
// two; the largest factor is the scaling's.
func (m *Model) asLlama3(factors []float64) (Rope, bool) {
	largest := 1.0
	for _, f := range factors {
		largest = max(largest, f)
	}
	for original := 16; original <= 1<<20; original *= 2 {
		rope := Rope{Type: "llama3", Factor: largest, Low: 1, High: 4, Original: original}
		if same(factors, m.llama3Factors(rope)) {
			return rope, true
		}
	}
	return Rope{}, false
}

// same allows for the last bits: converters compute in float32.
func same(a, b []float64) bool {
	for i := range a {
		if math.Abs(a[i]-b[i]) > 2e-6*math.Abs(b[i]) {
			return false
		}
	}
	return true
}

// llama3Factors is what llama3 scaling divides each frequency by (LlamaModel.generate_extra_tensors).
func (m *Model) llama3Factors(r Rope) []float64 {
	list := make([]float64, m.Rotated/2)
	long, short := float64(r.Original)/r.Low, float64(r.Original)/r.High
	for i := range list {
		wave := 2 * math.Pi * math.Pow(m.Theta, float64(2*i)/float64(m.Rotated))
		switch {
		case wave < short:
			list[i] = 1
		case wave > long:
			list[i] = r.Factor
		default:
			smooth := (float64(r.Original)/wave - r.Low) / (r.High - r.Low)
			list[i] = 1 / ((1-smooth)/r.Factor + smooth)
		}
	}
	return list
}

// Extra is a tensor that a file has besides the weights: factors of rotary frequencies.
type Extra struct {
	Name   string
	Values []float64
}

// Extras lists the tensors that a file of this model has besides the weights.
func (m *Model) Extras() []Extra {
	switch m.Rope.Type {
	case "llama3":
		return []Extra{{RopeFreqs, m.llama3Factors(m.Rope)}}
	case "longrope":
		return []Extra{{RopeLong, m.Rope.Long}, {RopeShort, m.Rope.Short}}
	}
	return nil
}
