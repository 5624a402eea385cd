package trainer

import (
	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/internal/kernels/attention"
	"github.com/cultivar/cultivar/internal/rng"
	"github.com/cultivar/cultivar/trainer/model"
	"github.com/cultivar/cultivar/trainer/ops"
)

// order says which sequences a step takes: epochs over all of them, each in an order of its own
// when shuffled. It is a function of the step alone, which is what makes resuming exact.
type order struct {
	sequences int
	batch     int
	shuffle   bool
	seed      uint64
}

// perEpoch is how many steps an epoch takes, the last of them over what is left.
func (o order) perEpoch() int { return (o.sequences + o.batch - 1) / o.batch }

// epoch returns all sequences in the order of an epoch. Whoever wants many of its steps asks once and
// cuts them out with part: the permutation costs as much as the epoch is long.
func (o order) epoch(epoch int) []int {
	if o.shuffle {
		draw := rng.New(o.seed, "shuffle").At(uint64(epoch), 0)
		return draw.Perm(o.sequences)
	}
	all := make([]int, o.sequences)
	for i := range all {
		all[i] = i
	}
	return all
}

// part returns what a step, counted from the start of its epoch, takes of the epoch's sequences.
func (o order) part(epoch []int, step int) []int {
	at := step * o.batch
	return epoch[at:min(at+o.batch, o.sequences)]
}

// step returns the sequences of a step, counted from the start of the run.
func (o order) step(step int) []int {
	n := o.perEpoch()
	return o.part(o.epoch(step/n), step%n)
}

// MicroBatches turns packed batches of one step into what the model takes. The loss of every label
// is divided by the number of labels in the whole step, never by those of a micro-batch: the mean
// of means is another loss.
func MicroBatches(batches []pack.Batch, seed uint64, step int) (mbs []*model.MicroBatch, labels int) {
	for _, b := range batches {
		labels += b.Trained()
	}
	first := uint64(0)
	for _, b := range batches {
		mb := &model.MicroBatch{Tokens: b.Tokens, LossScale: 1 / float32(max(labels, 1)), Seed: seed, Step: uint64(step)}
		mb.Layout = ops.Layout{Positions: b.Positions, FirstRow: first}
		for _, s := range b.Segments {
			mb.Layout.Segments = append(mb.Layout.Segments, attention.Segment{Q0: s.Start, Q1: s.End, K0: s.Start, K1: s.End})
		}
		for i, l := range b.Labels {
			if l != pack.IgnoreIndex {
				mb.Rows = append(mb.Rows, int32(i))
				mb.Labels = append(mb.Labels, l)
			}
		}
		first += uint64(len(b.Tokens))
		mbs = append(mbs, mb)
	}
	return mbs, labels
}
