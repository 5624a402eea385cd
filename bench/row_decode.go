package main

import (
	"path/filepath"
	"slices"

	"github.com/cultivar/cultivar/internal/mapped"
	"github.com/cultivar/cultivar/internal/safetensors"
)

func decodeRow() row {
	return row{
		name: "decode", about: "greedy decoding of one sequence, 135M Llama shape, beside what memory bandwidth allows",
		unit: tokensPerSecond, runs: 5, contests: decodeContests, notes: decodeNotes,
	}
}

const decodeCase = "64 tokens"

func decodeContests(b *bench) ([]contest, error) {
	var list []contest
	for _, dtype := range []string{"float32", "bfloat16"} {
		dir, err := b.baseDir(dtype)
		if err != nil {
			return nil, err
		}
		args := decodeArgs{Base: dir, DType: dtype}
		list = append(list, contest{
			name: dtype, cases: []string{decodeCase}, unlike: dtype != "float32",
			sides: []side{
				{label: "cultivar", program: "decode", args: args},
				{label: "torch", peer: true, program: "decode", args: args},
			},
		})
	}
	return list, nil
}

// decodeNotes relates the rates to reading every weight once for every token. The bandwidth is that of
// the very weights, mapped as decoding reads them; memory of the program's own is faster on some
// machines, and stands beside it.
func decodeNotes(b *bench, r *report) error {
	for _, dtype := range []string{"float32", "bfloat16"} {
		ours := r.side(dtype, decodeCase, "cultivar")
		if ours == nil {
			continue
		}
		dir, err := b.baseDir(dtype)
		if err != nil {
			return err
		}
		weights, unmap, err := weightsOf(dir)
		if err != nil {
			return err
		}
		size := float64(4 * len(weights))
		mapped, own := readBandwidth(weights), readBandwidth(slices.Clone(weights))
		r.note("%s: %.0f %% of the bound of %.0f tokens/s (%.0f MB of weights a token at %.1f GB/s); %.0f %% of what a copy of them gives, %.1f GB/s",
			dtype, 100*ours.Median*size/mapped, mapped/size, size/1e6, mapped/1e9, 100*ours.Median*size/own, own/1e9)
		if err := unmap(); err != nil {
			return err
		}
	}
	return nil
}

// weightsOf maps the weights of a base in one file, whatever their type, as float32 to be summed.
func weightsOf(dir string) (weights []float32, unmap func() error, err error) {
	data, unmap, err := mapped.Open(filepath.Join(dir, "model.safetensors"))
	if err != nil {
		return nil, nil, err
	}
	n := len(data) / 4
	weights, err = safetensors.ViewF32(safetensors.Tensor{DType: safetensors.F32, Shape: []int{n}, Data: data[:4*n]})
	return weights, unmap, err
}
