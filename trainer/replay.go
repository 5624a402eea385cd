package trainer

import (
	"context"

	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/trainer/model"
	"github.com/cultivar/cultivar/trainer/objective"
)

// replay holds the adapter to the base on rows beside those that are learned, as distillation of a model
// into itself does (Li and Hoiem, Learning without Forgetting, arXiv:1606.09282): each step adds
//
//	weight · mean over the rows' tokens of Σ q·log(q/p)
//
// to the loss, with q the base's distribution and p the adapter's.
type replay struct {
	Replay
	rows  *pack.Sequences
	order order
	tutor *objective.Tutor
	seed  uint64
	micro int
}

func newReplay(j Job, atOnce int) *replay {
	c := j.Config
	return &replay{
		Replay: c.Replay, rows: j.Replay, seed: c.Seed, micro: c.MicroBatchSize,
		order: j.replayOrder(),
		tutor: objective.NewTutor(j.Reference, c.Replay.TopK, 1, atOnce),
	}
}

// step returns the micro-batches of a step's replay, which follow the step's own tokens.
func (r *replay) step(ctx context.Context, step, own int) ([]*model.MicroBatch, error) {
	batches := r.rows.Step(r.order.step(step), r.micro)
	mbs, labels := MicroBatches(batches, r.seed, step)
	for i, mb := range mbs {
		var err error
		if mb.Teacher, err = r.tutor.Ask(ctx, batches[i].RowsOf(r.rows.Rows)); err != nil {
			return nil, err
		}
		mb.LossScale = float32(r.Weight / float64(max(labels, 1)))
		mb.Layout.FirstRow += uint64(own)
	}
	return mbs, nil
}

// metric is the divergence of a step that was run, the mean over its tokens in nats.
func (r *replay) metric(mbs []*model.MicroBatch) objective.Metric {
	kl, labels := 0.0, 0
	for _, mb := range mbs {
		labels += len(mb.Rows)
		for _, x := range mb.Teacher.KL {
			kl += x
		}
	}
	return objective.Metric{Name: "replay_kl", Value: kl / float64(max(labels, 1))}
}
