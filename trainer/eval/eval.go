// Package eval measures how likely a model finds text.
package eval

import (
	"context"
	"fmt"
	"iter"

	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/internal/kernels/attention"
	"github.com/cultivar/cultivar/trainer/model"
)

// Row is the likelihood of one row.
type Row struct {
	Logprobs []float64 // of every trained token in order; the first token of a row has none
}

// MeanNLL is the mean negative log-likelihood, in nats per token; not a number when none was scored.
func (r Row) MeanNLL() float64 {
	var sum float64
	for _, lp := range r.Logprobs {
		sum -= lp
	}
	return sum / float64(len(r.Logprobs))
}

// Summary is the likelihood of all rows.
type Summary struct {
	NLL    float64 // sum over all tokens, nats
	Tokens int     // tokens that were scored
	Rows   []Row
}

// MeanNLL is the mean over all tokens; not a number when there are none.
func (s Summary) MeanNLL() float64 { return s.NLL / float64(s.Tokens) }

// TokensAtOnce bounds the activations of an evaluation well enough.
const TokensAtOnce = 2048

// NLL scores rows, as many at a time as have no more than atOnce tokens. Rows never see each other,
// so the result depends neither on that nor on their order.
func NLL(ctx context.Context, e *model.Evaluator, rows []pack.Row, atOnce int) (Summary, error) {
	var s Summary
	for lot := range Lots(rows, atOnce) {
		if err := ctx.Err(); err != nil {
			return Summary{}, err
		}
		scored, err := score(e, lot)
		if err != nil {
			return Summary{}, fmt.Errorf("evaluate rows %d–%d: %w", len(s.Rows)+1, len(s.Rows)+len(lot), err)
		}
		for _, r := range scored {
			for _, lp := range r.Logprobs {
				s.NLL -= lp
			}
			s.Tokens += len(r.Logprobs)
		}
		s.Rows = append(s.Rows, scored...)
	}
	return s, nil
}

// Lots divides rows into as many at a time as have no more than atOnce tokens; a longer row is alone.
func Lots(rows []pack.Row, atOnce int) iter.Seq[[]pack.Row] {
	return func(yield func([]pack.Row) bool) {
		for lo := 0; lo < len(rows); {
			hi, n := lo, 0
			for hi < len(rows) && (hi == lo || n+len(rows[hi].IDs) <= atOnce) {
				n += len(rows[hi].IDs)
				hi++
			}
			if !yield(rows[lo:hi]) {
				return
			}
			lo = hi
		}
	}
}

// MicroBatch lays rows end to end, with their trained tokens as labels.
func MicroBatch(rows []pack.Row) *model.MicroBatch {
	mb := &model.MicroBatch{}
	for _, r := range rows {
		start := len(mb.Tokens)
		for p, id := range r.IDs {
			if p > 0 && (r.Trained == nil || r.Trained[p]) {
				mb.Rows = append(mb.Rows, int32(start+p-1))
				mb.Labels = append(mb.Labels, id)
			}
			mb.Tokens = append(mb.Tokens, id)
			mb.Layout.Positions = append(mb.Layout.Positions, int32(p))
		}
		end := len(mb.Tokens)
		mb.Layout.Segments = append(mb.Layout.Segments, attention.Segment{Q0: start, Q1: end, K0: start, K1: end})
	}
	return mb
}

func score(e *model.Evaluator, rows []pack.Row) ([]Row, error) {
	mb := MicroBatch(rows)
	if len(mb.Tokens) == 0 {
		return make([]Row, len(rows)), nil
	}
	nll, err := e.NLL(mb)
	if err != nil {
		return nil, err
	}
	return divide(nll, mb, rows), nil
}

// divide hands the likelihoods back to their rows.
func divide(nll []float64, mb *model.MicroBatch, rows []pack.Row) []Row {
	out := make([]Row, len(rows))
	next := 0
	for i, seg := range mb.Layout.Segments {
		for next < len(nll) && int(mb.Rows[next]) < seg.Q1 {
			out[i].Logprobs = append(out[i].Logprobs, -nll[next])
			next++
		}
	}
	return out
}
