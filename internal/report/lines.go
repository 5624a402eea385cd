package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Lines is a plot of one or more measures over steps, time or whatever grows.
type Lines struct {
	Title  string
	Note   string // below the plot
	X      string // what the horizontal axis counts, such as "step"
	Series []Series
	Zero   bool // let the vertical axis begin at 0
	Small  bool
}

// Series is one line: y over x, x ascending. What is not finite is left out, and leaves a gap.
type Series struct {
	Name  string
	X, Y  []float64
	Faint bool // the measured points behind a smoothed line
}

// Smooth is the mean of each value and up to so many on either side of it, fewer at the ends.
func Smooth(y []float64, each int) []float64 {
	sums, counts := make([]float64, len(y)+1), make([]int, len(y)+1)
	for i, v := range y {
		sums[i+1], counts[i+1] = sums[i], counts[i]
		if finite(v) {
			sums[i+1], counts[i+1] = sums[i]+v, counts[i]+1
		}
	}
	out := make([]float64, len(y))
	for i := range y {
		reach := min(each, i, len(y)-1-i)
		lo, hi := i-reach, i+reach+1
		out[i] = (sums[hi] - sums[lo]) / float64(counts[hi]-counts[lo])
	}
	return out
}

// The canvas of lines; the width is what 1000 stand for, whatever that is on the screen.
const (
	lineWidth   = 1000
	lineHeight  = 260
	smallHeight = 150
	mostPoints  = 800 // of a line: more than there are pixels show nothing more
	mostZones   = 120 // that tell their values
	mostDots    = 14  // more points than that are no dots
	mostRows    = 40  // of the table beside a plot
)

type linesView struct {
	Lines
	Height int
	Ys, Xs []tickView
	Drawn  []lineView
	Dots   []dotView
	Zones  []zoneView
	Data   Table
}

type tickView struct{ At, Text, Anchor string }

type lineView struct {
	Name, Last string
	Color      int
	Faint      bool
	Path       string
}

type dotView struct {
	X, Y  string
	Color int
}

type zoneView struct{ X, Width, Text string }

func (l Lines) view() (string, any) {
	v := linesView{Lines: l, Height: lineHeight}
	if l.Small {
		v.Height = smallHeight
	}
	xs := l.positions()
	if len(xs) == 0 {
		return "lines", v
	}
	x, y := l.axes(xs)
	for _, t := range x.ticks {
		at := x.at(t)
		anchor := "middle"
		if at > 0.97 {
			anchor = "end"
		}
		v.Xs = append(v.Xs, tickView{percent(at), x.label(t), anchor})
	}
	for _, t := range y.ticks {
		v.Ys = append(v.Ys, tickView{pixels(float64(v.Height) * (1 - y.at(t))), y.label(t), ""})
	}
	color := 0
	for i, s := range l.Series {
		if i > 0 && !l.Series[i-1].Faint { // a faint line has the colour of the one over it
			color++
		}
		v.add(s, color+1, x, y)
	}
	v.zones(xs, x)
	v.table(xs)
	return "lines", v
}

