package contest

import "math"

// NoteRatios notes, for each contest, the geometric mean of the ratios and the lowest.
func (r *Report) NoteRatios() {
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
		r.Note("%s: %.2f× the peer (geometric mean of %d), lowest %.2f× (%s)", name, math.Exp(g.logs/float64(g.n)), g.n, g.worst, g.where)
	}
}
