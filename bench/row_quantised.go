package main

import (
	"os"
	"path/filepath"

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
func quantisedContests(b *bench) ([]contest, error) {
	ours := contest{name: "ours", cases: []string{full.name}, unlike: true}
	var list []contest
	for _, t := range baseTypes {
		dir, err := b.baseDir(t.name)
		if err != nil {
			return nil, err
		}
		data, ids, err := full.write(b, dir)
		if err != nil {
			return nil, err
		}
		here := side{label: "cultivar " + t.name, program: "train", args: trainArgs{Base: dir, Data: data, Config: configFor(full)}}
		ours.sides = append(ours.sides, here)
		list = append(list, contest{
			name: t.name, cases: []string{full.name}, tolerance: t.tolerance,
			sides: []side{here, {label: "torch " + t.name, peer: true, program: "step",
				args: gradientArgs{Base: dir, Steps: ids, DType: t.peer, Rank: rank, MicroBatch: batch}}},
		})
	}
	return append([]contest{ours}, list[1:]...), nil // float32 is the row step
}

func quantisedNotes(b *bench, r *report) error {
	plain := r.side("ours", full.name, "cultivar float32")
	if plain == nil {
		return nil
	}
	for _, t := range baseTypes {
		dir, err := b.baseDir(t.name)
		if err != nil {
			return err
		}
		info, err := os.Stat(filepath.Join(dir, safetensors.SingleName))
		if err != nil {
			return err
		}
		here := r.side("ours", full.name, "cultivar "+t.name)
		r.note("%s: %.2f× the speed of float32, weights of %d MB", t.name, here.Median/plain.Median, info.Size()/1_000_000)
	}
	return nil
}
