package report

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/cultivar/cultivar/internal/humanize"
)

// Bars compares the sizes of named things; it is a table whose cells are drawn.
type Bars struct {
	Title string
	Note  string
	Rows  []Bar
	None  string // said instead when there are no rows
	Small bool
}

// Bar is one row of Bars.
type Bar struct {
	Name  string
	Count int64
}

// Counted makes bars of counts by name, the largest first, and at most n of them: the last then stands for
// all others.
func Counted(by map[string]int64, n int) []Bar {
	rows := make([]Bar, 0, len(by))
	for _, name := range slices.Sorted(maps.Keys(by)) {
		rows = append(rows, Bar{name, by[name]})
	}
	slices.SortStableFunc(rows, func(a, b Bar) int { return cmp.Compare(b.Count, a.Count) })
	if len(rows) <= n {
		return rows
	}
	others := Bar{Name: "all others"}
	for _, r := range rows[n-1:] {
		others.Count += r.Count
	}
	return append(rows[:n-1:n-1], others)
}

type barView struct{ Name, Width, Text, Share string }

func (b Bars) view() (string, any) {
	most, total := int64(1), int64(0)
	for _, r := range b.Rows {
		most, total = max(most, r.Count), total+r.Count
	}
	v := struct {
		Bars
		Drawn []barView
	}{Bars: b}
	for _, r := range b.Rows {
		v.Drawn = append(v.Drawn, barView{
			r.Name, percent(float64(r.Count) / float64(most)), humanize.Comma(r.Count), shareOf(r.Count, total),
		})
	}
	return "bars", v
}

// shareOf is a share in per cent as people say it.
func shareOf(n, total int64) string {
	switch share := 100 * float64(n) / float64(max(total, 1)); {
	case n == 0:
		return "0 %"
	case share < 0.1:
		return "< 0.1 %"
	case share >= 99.5 && n < total:
		return "> 99 %"
	case share < 10:
		return strings.TrimSuffix(strconv.FormatFloat(share, 'f', 1, 64), ".0") + " %"
	default:
		return strconv.FormatFloat(share, 'f', 0, 64) + " %"
	}
}

// Funnel shows what is left after each of several stages, and what each took out.
type Funnel struct {
	Title string
	Note  string
	Unit  string // of what passes, such as "documents"
	In    int64
	Steps []Step
}

// Step is one stage of a Funnel.
type Step struct {
	Name string
	Lost []Bar // by reason
}

type stepView struct {
	Name, Left, LeftWidth, LostWidth, LostAt, Minus string
	Lost                                            []barView
}

func (f Funnel) view() (string, any) {
	v := struct {
		Funnel
		Came, Left, Share string
		Drawn             []stepView
	}{Funnel: f, Came: humanize.Comma(f.In)}
	left, all := f.In, float64(max(f.In, 1))
	for _, s := range f.Steps {
		step := stepView{Name: s.Name}
		lost := int64(0)
		for _, r := range s.Lost {
			lost += r.Count
			step.Lost = append(step.Lost, barView{Name: r.Name, Text: humanize.Comma(r.Count), Share: shareOf(r.Count, f.In)})
		}
		left -= lost
		step.Left, step.LeftWidth = humanize.Comma(left), percent(float64(left)/all)
		step.LostAt, step.LostWidth = step.LeftWidth, percent(float64(lost)/all)
		if lost > 0 {
			step.Minus = "−" + humanize.Comma(lost)
		}
		v.Drawn = append(v.Drawn, step)
	}
	v.Left, v.Share = humanize.Comma(left), shareOf(left, f.In)
	return "funnel", v
}