// positions are all x that have a value, ascending.
func (l Lines) positions() []float64 {
	var xs []float64
	for _, s := range l.Series {
		for i, x := range s.X {
			if finite(s.Y[i]) {
				xs = append(xs, x)
			}
		}
	}
	slices.Sort(xs)
	return slices.Compact(xs)
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func (l Lines) axes(xs []float64) (x, y axis) {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, s := range l.Series {
		for _, v := range s.Y {
			if finite(v) {
				lo, hi = math.Min(lo, v), math.Max(hi, v)
			}
		}
	}
	if l.Zero {
		lo = math.Min(lo, 0)
	}
	n := 4
	if l.Small {
		n = 3
	}
	return newAxis(xs[0], xs[len(xs)-1], n, false).whole(), newAxis(lo, hi, n, true)
}

// add draws one line.
func (v *linesView) add(s Series, color int, x, y axis) {
	line := lineView{Name: s.Name, Color: color, Faint: s.Faint}
	var path strings.Builder
	pen := "M"
	shown := thin(s)
	for _, i := range shown {
		if !finite(s.Y[i]) {
			pen = "M"
			continue
		}
		px, py := x.at(s.X[i]), float64(v.Height)*(1-y.at(s.Y[i]))
		fmt.Fprintf(&path, "%s%s %s", pen, pixels(px*lineWidth), pixels(py))
		pen = "L"
		if len(shown) <= mostDots {
			v.Dots = append(v.Dots, dotView{percent(px), pixels(py), color})
		}
		if !s.Faint {
			line.Last = Number(s.Y[i])
		}
	}
	line.Path = path.String()
	v.Drawn = append(v.Drawn, line)
}

// thin lists the points to draw of a long line: the least and the greatest of each stretch, in order, so
// that no peak is lost.
func thin(s Series) []int {
	var list []int
	if len(s.X) <= mostPoints {
		for i := range s.X {
			list = append(list, i)
		}
		return list
	}
	const stretches = mostPoints / 2
	for k := range stretches {
		lo, hi := k*len(s.X)/stretches, (k+1)*len(s.X)/stretches
		least, most := lo, lo
		for i := lo; i < hi; i++ {
			if s.Y[i] < s.Y[least] {
				least = i
			}
			if s.Y[i] > s.Y[most] {
				most = i
			}
		}
		list = append(list, min(least, most))
		if least != most {
			list = append(list, max(least, most))
		}
	}
	return list
}

// spread picks at most n of count indices, evenly, with the first and the last.
func spread(count, n int) []int {
	if count <= n {
		n = count
	}
	list := make([]int, n)
	for i := range list {
		if n > 1 {
			list[i] = i * (count - 1) / (n - 1)
		}
	}
	return list
}

// pick chooses at most about n of the positions, evenly, and with them those of lines that have few points:
// they are what the others are compared with.
func (l Lines) pick(xs []float64, n int) []float64 {
	var picked []float64
	for _, i := range spread(len(xs), n) {
		picked = append(picked, xs[i])
	}
	for _, s := range l.Series {
		if len(s.X) <= n {
			picked = append(picked, s.X...)
		}
	}
	slices.Sort(picked)
	return slices.Compact(picked)
}

// zones are strips of the plot that tell the values under the pointer, without a script.
func (v *linesView) zones(xs []float64, x axis) {
	picked := v.pick(xs, mostZones)
	for i, at := range picked {
		lo, hi := 0.0, 1.0
		if i > 0 {
			lo = x.at((picked[i-1] + at) / 2)
		}
		if i+1 < len(picked) {
			hi = x.at((at + picked[i+1]) / 2)
		}
		text := v.X + " " + Number(at)
		for _, s := range v.Series {
			if y, ok := s.at(at); ok {
				text += "\n" + s.Name + " " + Number(y)
			}
		}
		v.Zones = append(v.Zones, zoneView{percent(lo), percent(hi - lo), text})
	}
}

// at is the value at a position.
func (s Series) at(x float64) (float64, bool) {
	i, found := slices.BinarySearch(s.X, x)
	if !found || !finite(s.Y[i]) {
		return 0, false
	}
	return s.Y[i], true
}

// table is the same for those who do not see the plot.
func (v *linesView) table(xs []float64) {
	t := Table{Title: "Values", Head: []string{v.X}, Numbers: 1 + len(v.Series), Fold: true}
	for _, s := range v.Series {
		t.Head = append(t.Head, s.Name)
	}
	for _, at := range v.pick(xs, mostRows) {
		row := []string{Number(at)}
		for _, s := range v.Series {
			text := ""
			if y, ok := s.at(at); ok {
				text = Number(y)
			}
			row = append(row, text)
		}
		t.Rows = append(t.Rows, row)
	}
	if len(t.Rows) < len(xs) {
		t.Title = fmt.Sprintf("Values, %d of %d points", len(t.Rows), len(xs))
	}
	v.Data = t
}
