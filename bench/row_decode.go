package main

import (
	"path/filepath"
	"slices"
	"time"

	"github.com/cultivar/cultivar/bench/contest"
	"github.com/cultivar/cultivar/bench/worker"
	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/internal/mapped"
	"github.com/cultivar/cultivar/internal/parallel"
	"github.com/cultivar/cultivar/internal/safetensors"
)

func decodeRow() row {
	bounds := make(map[string]*bandwidths)
	return row{
		name: "decode", about: "greedy decoding of one sequence, 135M Llama shape, beside what memory bandwidth allows",
		unit: tokensPerSecond, runs: 5,
		contests: func(b *bench) ([]contest.Contest, error) { return decodeContests(b, bounds) },
		notes:    func(_ *bench, r *contest.Report) error { return decodeNotes(r, bounds) },
	}
}

const decodeCase = "64 tokens"

func decodeContests(b *bench, bounds map[string]*bandwidths) ([]contest.Contest, error) {
	var list []contest.Contest
	for _, dtype := range decodeTypes {
		dir, err := b.fixtures.Base(dtype)
		if err != nil {
			return nil, err
		}
		bounds[dtype] = &bandwidths{dir: dir}
		args := worker.DecodeArgs{Base: dir, DType: dtype}
		list = append(list, contest.Contest{
			Name: dtype, Cases: []string{decodeCase}, Unlike: dtype != "float32", After: bounds[dtype].measure,
			Sides: []contest.Side{
				{Label: "cultivar", Program: "decode", Args: args},
				{Label: "torch", Peer: true, Program: "decode", Args: args},
			},
		})
	}
	return list, nil
}

// decodeTypes are the types of weights that are decoded from.
var decodeTypes = []string{"float32", "bfloat16"}

// bandwidths are the rates, in bytes a second, at which the weights of a base are read, one of each turn: the
// very weights, mapped as decoding reads them, and a copy in the program's own memory, which is faster on
// some machines.
type bandwidths struct {
	dir         string
	size        int // of the weights
	mapped, own []float64
}

func (w *bandwidths) measure() error {
	weights, unmap, err := weightsOf(w.dir)
	if err != nil {
		return err
	}
	w.size = 4 * len(weights)
	w.mapped = append(w.mapped, readBandwidth(weights))
	w.own = append(w.own, readBandwidth(slices.Clone(weights)))
	return unmap()
}

// sweepRuns over memory are measured after a turn, and take as long as some tens of tokens.
const sweepRuns = 11

// readBandwidth is the median rate of some sweeps over memory on all threads, in bytes a second: what
// decoding, which reads every weight once for a token, can reach.
func readBandwidth(data []float32) float64 {
	const grain = 1 << 16
	sums := make([]float32, len(data)/grain+1)
	var rates []float64
	for range sweepRuns {
		began := time.Now()
		parallel.For(len(data), grain, func(lo, hi int) { sums[lo/grain] = vec.Sum(data[lo:hi]) })
		rates = append(rates, float64(4*len(data))/time.Since(began).Seconds())
	}
	return contest.Median(rates)
}

// decodeNotes relates the rates to reading every weight once for every token, in the same turn.
func decodeNotes(r *contest.Report, bounds map[string]*bandwidths) error {
	for _, dtype := range decodeTypes {
		ours := r.Side(dtype, decodeCase, "cultivar")
		if ours == nil {
			continue
		}
		w := bounds[dtype]
		share := func(rates []float64) (shares []float64) {
			for i, tokens := range ours.Figures {
				shares = append(shares, 100*tokens*float64(w.size)/rates[i])
			}
			return shares
		}
		mapped, own := share(w.mapped), share(w.own)
		r.Note("%s: %.0f MB of weights a token, which the same turns read at %.1f GB/s: %.0f %% of that bound of %.0f tokens/s, in single turns %.0f to %.0f %%; %.0f %% of what a copy of them gives, %.1f GB/s",
			dtype, float64(w.size)/1e6, contest.Median(w.mapped)/1e9, contest.Median(mapped), contest.Median(w.mapped)/float64(w.size),
			slices.Min(mapped), slices.Max(mapped), contest.Median(own), contest.Median(w.own)/1e9)
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
