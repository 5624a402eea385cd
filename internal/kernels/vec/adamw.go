package vec

import (
	"math"

	"github.com/cultivar/cultivar/internal/kernels/fma"
)

// AdamW holds the scalars of one optimizer step. They are float64, as in PyTorch: 1 − Beta2 from a
// float32 Beta2 would already be wrong in the fifth digit.
type AdamW struct {
	LearningRate float64
	Beta1, Beta2 float64
	Epsilon      float64
	WeightDecay  float64
	Bias1, Bias2 float64 // 1 − Beta1^t and 1 − Beta2^t at step t = 1, 2, …
	GradScale    float32 // multiplies every gradient first: clipping, averaging
}

// adamwConstants is AdamW reduced to what is applied to an element.
type adamwConstants struct {
	gradScale float32
	decay     float32 // 1 − lr·wd
	blend1    float32 // 1 − β1
	beta2     float32
	blend2    float32 // 1 − β2
	bias2Root float32 // √bias2
	epsilon   float32
	step      float32 // −lr/bias1
}

// Update applies the step to parameters p with gradients g and moments m and v, in the order of
// torch/optim/adamw.py, _single_tensor_adamw (Loshchilov & Hutter, arXiv:1711.05101):
//
//	p = p·(1 − lr·wd)
//	m = m + (1−β1)·(g − m)
//	v = v·β2 + (1−β2)·g²
//	p = p − lr/bias1 · m/(√v/√bias2 + ε)
func (s AdamW) Update(p, g, m, v []float32) {
	mustMatch("AdamW", len(p), len(g), len(m), len(v))
	current().adamw(p, g, m, v, s.constants())
}

func (s AdamW) constants() adamwConstants {
	return adamwConstants{
		gradScale: s.GradScale,
		decay:     float32(1 - float64(s.LearningRate*s.WeightDecay)),
		blend1:    float32(1 - s.Beta1),
		beta2:     float32(s.Beta2),
		blend2:    float32(1 - s.Beta2),
		bias2Root: float32(math.Sqrt(s.Bias2)),
		epsilon:   float32(s.Epsilon),
		step:      float32(-s.LearningRate / s.Bias1),
	}
}

func adamwGeneric(p, g, m, v []float32, c adamwConstants) {
	for i, w := range p {
		grad := float32(g[i] * c.gradScale)
		w = float32(w * c.decay)
		m[i] = fma.FMA32(c.blend1, grad-m[i], m[i])
		v[i] = fma.FMA32(float32(c.blend2*grad), grad, float32(v[i]*c.beta2))
		root := float32(math.Sqrt(float64(v[i])))
		p[i] = fma.FMA32(c.step, m[i]/(root/c.bias2Root+c.epsilon), w)
	}
}
