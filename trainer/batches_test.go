package trainer

import (
	"slices"
	"testing"

	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/internal/rng"
)

// TestOrder wants every sequence once an epoch, in an order of the epoch's own when it is shuffled, which
// is part of what a run means: one that is resumed goes on in it.
func TestOrder(t *testing.T) {
	for _, o := range []order{
		{sequences: 1, batch: 4}, {sequences: 10, batch: 3}, {sequences: 9, batch: 3},
		{sequences: 10, batch: 3, shuffle: true, seed: 7}, {sequences: 64, batch: 8, shuffle: true},
	} {
		n := (o.sequences + o.batch - 1) / o.batch
		for epoch := range 3 {
			want := make([]int, o.sequences)
			for i := range want {
				want[i] = i
			}
			if o.shuffle {
				draw := rng.New(o.seed, "shuffle").At(uint64(epoch), 0)
				want = draw.Perm(o.sequences)
			}
			var got []int
			for s := range n {
				picked := o.step(epoch*n + s)
				if len(picked) > o.batch || len(picked) < o.batch && s != n-1 {
					t.Errorf("%+v: step %d of epoch %d takes %d sequences", o, s, epoch, len(picked))
				}
				got = append(got, picked...)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%+v: epoch %d is %v, want %v", o, epoch, got, want)
			}
		}
	}
}

// TestSizesOfMany plans an epoch of one sequence a step. A permutation for each step would outlast the
// time that go test has.
func TestSizesOfMany(t *testing.T) {
	const n = 1 << 18
	ids := make([]int32, 4)
	train := &pack.Sequences{Rows: make([]pack.Row, n), Sequences: make([][]int, n), MaxLen: len(ids)}
	all, total := make([]int, n), 0
	for i := range n {
		all[i] = i
		train.Rows[i].IDs = ids[:1+i%4]
		train.Sequences[i] = all[i : i+1]
		total += len(train.Rows[i].IDs)
	}
	job := Job{Train: train, Config: Config{NumEpochs: 1, BatchSize: 1, MicroBatchSize: 1, Shuffle: true}}
	largest, mean, steps := job.sizes()
	if want := float64(total) / n; largest != len(ids) || mean != want || steps != n {
		t.Errorf("largest %d, mean %g, steps %d; want %d, %g, %d", largest, mean, steps, len(ids), want, n)
	}
}
