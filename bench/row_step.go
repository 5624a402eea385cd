package main

import (
	"fmt"
	"slices"

	"github.com/cultivar/cultivar/bench/contest"
	"github.com/cultivar/cultivar/bench/fixture"
	"github.com/cultivar/cultivar/bench/worker"
)

var tokensPerSecond = contest.Unit{Name: "tokens/s", Scale: 1}

// stepTolerance is of the first step's loss: both sides have the same weights and B = 0, and differ
// in rounding alone.
const stepTolerance = 1e-4

func stepRow() row {
	p := new(products)
	return row{
		name: "step", about: "a LoRA r16 all-linear training step, 135M Llama shape, 4×512 tokens, float32",
		unit: tokensPerSecond, runs: 3, contests: stepContests(fixture.Full(), p.measure), notes: p.utilisation,
	}
}

func sftRow() row {
	return row{
		name: "sft", about: "the same step when 30 % of the tokens are trained",
		unit: tokensPerSecond, runs: 3, contests: stepContests(fixture.Chats(), nil),
	}
}

// gradientArgs say what the peer trains.
type gradientArgs struct {
	Base          string `json:"base"`
	Steps         string `json:"steps"` // file of rows as ids
	DType         string `json:"dtype"` // in which the base is held
	Checkpointing bool   `json:"checkpointing"`
	Rank          int    `json:"rank"`
	MicroBatch    int    `json:"micro_batch"` // rows, padded to the longest
}

// stepContests are our fast mode against plain PyTorch, and our small mode against its
// checkpointing. After each turn of the first, after is called.
func stepContests(d fixture.Dataset, after func() error) func(*bench) ([]contest.Contest, error) {
	return func(b *bench) ([]contest.Contest, error) {
		dir, err := b.fixtures.Base("float32")
		if err != nil {
			return nil, err
		}
		data, ids, err := d.Write(b.fixtures, dir)
		if err != nil {
			return nil, err
		}
		peer := gradientArgs{Base: dir, Steps: ids, DType: "float32", Rank: fixture.Rank, MicroBatch: fixture.Batch}
		plain, checkpointing := peer, peer
		checkpointing.Checkpointing = true
		return []contest.Contest{
			{
				Name: "fast", Training: true, Cases: []string{d.Name}, Tolerance: stepTolerance, After: after,
				Sides: []contest.Side{
					{Label: "cultivar", Program: "train", Args: worker.TrainArgs{Base: dir, Data: data, Config: d.Config()}},
					{Label: "torch", Peer: true, Program: "step", Args: plain},
				},
			},
			{
				Name: "small", Training: true, Cases: []string{d.Name}, Tolerance: stepTolerance,
				Sides: []contest.Side{
					{Label: "cultivar", Program: "train", Args: worker.TrainArgs{Base: dir, Data: data, Config: d.Config(), Memory: smallMemory}},
					{Label: "torch checkpointing", Peer: true, Program: "step", Args: checkpointing},
				},
			},
		}, nil
	}
}

// smallMemory is the budget of our small mode, in bytes, of which the weights are 540 MB.
const smallMemory = 1_200_000_000

// products are the rates, in GFLOP/s, of our matrix product of the step's most frequent shape, one of each
// turn.
type products []float64

// productRuns of the product are measured after a step, and take half a second together.
const productRuns = 50

// measure adds the median rate of some products.
func (p *products) measure() error {
	run, err := worker.NewGemm(nil)
	if err != nil {
		return err
	}
	var rates []float64
	for range productRuns {
		s, err := run(fmt.Sprintf("%d %d %d forward", fixture.Batch*fixture.Sequence, fixture.Inner, fixture.Hidden))
		if err != nil {
			return err
		}
		rates = append(rates, s.Work/s.Seconds/1e9)
	}
	*p = append(*p, contest.Median(rates))
	return nil
}

// utilisation relates the step's rate to that of the product in the same turn.
func (p *products) utilisation(_ *bench, r *contest.Report) error {
	ours := r.Side("fast", fixture.Full().Name, "cultivar")
	if ours == nil {
		return nil
	}
	var shares []float64
	for i, tokens := range ours.Figures {
		shares = append(shares, tokens*fixture.StepFLOPs(fixture.Sequence)/1e9/(*p)[i])
	}
	r.Note("step: %.0f GFLOP/s of the model's mathematics, our matrix product %.0f (2048×576×1536, same threads, same turns): %.0f %%, in single turns %.0f to %.0f %%",
		ours.Median*fixture.StepFLOPs(fixture.Sequence)/1e9, contest.Median(*p), 100*contest.Median(shares), 100*slices.Min(shares), 100*slices.Max(shares))
	return nil
}
