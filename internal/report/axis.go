package report

import (
	"math"
	"strconv"
	"strings"

	"github.com/cultivar/cultivar/internal/humanize"
)

// axis maps values of one dimension to shares of a plot's width or height.
type axis struct {
	lo, hi float64
	ticks  []float64
	step   float64
}

// newAxis covers lo…hi with about n ticks at round numbers, and reaches to the outermost ones when it is
// to be round.
func newAxis(lo, hi float64, n int, round bool) axis {
	if !(hi > lo) { // one value, or none
		pad := math.Max(math.Abs(lo)*0.1, 0.5)
		lo, hi = lo-pad, hi+pad
	}
	a := axis{lo: lo, hi: hi, step: roundStep((hi - lo) / float64(n))}
	first, last := math.Ceil(lo/a.step), math.Floor(hi/a.step)
	if round {
		first, last = math.Floor(lo/a.step), math.Ceil(hi/a.step)
		a.lo, a.hi = first*a.step, last*a.step
	}
	for i := first; i <= last; i++ {
		a.ticks = append(a.ticks, i*a.step)
	}
	return a
}

// whole keeps the ticks that are whole numbers: there is no step 2.5.
func (a axis) whole() axis {
	var kept []float64
	for _, t := range a.ticks {
		if t == math.Trunc(t) {
			kept = append(kept, t)
		}
	}
	a.ticks, a.step = kept, math.Max(1, a.step)
	return a
}

// roundStep is the least of 1, 2, 2.5 and 5 times a power of ten that is at least v. Powers are found by
// multiplication, so that every machine finds the same.
func roundStep(v float64) float64 {
	unit := 1.0
	for unit > v {
		unit /= 10
	}
	for unit*10 <= v {
		unit *= 10
	}
	for _, m := range []float64{1, 2, 2.5, 5} {
		if m*unit >= v {
			return m * unit
		}
	}
	return 10 * unit
}

// at is where a value lies, 0 at lo and 1 at hi.
func (a axis) at(v float64) float64 { return (v - a.lo) / (a.hi - a.lo) }

// label prints a tick with as many decimals as its step needs.
func (a axis) label(v float64) string {
	if v == 0 {
		return "0"
	}
	if math.Abs(v) >= 1e5 {
		return humanize.Count(int64(v))
	}
	if a.step < 1e-3 {
		return exponent(strconv.FormatFloat(v, 'g', 3, 64))
	}
	decimals := 0
	for s := a.step; decimals < 4 && math.Abs(s-math.Round(s)) > 1e-9*s; s *= 10 {
		decimals++
	}
	if decimals == 0 {
		return humanize.Comma(int64(math.Round(v)))
	}
	return strconv.FormatFloat(v, 'f', decimals, 64)
}

// Number prints a measure with about four digits.
func Number(v float64) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "–"
	case math.Abs(v) >= 1000:
		return humanize.Comma(int64(math.Round(v)))
	case v == math.Trunc(v):
		return strconv.FormatFloat(v, 'f', 0, 64)
	case math.Abs(v) < 1e-3:
		return exponent(strconv.FormatFloat(v, 'g', 3, 64))
	case math.Abs(v) < 10:
		return strconv.FormatFloat(v, 'f', 4, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// exponent takes the padding out of 2e-05.
func exponent(s string) string {
	return strings.Replace(strings.Replace(s, "e-0", "e-", 1), "e+0", "e", 1)
}

// percent is a share as a coordinate of SVG or a width of it.
func percent(share float64) string {
	return strconv.FormatFloat(math.Round(share*1e4)/100, 'f', -1, 64) + "%"
}

// pixels is a coordinate.
func pixels(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }
