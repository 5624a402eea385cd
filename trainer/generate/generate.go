// Package generate continues a sequence of tokens: greedy or sampled, one token at a time.
package generate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
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
