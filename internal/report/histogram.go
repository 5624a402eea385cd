package report

import (
	"math"
	"strconv"

	"github.com/cultivar/cultivar/internal/humanize"
)

// Histogram shows how values are distributed.
type Histogram struct {
	Title string
	Note  string
	X     string // what the values are, such as "characters"
	Y     string // what is counted, such as "documents"
	Bins  []Bin
	Small bool
}

// Bin counts the values from Lo to below Hi; of the last, up to Hi.
type Bin struct {
	Lo, Hi float64
	Count  int64
}

// Binned counts values in about n bins of one round width; nil when there are none.
func Binned(values []float64, n int) []Bin {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if finite(v) {
			lo, hi = math.Min(lo, v), math.Max(hi, v)
		}
	}
	if hi < lo {
		return nil
	}
	a := newAxis(lo, hi, n, true)
	bins := make([]Bin, max(1, int(math.Round((a.hi-a.lo)/a.step))))
	for i := range bins {
		bins[i].Lo, bins[i].Hi = a.lo+float64(float64(i)*a.step), a.lo+float64(float64(i+1)*a.step)
	}
	for _, v := range values {
		if finite(v) {
			bins[min(len(bins)-1, int((v-a.lo)/a.step))].Count++
		}
	}
	return bins
}

type columnView struct{ X, Width, Y, Height, Text string }

func (h Histogram) view() (string, any) {
	v := struct {
		Histogram
		Height  int
		Ys, Xs  []tickView
		Columns []columnView
		Data    Table
	}{Histogram: h, Height: 190}
	if h.Small {
		v.Height = smallHeight
	}
	if len(h.Bins) == 0 {
		return "histogram", v
	}
	most := int64(1)
	for _, b := range h.Bins {
		most = max(most, b.Count)
	}
	y := newAxis(0, float64(most), 3, true).whole()
	for _, t := range y.ticks {
		v.Ys = append(v.Ys, tickView{pixels(float64(v.Height) * (1 - y.at(t))), y.label(t), ""})
	}
	v.Data = Table{Title: "Values", Head: []string{h.X, h.Y}, Numbers: 2, Fold: true}
	width := 1 / float64(len(h.Bins))
	for i, b := range h.Bins {
		height := float64(v.Height) * y.at(float64(b.Count))
		name := Number(b.Lo) + " – " + Number(b.Hi)
		v.Columns = append(v.Columns, columnView{percent(width * (float64(i) + 0.06)), percent(width * 0.88),
			pixels(float64(v.Height) - height), pixels(height), name + " " + h.X + "\n" + humanize.Comma(b.Count) + " " + h.Y})
		v.Data.Rows = append(v.Data.Rows, []string{name, humanize.Comma(b.Count)})
	}
	v.Xs = edges(h.Bins)
	return "histogram", v
}

// edges labels about five of the borders between bins, which may be of any widths.
func edges(bins []Bin) []tickView {
	var list []tickView
	every := (len(bins) + 4) / 5
	for i := 0; i <= len(bins); i += every {
		text, anchor := "", "middle"
		if i < len(bins) {
			text = short(bins[i].Lo)
		} else {
			text, anchor = short(bins[i-1].Hi), "end"
		}
		list = append(list, tickView{percent(float64(i) / float64(len(bins))), text, anchor})
	}
	return list
}

// short is a number that fits below a column.
func short(v float64) string {
	if math.Abs(v) >= 1000 {
		return humanize.Count(int64(v))
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
