package ops

import (
	"cmp"
	"slices"

	"gorgonia.org/tensor"
)

// Plan says where the results of a tape's operators lie, for any number of rows: a result needs
// memory from the operator that computes it to the last that reads it, and two results whose times
// do not overlap may have the same place.
type Plan struct {
	places  []place // by result, in the order in which a replay computes them
	kept    int     // floats a row in the arena
	scratch int     // floats a row in the scratch
	named   int     // floats a row that operators keep by name
}

// place is where a result lies; its offset is in floats a row.
type place struct {
	where  where
	offset int
}

type where int

const (
	inScratch       where = iota
	inArena               // read by the backward pass
	inOutput              // the caller's
	inInputGradient       // the caller's
)

// planRows rounds a number of rows up, so that every result begins on a cache line.
func planRows(rows int) int { return (rows + 15) &^ 15 }

// KeptBytes is what an arena holds between the forward and the backward pass of a number of rows.
func (p *Plan) KeptBytes(rows int) int64 {
	return 4 * (int64(p.kept)*int64(planRows(rows)) + int64(p.named)*int64(rows))
}

// ScratchBytes is the size of the scratch for a number of rows.
func (p *Plan) ScratchBytes(rows int) int64 { return 4 * int64(p.scratch) * int64(planRows(rows)) }

// plan gives every result its place; output and dinput have theirs with the caller.
func (r *recorder) plan(arena *Arena, output, dinput *tensor.Dense) *Plan {
	p := &Plan{places: make([]place, len(r.results))}
	over := r.overwritten(output, dinput)
	var shared []int
	for i, l := range r.results {
		if _, ok := over[i]; ok {
			continue
		}
		switch {
		case r.is(i, output):
			p.places[i].where = inOutput
		case r.is(i, dinput):
			p.places[i].where = inInputGradient
		case l.from < r.paused && l.to >= r.paused:
			p.places[i] = place{inArena, p.kept}
			p.kept += l.size
		default:
			shared = append(shared, i)
		}
	}
	for _, k := range arena.kept {
		p.named += len(k)
	}
	r.share(p, shared)
	for i := range r.results { // ascending: what is overwritten may have overwritten another
		if j, ok := over[i]; ok {
			p.places[i] = p.places[j]
		}
	}
	return p
}

// overwritten says which results take the place of an older one, and lets that live as long: those
// whose operator allows it and is the last to read the older one.
func (r *recorder) overwritten(output, dinput *tensor.Dense) map[int]int {
	over := make(map[int]int)
	callers := func(i int) bool { return r.is(i, output) || r.is(i, dinput) }
	for i := len(r.results) - 1; i >= 0; i-- {
		j, ok := r.over[i]
		if !ok || callers(i) || callers(j) || r.results[j].to > r.results[i].from || r.results[j].size != r.results[i].size {
			continue
		}
		over[i] = j
		r.results[j].to = r.results[i].to
	}
	return over
}

func (r *recorder) is(result int, d *tensor.Dense) bool {
	i, ok := r.of[d]
	return ok && i == result
}

// share gives places in the scratch: the largest results first, each at the lowest offset that is
// free for all of its time.
func (r *recorder) share(p *Plan, results []int) {
	slices.SortStableFunc(results, func(a, b int) int { return cmp.Compare(r.results[b].size, r.results[a].size) })
	for n, i := range results {
		l := r.results[i]
		var taken [][2]int // offsets in use at that time
		for _, j := range results[:n] {
			if o := r.results[j]; o.from <= l.to && l.from <= o.to {
				taken = append(taken, [2]int{p.places[j].offset, p.places[j].offset + o.size})
			}
		}
		slices.SortFunc(taken, func(a, b [2]int) int { return cmp.Compare(a[0], b[0]) })
		at := 0
		for _, t := range taken {
			if at+l.size <= t[0] {
				break
			}
			at = max(at, t[1])
		}
		p.places[i].offset = at
		p.scratch = max(p.scratch, at+l.size)
	}
}
