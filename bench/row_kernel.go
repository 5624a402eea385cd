package main

import (
	"fmt"

	"github.com/cultivar/cultivar/bench/contest"
	"github.com/cultivar/cultivar/bench/worker"
)

func attentionRow() row {
	return row{
		name: "attention", about: "causal grouped-query attention, ours and torch's scaled_dot_product_attention",
		unit: gigaflops, runs: 5, contests: attentionContests, notes: gemmNotes,
	}
}

func attentionContests(*bench) ([]contest.Contest, error) {
	var list []contest.Contest
	for _, threads := range threadCounts() {
		list = append(list, contest.Contest{
			Name: fmt.Sprintf("threads/%d", threads), Cases: worker.AttentionCases(),
			Sides: []contest.Side{
				{Label: "cultivar", Program: "attention", Threads: threads},
				{Label: "torch", Peer: true, Program: "attention", Threads: threads},
			},
		})
	}
	return list, nil
}
