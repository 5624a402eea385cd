package main

import (
	"fmt"
	"slices"
)

func packedRow() row {
	return row{
		name: "packed", about: "the step on rows of 32 to 512 tokens, packed by us, padded by the peer, beside full rows",
		unit: tokensPerSecond, runs: 3, contests: packedContests, notes: packedNotes,
	}
}

// packedContests are one contest of ours alone, mixed rows in turns with full ones, and one with
// the peer.
func packedContests(b *bench) ([]contest, error) {
	dir, err := b.baseDir("float32")
	if err != nil {
		return nil, err
	}
	lengths, ids, err := mixed.write(b, dir)
	if err != nil {
		return nil, err
	}
	plain, _, err := full.write(b, dir)
	if err != nil {
		return nil, err
	}
	packed := side{label: "cultivar packed", program: "train", args: trainArgs{Base: dir, Data: lengths, Config: configFor(mixed)}}
	whole := side{label: "cultivar full", program: "train", args: trainArgs{Base: dir, Data: plain, Config: configFor(full)}}
	peer := side{label: "torch padded", peer: true, program: "step",
		args: gradientArgs{Base: dir, Steps: ids, DType: "float32", Rank: rank, MicroBatch: batch}}
	return []contest{
		{name: "ours", cases: []string{"mixed"}, sides: []side{packed, whole}, unlike: true},
		{name: "peer", cases: []string{"mixed"}, sides: []side{packed, peer}, tolerance: stepTolerance},
	}, nil
}

func packedNotes(_ *bench, r *report) error {
	packed, whole := r.side("ours", "mixed", "cultivar packed"), r.side("ours", "mixed", "cultivar full")
	if packed != nil && whole != nil {
		r.note("packed rows reach %.0f %% of the tokens/s of full ones", 100*packed.Median/whole.Median)
	}
	return nil
}

func scalingRow() row {
	return row{
		name: "scaling", about: "the step on one thread and on all",
		unit: tokensPerSecond, runs: 1, contests: scalingContests, notes: scalingNotes,
	}
}

func scalingContests(b *bench) ([]contest, error) {
	steps, err := stepContests(full, nil)(b)
	if err != nil {
		return nil, err
	}
	var list []contest
	for _, threads := range threadCounts() {
		c := steps[0]
		c.name, c.sides = fmt.Sprintf("threads/%d", threads), slices.Clone(c.sides)
		for i := range c.sides {
			c.sides[i].threads = threads
		}
		list = append(list, c)
	}
	return list, nil
}

func scalingNotes(_ *bench, r *report) error {
	counts := threadCounts()
	most := counts[len(counts)-1]
	for _, label := range []string{"cultivar", "torch"} {
		one, all := r.side("threads/1", full.name, label), r.side(fmt.Sprintf("threads/%d", most), full.name, label)
		if one != nil && all != nil && most > 1 {
			r.note("%s: %.2f× from 1 to %d threads", label, all.Median/one.Median, most)
		}
	}
	return nil
}
