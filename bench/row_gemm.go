package main

import (
	"fmt"
	"math"
	"runtime"
)

var gigaflops = unit{Name: "GFLOP/s", Scale: 1e-9}

// The shapes: the frozen matrices of the 135M step and the squares around them, and what LoRA adds,
// which no tile fits.
func bigProducts() []string {
	var list []string
	for _, k := range []int{576, 1536, 2048} {
		for _, n := range []int{576, 1536, 2048} {
			list = append(list, product{2048, n, k, "forward"}.String())
		}
	}
	return append(list, product{2048, hidden, inner, "backward"}.String(), product{512, vocabulary, hidden, "forward"}.String())
}

func oddProducts() []string {
	var list []string
	for _, p := range []product{
		{2048, 16, 576, "forward"}, {2048, 16, 1536, "forward"}, // x·Aᵀ
		{2048, 576, 16, "forward"}, {2048, 1536, 16, "forward"}, // h·Bᵀ
		{2048, 16, 1536, "backward"}, {2048, 576, 16, "backward"}, // dy·B, dh·A
		{16, 576, 2048, "weights"}, {1536, 16, 2048, "weights"}, // gradients of A and B
		{2048, 8, 576, "forward"}, {8, 576, 2048, "weights"}, // rank 8
		{2048, 64, 576, "forward"}, {2048, 576, 64, "forward"}, // rank 64
		{1, 1536, 576, "forward"}, {7, 1536, 576, "forward"}, {33, 1536, 576, "forward"}, // few rows
		{2047, 575, 577, "forward"}, {511, 1535, 577, "backward"},
	} {
		list = append(list, p.String())
	}
	return list
}

func gemmRow() row {
	return row{
		name: "gemm", about: "float32 matrix products, ours and torch.mm (MKL)",
		unit: gigaflops, runs: 5, contests: gemmContests, notes: gemmNotes,
	}
}

func gemmContests(*bench) ([]contest, error) {
	var list []contest
	for _, threads := range threadCounts() {
		for _, group := range []struct {
			name  string
			cases []string
		}{{"big", bigProducts()}, {"odd", oddProducts()}} {
			list = append(list, contest{
				name: fmt.Sprintf("%s/%d", group.name, threads), cases: group.cases,
				sides: []side{
					{label: "cultivar", program: "gemm", threads: threads},
					{label: "torch", peer: true, program: "gemm", threads: threads},
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
func gemmNotes(_ *bench, r *report) error {
	r.noteRatios()
	return nil
}

// noteRatios notes, for each contest, the geometric mean of the ratios and the lowest.
func (r *report) noteRatios() {
	type group struct {
		logs  float64
		n     int
		worst float64
		where string
	}
	groups := make(map[string]*group)
	var order []string
	for _, c := range r.Cases {
		for _, s := range c.Sides {
			if !s.Peer {
				continue
			}
			g := groups[c.Contest]
			if g == nil {
				g = &group{worst: math.Inf(1)}
				groups[c.Contest] = g
				order = append(order, c.Contest)
			}
			ratio := r.Unit.ratio(c.Sides[0].Median, s.Median)
			g.logs += math.Log(ratio)
			g.n++
			if ratio < g.worst {
				g.worst, g.where = ratio, c.Name
			}
		}
	}
	for _, name := range order {
		g := groups[name]
		if g.n == 1 {
			continue // the table says it
		}
		r.note("%s: %.2f× the peer (geometric mean of %d), lowest %.2f× (%s)", name, math.Exp(g.logs/float64(g.n)), g.n, g.worst, g.where)
	}
}
