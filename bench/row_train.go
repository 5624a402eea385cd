package main

import (
	"fmt"
	"slices"

	"github.com/cultivar/cultivar/bench/contest"
	"github.com/cultivar/cultivar/bench/fixture"
	"github.com/cultivar/cultivar/bench/worker"
)

func packedRow() row {
	return row{
		name: "packed", about: "the step on rows of 32 to 512 tokens, packed by us, padded by the peer, beside full rows",
		unit: tokensPerSecond, runs: 3, contests: packedContests, notes: packedNotes,
	}
}

// packedContests are one contest of ours alone, mixed rows in turns with full ones, and one with
// the peer.
func packedContests(b *bench) ([]contest.Contest, error) {
	dir, err := b.fixtures.Base("float32")
	if err != nil {
		return nil, err
	}
	lengths, ids, err := fixture.Mixed().Write(b.fixtures, dir)
	if err != nil {
		return nil, err
	}
	plain, _, err := fixture.Full().Write(b.fixtures, dir)
	if err != nil {
		return nil, err
	}
	packed := contest.Side{Label: "cultivar packed", Program: "train", Args: worker.TrainArgs{Base: dir, Data: lengths, Config: fixture.Mixed().Config()}}
	whole := contest.Side{Label: "cultivar full", Program: "train", Args: worker.TrainArgs{Base: dir, Data: plain, Config: fixture.Full().Config()}}
	peer := contest.Side{Label: "torch padded", Peer: true, Program: "step",
		Args: gradientArgs{Base: dir, Steps: ids, DType: "float32", Rank: fixture.Rank, MicroBatch: fixture.Batch}}
	return []contest.Contest{
		{Name: "ours", Training: true, Cases: []string{"mixed"}, Sides: []contest.Side{packed, whole}, Unlike: true},
		{Name: "peer", Training: true, Cases: []string{"mixed"}, Sides: []contest.Side{packed, peer}, Tolerance: stepTolerance},
	}, nil
}

func packedNotes(_ *bench, r *contest.Report) error {
	packed, whole := r.Side("ours", "mixed", "cultivar packed"), r.Side("ours", "mixed", "cultivar full")
	if packed != nil && whole != nil {
		r.Note("packed rows reach %.0f %% of the tokens/s of full ones", 100*packed.Median/whole.Median)
	}
	return nil
}

func scalingRow() row {
	return row{
		name: "scaling", about: "the step on one thread and on all",
		unit: tokensPerSecond, runs: 1, contests: scalingContests, notes: scalingNotes,
	}
}

func scalingContests(b *bench) ([]contest.Contest, error) {
	steps, err := stepContests(fixture.Full(), nil)(b)
	if err != nil {
		return nil, err
	}
	var list []contest.Contest
	for _, threads := range threadCounts() {
		c := steps[0]
		c.Name, c.Sides = fmt.Sprintf("threads/%d", threads), slices.Clone(c.Sides)
		for i := range c.Sides {
			c.Sides[i].Threads = threads
		}
		list = append(list, c)
	}
	return list, nil
}

func scalingNotes(_ *bench, r *contest.Report) error {
	counts := threadCounts()
	most := counts[len(counts)-1]
	for _, label := range []string{"cultivar", "torch"} {
		one, all := r.Side("threads/1", fixture.Full().Name, label), r.Side(fmt.Sprintf("threads/%d", most), fixture.Full().Name, label)
		if one != nil && all != nil && most > 1 {
			r.Note("%s: %.2f× from 1 to %d threads", label, all.Median/one.Median, most)
		}
	}
	return nil
}
