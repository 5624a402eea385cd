package generate

import (
	"cmp"
	"slices"

	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/internal/rng"
)

// A sampler chooses the tokens of one sequence.
type sampler struct {
	o      Options
	seen   map[int32]bool
	stream rng.Stream
	draw   uint64 // which of the answers

	logits  []float32 // by token, while one is drawn
	weights []float32 // by token: e^((logit − the greatest) / temperature)
	order   []int32   // tokens, of which the first ranked ones are the likeliest in order
	ranked  int
}

func newSampler(o Options, draw uint64, prompt []int32) *sampler {
	s := &sampler{o: o, seen: make(map[int32]bool), stream: rng.New(o.Seed, "sample"), draw: draw}
	for _, t := range prompt {
		s.seen[t] = true
	}
	return s
}

// next chooses a token. It changes logits.
func (s *sampler) next(logits []float32, step int) int32 {
	s.penalise(logits)
	var id int32
	if s.o.Temperature == 0 {
		id = argmax(logits)
	} else {
		id = s.sample(logits, step)
	}
	s.seen[id] = true
	return id
}

func (s *sampler) penalise(logits []float32) {
	p := float32(s.o.RepetitionPenalty)
	if p == 0 || p == 1 {
		return
	}
	for t := range s.seen {
		if logits[t] > 0 {
			logits[t] /= p
		} else {
			logits[t] *= p
		}
	}
}

// argmax returns the first of the largest that is a number, 0 where there is none.
func argmax(x []float32) int32 {
	if i := slices.Index(x, vec.Max(x)); i >= 0 {
		return int32(i)
	}
	best := -1 // there is something that is not a number
	for i, v := range x {
		if v == v && (best < 0 || v > x[best]) {
			best = i
		}
	}
	return int32(max(best, 0))
}

// sample draws from the softmax of the logits after temperature, top-k, top-p and min-p, applied in that
// order as in transformers' logits_process.py. Tokens are put in order only as far as one of these asks, which
// is a few hundred of a large vocabulary as a rule.
func (s *sampler) sample(logits []float32, step int) int32 {
	s.weigh(logits)
	n, mass := len(s.order), 0.0
	if 0 < s.o.TopK && s.o.TopK < n {
		n = s.o.TopK
		for i := range n {
			mass += s.weight(i)
		}
	} else {
		for _, w := range s.weights {
			mass += float64(w)
		}
	}
	if p := s.o.TopP; p > 0 && p < 1 {
		enough := p * mass
		n, mass = s.until(n, func(_, sum float64) bool { return sum >= enough })
	}
	if s.o.MinP > 0 {
		limit := s.o.MinP * s.weight(0)
		n, mass = s.until(n, func(next, _ float64) bool { return next < limit })
	}
	draw := s.stream.At(uint64(step), s.draw)
	drawn := float64(draw.Float32()) * mass
	n, _ = s.until(n, func(_, sum float64) bool { return sum > drawn })
	return s.order[n-1]
}

// until is how many of the first n tokens there are before stop, which is told the weight of the next token
// and the sum of those before, reports true, but one at least; and their sum.
func (s *sampler) until(n int, stop func(next, sum float64) bool) (int, float64) {
	sum := s.weight(0)
	for i := 1; i < n; i++ {
		next := s.weight(i)
		if stop(next, sum) {
			return i, sum
		}
		sum += next
	}
	return n, sum
}

// weigh computes the weights, and forgets the order.
func (s *sampler) weigh(logits []float32) {
	if len(s.order) != len(logits) {
		s.weights, s.order = make([]float32, len(logits)), make([]int32, len(logits))
		for i := range s.order {
			s.order[i] = int32(i)
		}
	}
	s.logits, s.ranked = logits, 0
	top := float64(logits[argmax(logits)])
	for i, l := range logits {
		s.weights[i] = float32((float64(l) - top) / s.o.Temperature)
	}
	vec.Exp(s.weights, s.weights)
}

// weight is that of the token with rank i.
func (s *sampler) weight(i int) float64 {
	if i >= s.ranked {
		s.rank(min(len(s.order), max(64, 4*s.ranked)))
	}
	return float64(s.weights[s.order[i]])
}

// rank puts the first n tokens in order: by falling logit, equal ones by rising id.
func (s *sampler) rank(n int) {
	before := func(a, b int32) int {
		if c := cmp.Compare(s.logits[b], s.logits[a]); c != 0 {
			return c
		}
		return cmp.Compare(a, b)
	}
	rest := s.order[s.ranked:]
	toFront(rest, n-s.ranked, before)
	slices.SortFunc(rest[:n-s.ranked], before)
	s.ranked = n
}

// toFront brings the first n of list, in an order in which no two are equal, before the others (Hoare,
// "Algorithm 65: find", 1961).
func toFront(list []int32, n int, compare func(a, b int32) int) {
	for 0 < n && n < len(list) {
		pivot := list[len(list)/2]
		i, j := 0, len(list)-1
		for i <= j {
			for compare(list[i], pivot) < 0 {
				i++
			}
			for compare(list[j], pivot) > 0 {
				j--
			}
			if i <= j {
				list[i], list[j] = list[j], list[i]
				i, j = i+1, j-1
			}
		}
		// What lies between j and i is the pivot, if anything does.
		if n <= j+1 {
			list = list[:j+1]
		} else {
			list, n = list[i:], n-i
		}
	}
}
