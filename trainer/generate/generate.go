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
	// Draws says, of each prompt, which of the answers it gets that the seed has in store for it; nil is the
	// first, 0, of each. Equal prompts with equal draws get equal answers.
	Draws []uint64
	Stop  []int32 // tokens that end the generation; they are not yielded
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

// Batch is sequences that grow together.
type Batch interface {
	// Len is how many there are.
	Len() int
	// Append adds tokens to each, of which some get none, and returns the logits after the last token of
	// those that grew.
	Append(tokens [][]int32) (logits [][]float32, err error)
	// Copy makes one sequence what another is.
	Copy(to, from int)
	// Reset empties one.
	Reset(sequence int)
}

// Size is how many sequences a batch has for a number of prompts: one more than are continued side by side,
// of which the last keeps what all of them begin with.
func Size(prompts int) int { return min(prompts, sideBySide) + 1 }

const (
	sideBySide = 48   // sequences at most: beyond, a token costs no less
	atOnce     = 2048 // tokens of prompts at a time, which bounds the activations
	sharing    = 8    // tokens that prompts begin with alike, from which on these are computed once
)

// All continues prompts side by side, as many at a time as the batch has sequences, so that weights are
// read once for all of them. It calls yield with every new token of each; a prompt is done when yield
// returns false, at a stop token, which is not yielded, or after MaxNewTokens. What a prompt gets does not
// depend on the others.
func All(ctx context.Context, b Batch, prompts [][]int32, o Options, yield func(prompt int, id int32) bool) error {
	if slices.ContainsFunc(prompts, func(p []int32) bool { return len(p) == 0 }) {
		return errors.New("the prompt is empty")
	}
	if o.Draws != nil && len(o.Draws) != len(prompts) {
		return fmt.Errorf("%d draws for %d prompts", len(o.Draws), len(prompts))
	}
	r := &round{batch: b, prompts: prompts, options: o, slots: make([]slot, min(b.Len(), len(prompts)))}
	if err := r.share(); err != nil {
		return err
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		more, err := r.step(yield)
		if err != nil || !more {
			return err
		}
	}
}

// round is the state of All.
type round struct {
	batch   Batch
	prompts [][]int32
	options Options
	slots   []slot
	next    int // prompt that is begun next
	shared  int // tokens with which all begin, kept by the batch's last sequence; 0 when none are
}

// slot is a sequence of the batch with the prompt that it continues.
type slot struct {
	prompt  int
	sampler *sampler // nil while it is free
	used    bool     // it has had a prompt
	pending []int32  // tokens to append
	drawn   int      // tokens
}

// share computes what all prompts begin with, if that is worth it and there is a sequence to keep it in.
func (r *round) share() error {
	if len(r.prompts) < 2 || r.batch.Len() < 2 {
		return nil
	}
	n := len(r.prompts[0]) - 1 // a token of each is left, which gives the first logits
	for _, p := range r.prompts[1:] {
		n = min(n, len(p)-1)
		for i := range n {
			if p[i] != r.prompts[0][i] {
				n = i
				break
			}
		}
	}
	if n < sharing {
		return nil
	}
	r.shared = n
	r.slots = r.slots[:min(len(r.slots), r.batch.Len()-1)]
	keeper := r.batch.Len() - 1
	for part := range slices.Chunk(r.prompts[0][:n], atOnce) {
		tokens := make([][]int32, r.batch.Len())
		tokens[keeper] = part
		if _, err := r.batch.Append(tokens); err != nil {
			return err
		}
	}
	return nil
}

// step appends to all sequences and draws a token for each whose prompt is in; it reports whether anything
// is left to do.
func (r *round) step(yield func(int, int32) bool) (bool, error) {
	tokens := make([][]int32, r.batch.Len())
	room, busy := atOnce, false
	for i := range r.slots {
		s := &r.slots[i]
		if s.sampler == nil && !r.begin(i) {
			continue
		}
		n := min(len(s.pending), room)
		tokens[i], s.pending = s.pending[:n], s.pending[n:]
		room, busy = room-n, true
	}
	if !busy {
		return false, nil
	}
	logits, err := r.batch.Append(tokens)
	if err != nil {
		return false, err
	}
	for i := range r.slots {
		if s := &r.slots[i]; len(tokens[i]) > 0 && len(s.pending) == 0 {
			r.draw(s, logits[i], yield)
		}
	}
	return true, nil
}

// begin gives a free sequence the next prompt; it reports whether there was one.
func (r *round) begin(i int) bool {
	if r.next == len(r.prompts) {
		return false
	}
	s := &r.slots[i]
	switch {
	case r.shared > 0:
		r.batch.Copy(i, r.batch.Len()-1)
	case s.used:
		r.batch.Reset(i)
	}
	prompt, draw := r.prompts[r.next], uint64(0)
	if r.options.Draws != nil {
		draw = r.options.Draws[r.next]
	}
	*s = slot{prompt: r.next, sampler: newSampler(r.options, draw, prompt), used: true, pending: prompt[r.shared:]}
	r.next++
	return true
}

// draw takes the next token of a sequence, or ends it.
func (r *round) draw(s *slot, logits []float32, yield func(int, int32) bool) {
	id := s.sampler.next(logits, s.drawn)
	s.drawn++
	if slices.Contains(r.options.Stop, id) || !yield(s.prompt, id) || s.drawn == r.options.MaxNewTokens {
		s.sampler = nil
		return
	}
	s.pending = []int32{id}
}
