package main

import (
	"os"
	"path/filepath"

	"github.com/cultivar/cultivar/bench/contest"
	"github.com/cultivar/cultivar/bench/fixture"
	"github.com/cultivar/cultivar/bench/worker"
	"github.com/cultivar/cultivar/internal/safetensors"
)

func quantisedRow() row {
	return row{
		name: "quantised", about: "the step on a base in float32, bfloat16, and bitsandbytes' int8 and NF4",
		unit: tokensPerSecond, runs: 2, contests: quantisedContests, notes: quantisedNotes,
	}
}

// baseTypes are the types of bases, with how far the peer's first loss may be from ours: it computes
// in bfloat16, and with int8 activations as well, where we compute in float32.
var baseTypes = []struct {
	name      string
	peer      string // dtype of what is not quantised
	tolerance float64
}{
	{"float32", "float32", stepTolerance}, {"bfloat16", "bfloat16", 1e-2}, {"int8", "float32", 1e-2}, {"nf4", "float32", stepTolerance},
}

// quantisedContests are ours on all types in turns, and each type against the peer.
func quantisedContests(b *bench) ([]contest.Contest, error) {
	ours := contest.Contest{Name: "ours", Training: true, Cases: []string{fixture.Full().Name}, Unlike: true}
	var list []contest.Contest
	for _, t := range baseTypes {
		dir, err := b.fixtures.Base(t.name)
		if err != nil {
			return nil, err
		}
		data, ids, err := fixture.Full().Write(b.fixtures, dir)
		if err != nil {
			return nil, err
		}
		here := contest.Side{Label: "cultivar " + t.name, Program: "train", Args: worker.TrainArgs{Base: dir, Data: data, Config: fixture.Full().Config()}}
		ours.Sides = append(ours.Sides, here)
		list = append(list, contest.Contest{
			Name: t.name, Training: true, Cases: []string{fixture.Full().Name}, Tolerance: t.tolerance,
			Sides: []contest.Side{here, {Label: "torch " + t.name, Peer: true, Program: "step",
				Args: gradientArgs{Base: dir, Steps: ids, DType: t.peer, Rank: fixture.Rank, MicroBatch: fixture.Batch}}},
		})
	}
	return append([]contest.Contest{ours}, list[1:]...), nil // float32 is the row step
}

func quantisedNotes(b *bench, r *contest.Report) error {
	plain := r.Side("ours", fixture.Full().Name, "cultivar float32")
	if plain == nil {
		return nil
	}
	for _, t := range baseTypes {
		dir, err := b.fixtures.Base(t.name)
		if err != nil {
			return err
		}
		info, err := os.Stat(filepath.Join(dir, safetensors.SingleName))
		if err != nil {
			return err
		}
		here := r.Side("ours", fixture.Full().Name, "cultivar "+t.name)
		r.Note("%s: %.2f× the speed of float32, weights of %d MB", t.name, here.Median/plain.Median, info.Size()/1_000_000)
	}
	return nil
}
