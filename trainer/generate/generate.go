// Package generate continues a sequence of tokens: greedy or sampled, one token at a time.
package generate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/cultivar/cultivar/internal/rng"
)

// Options of a generation; names are those of transformers' GenerationConfig.
type Options struct {
	MaxNewTokens      int
	Temperature       float64 // 0 is greedy
	TopK              int     // keep the k likeliest; 0 keeps all
	TopP              float64 // keep the likeliest up to this mass; 0 or 1 keeps all
	MinP              float64 // keep those at least this share of the likeliest; 0 keeps all
	RepetitionPenalty float64 // of tokens that occurred (Keskar et al., arXiv:1909.05858); 0 or 1 is none
	Seed              uint64
	Stop              []int32 // tokens that end the generation; they are not yielded
}

// Validate joins everything that is wrong with the options.
func (o Options) Validate() error {
	var errs []error
	bad := func(cond bool, format string, args ...any) {
		if cond {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	bad(o.MaxNewTokens < 1, "max-new-tokens is %d, want at least 1", o.MaxNewTokens)
	bad(o.Temperature < 0 || math.IsNaN(o.Temperature), "temperature is %g, want 0 or more", o.Temperature)
	bad(o.TopK < 0, "top-k is %d, want 0 or more", o.TopK)
	bad(o.TopP < 0 || o.TopP > 1, "top-p is %g, want 0…1", o.TopP)
	bad(o.MinP < 0 || o.MinP > 1, "min-p is %g, want 0…1", o.MinP)
	bad(o.RepetitionPenalty < 0, "repetition-penalty is %g, want 0 or more", o.RepetitionPenalty)
	return errors.Join(errs...)
}

// Batch is sequences that grow together: it appends tokens to each, of which some get none, and
// returns the logits after the last token of those that grew.
type Batch interface {
	Append(tokens [][]int32) (logits [][]float32, err error)
}

// All continues prompts side by side, so that weights are read once for all of them. It calls yield
// with every new token of each; a sequence ends when yield returns false, at a stop token, which is
// not yielded, or after MaxNewTokens. What a sequence gets does not depend on the others.
func All(ctx context.Context, b Batch, prompts [][]int32, o Options, yield func(sequence int, id int32) bool) error {
	next := make([][]int32, len(prompts))
	samplers := make([]*sampler, len(prompts))
	for i, p := range prompts {
		if len(p) == 0 {
			return errors.New("the prompt is empty")
		}
		next[i], samplers[i] = p, newSampler(o, p)
	}
	for step := range o.MaxNewTokens {
		if err := ctx.Err(); err != nil {
			return err
		}
		logits, err := b.Append(next)
		if err != nil {
			return err
		}
		open := false
		for i := range next {
			if next[i] == nil {
				continue
			}
			id := samplers[i].next(logits[i], step)
			next[i] = nil
			if !slices.Contains(o.Stop, id) && yield(i, id) {
				next[i], open = []int32{id}, true
			}
		}
		if !open {
			return nil
		}
	}
	return nil
}

type sampler struct {
	o      Options
	seen   map[int32]bool
	stream rng.Stream
	order  []int32
	probs  []float64
}

func newSampler(o Options, prompt []int32) *sampler {
	s := &sampler{o: o, seen: make(map[int32]bool), stream: rng.New(o.Seed, "sample")}
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

// argmax returns the first of the largest.
func argmax(x []float32) int32 {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return int32(best)
}

// sample draws from the softmax of the logits after temperature, top-k, top-p and min-p, applied
// in that order as in transformers' logits_process.py.
func (s *sampler) sample(logits []float32, step int) int32 {
	s.rank(logits)
	n := len(s.order)
	if s.o.TopK > 0 {
		n = min(n, s.o.TopK)
	}
	s.softmax(logits, n)
	if p := s.o.TopP; p > 0 && p < 1 {
		var mass float64
		for i, q := range s.probs[:n] {
			if mass += q; mass >= p {
				n = i + 1
				break
			}
		}
	}
	if s.o.MinP > 0 {
		limit := s.o.MinP * s.probs[0]
		for n > 1 && s.probs[n-1] < limit {
			n--
		}
	}
	var total float64
	for _, q := range s.probs[:n] {
		total += q
	}
	draw := s.stream.At(uint64(step), 0)
	u := float64(draw.Float32()) * total
	for i, q := range s.probs[:n] {
		if u -= q; u < 0 {
			return s.order[i]
		}
	}
	return s.order[n-1]
}

// rank sorts tokens by falling logit; equal ones by rising id.
func (s *sampler) rank(logits []float32) {
	if len(s.order) != len(logits) {
		s.order = make([]int32, len(logits))
		s.probs = make([]float64, len(logits))
	}
	for i := range s.order {
		s.order[i] = int32(i)
	}
	slices.SortFunc(s.order, func(a, b int32) int {
		switch {
		case logits[a] > logits[b]:
			return -1
		case logits[a] < logits[b]:
			return 1
		}
		return int(a - b)
	})
}

// softmax fills probs with the probabilities of the first n of order.
func (s *sampler) softmax(logits []float32, n int) {
	top := float64(logits[s.order[0]])
	var sum float64
	for i, t := range s.order[:n] {
		s.probs[i] = math.Exp((float64(logits[t]) - top) / s.o.Temperature)
		sum += s.probs[i]
	}
	for i := range s.probs[:n] {
		s.probs[i] /= sum
	}
}
