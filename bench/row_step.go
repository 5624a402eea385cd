package main

import (
	"fmt"
	"slices"
)

var tokensPerSecond = unit{Name: "tokens/s", Scale: 1}

// stepTolerance is of the first step's loss: both sides have the same weights and B = 0, and differ
// in rounding alone.
const stepTolerance = 1e-4

func stepRow() row {
	p := new(products)
	return row{
		name: "step", about: "a LoRA r16 all-linear training step, 135M Llama shape, 4×512 tokens, float32",
		unit: tokensPerSecond, runs: 3, contests: stepContests(full, p.measure), notes: p.utilisation,
	}
}

func sftRow() row {
	return row{
		name: "sft", about: "the same step when 30 % of the tokens are trained",
		unit: tokensPerSecond, runs: 3, contests: stepContests(chats, nil),
	}
}

// stepContests are our fast mode against plain PyTorch, and our small mode against its
// checkpointing. After each turn of the first, after is called.
func stepContests(d dataset, after func() error) func(*bench) ([]contest, error) {
	return func(b *bench) ([]contest, error) {
		dir, err := b.baseDir("float32")
		if err != nil {
			return nil, err
		}
		data, ids, err := d.write(b, dir)
		if err != nil {
			return nil, err
		}
		peer := gradientArgs{Base: dir, Steps: ids, DType: "float32", Rank: rank, MicroBatch: batch}
		plain, checkpointing := peer, peer
		checkpointing.Checkpointing = true
		return []contest{
			{
				name: "fast", cases: []string{d.name}, tolerance: stepTolerance, after: after,
				sides: []side{
					{label: "cultivar", program: "train", args: trainArgs{Base: dir, Data: data, Config: configFor(d)}},
					{label: "torch", peer: true, program: "step", args: plain},
				},
			},
			{
				name: "small", cases: []string{d.name}, tolerance: stepTolerance,
				sides: []side{
					{label: "cultivar", program: "train", args: trainArgs{Base: dir, Data: data, Config: configFor(d), Memory: smallMemory}},
					{label: "torch checkpointing", peer: true, program: "step", args: checkpointing},
				},
			},
		}, nil
	}
}

// smallMemory is the budget of our small mode, in bytes, of which the weights are 540 MB.
const smallMemory = 1_200_000_000

// stepFLOPs counts the floating-point operations that a training step's mathematics needs for a
// token, a multiply-add being two: forward, and backward to both factors of every LoRA module and to the
// inputs of every frozen matrix but the first layer's queries, keys and values, below which nothing is
// trained. What is computed again to save memory is not counted, nor the scores that attention computes
// again (Chowdhery et al., "PaLM", 2022, appendix B).
func stepFLOPs(sequence int) float64 {
	const q, kv = heads * (hidden / heads), kvHeads * (hidden / heads)
	const frozen = layers*(hidden*q+2*hidden*kv+q*hidden+3*hidden*inner) + vocabulary*hidden
	const factors = layers * rank * ((hidden + q) + 2*(hidden+kv) + (q + hidden) + 3*(hidden+inner))
	const unneeded = hidden*(q+2*kv) + rank*3*hidden
	attention := float64(layers) * 2 * q * float64(sequence+1) / 2 * 2 // scores and values, a token sees half on average
	return 2*(2*frozen+3*factors-unneeded) + 3*attention
}

// products are the rates, in GFLOP/s, of our matrix product of the step's most frequent shape, one of each
// turn.
type products []float64

// productRuns of the product are measured after a step, and take half a second together.
const productRuns = 50

// measure adds the median rate of some products.
func (p *products) measure() error {
	run, err := newGemmWorker(nil)
	if err != nil {
		return err
	}
	var rates []float64
	for range productRuns {
		s, err := run(fmt.Sprintf("%d %d %d forward", batch*sequence, inner, hidden))
		if err != nil {
			return err
		}
		rates = append(rates, s.Work/s.Seconds/1e9)
	}
	*p = append(*p, median(rates))
	return nil
}

// utilisation relates the step's rate to that of the product in the same turn.
func (p *products) utilisation(_ *bench, r *report) error {
	ours := r.side("fast", full.name, "cultivar")
	if ours == nil {
		return nil
	}
	var shares []float64
	for i, tokens := range ours.Figures {
		shares = append(shares, tokens*stepFLOPs(sequence)/1e9/(*p)[i])
	}
	r.note("step: %.0f GFLOP/s of the model's mathematics, our matrix product %.0f (2048×576×1536, same threads, same turns): %.0f %%, in single turns %.0f to %.0f %%",
		ours.Median*stepFLOPs(sequence)/1e9, median(*p), 100*median(shares), 100*slices.Min(shares), 100*slices.Max(shares))
	return nil
}
