package objective

import (
	"context"

	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/trainer/eval"
	"github.com/cultivar/cultivar/trainer/model"
)

// perToken is the unit of a mean negative log-likelihood.
const perToken = "nats per token"

// likelihood is the mean negative log-likelihood of the trained tokens.
type likelihood struct{ run Run }

// Weigh implements Loss: each label counts alike.
func (likelihood) Weigh(_ context.Context, batches []pack.Batch, _ []*model.MicroBatch) (func(float64) Score, error) {
	labels := 0
	for _, b := range batches {
		labels += b.Trained()
	}
	return func(nll float64) Score { return Score{Loss: nll / float64(labels)} }, nil
}

// Evaluate implements Loss.
func (l likelihood) Evaluate(ctx context.Context) (Score, error) {
	s, err := eval.NLL(ctx, l.run.Policy, l.run.Held, l.run.AtOnce)
	return Score{Loss: s.MeanNLL()}, err
}
