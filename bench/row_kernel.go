package main

import "fmt"

func attentionRow() row {
	return row{
		name: "attention", about: "causal grouped-query attention, ours and torch's scaled_dot_product_attention",
		unit: gigaflops, runs: 5, contests: attentionContests, notes: gemmNotes,
	}
}

func attentionContests(*bench) ([]contest, error) {
	var cases []string
	for _, s := range []attentionShape{
		{batch, sequence, heads, kvHeads, hidden / heads, "forward"},
		{batch, sequence, heads, kvHeads, hidden / heads, "training"},
		{1, 2048, heads, kvHeads, hidden / heads, "forward"},
		{1, 2048, heads, kvHeads, hidden / heads, "training"},
		{1, 1024, 32, 32, 128, "forward"},
		{1, 1024, 32, 32, 128, "training"},
	} {
		cases = append(cases, s.String())
	}
	var list []contest
	for _, threads := range threadCounts() {
		list = append(list, contest{
			name: fmt.Sprintf("threads/%d", threads), cases: cases,
			sides: []side{
				{label: "cultivar", program: "attention", threads: threads},
				{label: "torch", peer: true, program: "attention", threads: threads},
			},
		})
	}
	return list, nil
}
