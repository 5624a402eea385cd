package ops

import (
	"cmp"
	"slices"

	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/internal/parallel"
)

// SigmoidRouter weighs experts by the sigmoids of their logits instead of a softmax (DeepSeek-V3,
// arXiv:2412.19437, §2.1.2; transformers models/lfm2_moe/modeling_lfm2_moe.py, Lfm2MoeTopKRouter).
// Normalise divides the weights of the picked experts by their sum.
type SigmoidRouter struct {
	Bias  *Weight // (1, experts), frozen: added to the sigmoids to pick, but not to weigh; nil for none
	Scale float32 // on the weights
}

// sigmoidEps is added to the sum by which weights are normalised.
const sigmoidEps = 1e-6

// pick turns a token's logits into sigmoids and lists its experts, ascending.
func (s *SigmoidRouter) pick(logits []float32, order, picked []int32) {
	vec.Sigmoid(logits, logits)
	for i := range order {
		order[i] = int32(i)
	}
	score := func(e int32) float32 {
		if s.Bias == nil {
			return logits[e]
		}
		return logits[e] + s.Bias.vector()[e]
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(score(b), score(a)) })
	copy(picked, order)
	slices.Sort(picked)
}

// sum is the sum by which a token's weights are divided, of its pairs' sigmoids in their order.
func (o *mixture) sum(r *routes, sigmoid func(pair int32) float32, t int) float32 {
	if !o.m.Normalise {
		return 1
	}
	var sum float32
	for _, p := range r.place[t*r.topK : (t+1)*r.topK] {
		sum += sigmoid(p)
	}
	return sum + sigmoidEps
}

// weigh turns the shares of pairs, sigmoids so far, into weights.
func (o *mixture) weigh(r *routes) {
	for t := range len(r.place) / r.topK {
		sum := o.sum(r, func(pair int32) float32 { return r.share[pair] }, t)
		for _, p := range r.place[t*r.topK : (t+1)*r.topK] {
			r.share[p] = r.share[p] / sum * o.m.Sigmoid.Scale
		}
	}
}

// sigmoidGradient is the gradient by the router's logits (tokens, experts). With s the sigmoids of the
// picked experts, w = c·s/(Σs + ε) their weights and g the gradients by these:
// ds = (c·g − Σ w·g)/(Σs + ε), or c·g where weights are not normalised.
func (o *mixture) sigmoidGradient(r *routes, dshare []float32, rows int) []float32 {
	n, k := len(o.m.Experts), r.topK
	d := make([]float32, rows*n)
	parallel.For(rows, 64, func(lo, hi int) {
		for t := lo; t < hi; t++ {
			pairs, sigmoids := r.place[t*k:(t+1)*k], r.probs[t*n:(t+1)*n]
			sum := o.sum(r, func(pair int32) float32 { return sigmoids[r.expert(int(pair))] }, t)
			var mean float32
			for _, p := range pairs {
				if o.m.Normalise {
					mean += float32(r.share[p] * dshare[p])
				}
			}
			for _, p := range pairs {
				e := r.expert(int(p))
				s := sigmoids[e]
				d[t*n+e] = (float32(o.m.Sigmoid.Scale*dshare[p]) - mean) / sum * float32(s*(1-s))
			}
		}
	})
	return d
}
