package main

import (
	"fmt"
	"runtime"

	"github.com/cultivar/cultivar/bench/contest"
	"github.com/cultivar/cultivar/bench/worker"
)

var gigaflops = contest.Unit{Name: "GFLOP/s", Scale: 1e-9}

func gemmRow() row {
	return row{
		name: "gemm", about: "float32 matrix products, ours and torch.mm (MKL)",
		unit: gigaflops, runs: 5, contests: gemmContests, notes: gemmNotes,
	}
}

func gemmContests(*bench) ([]contest.Contest, error) {
	var list []contest.Contest
	for _, threads := range threadCounts() {
		for _, group := range []struct {
			name  string
			cases []string
		}{{"big", worker.BigProducts()}, {"odd", worker.OddProducts()}} {
			list = append(list, contest.Contest{
				Name: fmt.Sprintf("%s/%d", group.name, threads), Cases: group.cases,
				Sides: []contest.Side{
					{Label: "cultivar", Program: "gemm", Threads: threads},
					{Label: "torch", Peer: true, Program: "gemm", Threads: threads},
				},
			})
		}
	}
	return list, nil
}

// threadCounts are one, and all.
func threadCounts() []int {
	if all := runtime.GOMAXPROCS(0); all > 1 {
		return []int{1, all}
	}
	return []int{1}
}

// gemmNotes adds the geometric mean of the ratios of each contest, and the worst.
func gemmNotes(_ *bench, r *contest.Report) error {
	r.NoteRatios()
	return nil
}
