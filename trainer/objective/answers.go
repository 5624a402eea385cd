package objective

import (
	"context"
	"fmt"

	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/trainer/eval"
	"github.com/cultivar/cultivar/trainer/model"
)

// answers returns the log-probability of the answer in each row: of its trained tokens together.
func answers(ctx context.Context, e *model.Evaluator, rows []pack.Row, atOnce int) ([]float64, error) {
	s, err := eval.NLL(ctx, e, rows, atOnce)
	if err != nil {
		return nil, err
	}
	sums := make([]float64, len(s.Rows))
	for i, r := range s.Rows {
		for _, lp := range r.Logprobs {
			sums[i] += lp
		}
	}
	return sums, nil
}

// references returns the same under the base alone, of the rows to train on and of those held out.
func (r Run) references(ctx context.Context, e *model.Evaluator) (train, held []float64, err error) {
	if train, err = answers(ctx, e, r.Train, r.AtOnce); err == nil {
		held, err = answers(ctx, e, r.Held, r.AtOnce)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("score the reference: %w", err)
	}
	return train, held, nil
}

// segmentSums adds the losses of a micro-batch up by segment: the log-probability of each row's answer,
// and where its labels end.
func segmentSums(mb *model.MicroBatch, segments []pack.Segment, nll []float64) (sums []float64, ends []int) {
	sums, ends = make([]float64, len(segments)), make([]int, len(segments))
	next := 0
	for i, seg := range segments {
		for next < len(nll) && int(mb.Rows[next]) < seg.End {
			sums[i] -= nll[next]
			next++
		}
		ends[i] = next
	}
	return sums, ends
}

// fill sets the scales of labels.
func fill(scales []float32, value float64) {
	for n := range scales {
		scales[n] = float32(value)
	}
}

// sigmoid is 1/(1+e^−x), in the form that does not overflow.
func sigmoid(x float64) float64 {
	e := vec.Exp64(-max(x, -x))
	if x > 0 {
		return 1 / (1 + e)
	}
	return e / (1 + e)
}
