package report

import (
	"bytes"
	"math"
	"regexp"
	"slices"
	"strconv"
	"testing"
)

var variable = regexp.MustCompile(`--([a-z0-9]+): #([0-9a-f]{6})`)

// schemes reads the colours of the light scheme and of the dark one.
func schemes(t *testing.T) [2]map[string]string {
	t.Helper()
	list := [2]map[string]string{{}, {}}
	for _, m := range variable.FindAllStringSubmatch(style, -1) {
		scheme := 0
		if _, seen := list[0][m[1]]; seen {
			scheme = 1
		}
		list[scheme][m[1]] = m[2]
	}
	if len(list[0]) < 10 || len(list[0]) != len(list[1]) {
		t.Fatalf("%d light colours and %d dark ones", len(list[0]), len(list[1]))
	}
	return list
}

// luminance and contrast are WCAG 2.2's.
func luminance(hex string) float64 {
	n, _ := strconv.ParseUint(hex, 16, 32)
	part := func(shift int) float64 {
		c := float64(n>>shift&0xff) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*part(16) + 0.7152*part(8) + 0.0722*part(0)
}

func contrast(a, b string) float64 {
	la, lb := luminance(a), luminance(b)
	return (math.Max(la, lb) + 0.05) / (math.Min(la, lb) + 0.05)
}

// TestContrast: text is readable and lines can be told from the paper, in both schemes (WCAG 2.2, 1.4.3
// and 1.4.11, level AA).
func TestContrast(t *testing.T) {
	if c := contrast("000000", "ffffff"); math.Abs(c-21) > 1e-9 {
		t.Fatalf("black on white is %v", c)
	}
	for i, colors := range schemes(t) {
		for _, c := range []struct {
			front, back string
			least       float64
		}{
			{"ink", "paper", 7}, {"ink", "panel", 7}, {"mild", "paper", 4.5}, {"mild", "panel", 4.5}, {"lost", "paper", 4.5},
			{"c1", "paper", 3}, {"c2", "paper", 3}, {"c3", "paper", 3}, {"c4", "paper", 3},
		} {
			if got := contrast(colors[c.front], colors[c.back]); got < c.least {
				t.Errorf("scheme %d: %s on %s has contrast %.2f, want %g", i, c.front, c.back, got, c.least)
			}
		}
	}
}

// TestColours: nothing is coloured but by the variables, so that both schemes are whole.
func TestColours(t *testing.T) {
	rest := variable.ReplaceAllString(style, "")
	if m := regexp.MustCompile(`#[0-9a-fA-F]{3,8}\b|rgba?\(|hsl`).FindString(rest); m != "" {
		t.Errorf("the style has the colour %q of its own", m)
	}
	used := map[string]bool{}
	for _, m := range regexp.MustCompile(`var\(--([a-z0-9]+)\)`).FindAllStringSubmatch(style, -1) {
		used[m[1]] = true
	}
	for name := range schemes(t)[0] {
		if !used[name] {
			t.Errorf("nothing has the colour %s", name)
		}
	}
}

func TestAxis(t *testing.T) {
	for _, c := range []struct {
		lo, hi float64
		n      int
		want   string
	}{
		{1, 60, 4, "20 40 60"}, {0, 1, 4, "0 0.25 0.50 0.75 1.00"}, {0, 2e-4, 3, "0 0.0001 0.0002"}, {0, 12345, 3, "0 5,000 10,000"},
		{0, 3e6, 3, "0 1.0 M 2.0 M 3.0 M"}, {-1, 1, 4, "-1.0 -0.5 0 0.5 1.0"}, {5, 5, 3, "4.5 5.0 5.5"},
	} {
		a := newAxis(c.lo, c.hi, c.n, false)
		got := ""
		for i, v := range a.ticks {
			if i > 0 {
				got += " "
			}
			got += a.label(v)
		}
		if got != c.want {
			t.Errorf("%v…%v: %s, want %s", c.lo, c.hi, got, c.want)
		}
	}
}

// TestShare: a part is never none and never the whole.
func TestShare(t *testing.T) {
	for n, want := range map[int64]string{0: "0 %", 1: "< 0.1 %", 100: "1 %", 125: "1.2 %", 5000: "50 %", 9999: "> 99 %", 10000: "100 %"} {
		if got := shareOf(n, 10000); got != want {
			t.Errorf("%d of 10000 is %s, want %s", n, got, want)
		}
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 1.23456: "1.2346", 12.3456: "12.35", 1234.5: "1,235", 2e-5: "2e-5", -3: "-3", math.Inf(1): "–"} {
		if got := Number(v); got != want {
			t.Errorf("%v is %s, want %s", v, got, want)
		}
	}
}

// TestThin: a long line keeps its ends and its peaks, and the page stays small.
func TestThin(t *testing.T) {
	s := Series{Name: "loss"}
	for i := range 100_000 {
		s.X, s.Y = append(s.X, float64(i)), append(s.Y, 1)
	}
	s.Y[12_345], s.Y[77_777] = 100, -100
	peaks := 0
	for _, i := range thin(s) {
		if s.Y[i] != 1 {
			peaks++
		}
	}
	if peaks != 2 {
		t.Errorf("%d of 2 peaks are drawn", peaks)
	}
	var page bytes.Buffer
	if err := Write(&page, Page{Sections: []Section{{Blocks: []Block{Lines{Series: []Series{s}}}}}}); err != nil {
		t.Fatal(err)
	}
	if page.Len() > 100<<10 {
		t.Errorf("the page has %d bytes", page.Len())
	}
}

// TestSmooth: the ends stand, a gap does not spread, and a straight line stays one.
func TestSmooth(t *testing.T) {
	if got := Smooth([]float64{1, 2, 3, 4, 6}, 1); !slices.Equal(got, []float64{1, 2, 3, 13.0 / 3, 6}) {
		t.Errorf("%v", got)
	}
	if got := Smooth([]float64{3, math.NaN(), 3}, 1); !slices.Equal(got, []float64{3, 3, 3}) {
		t.Errorf("%v", got)
	}
}

func TestBinned(t *testing.T) {
	bins := Binned([]float64{0, 1, 1.5, 10, math.NaN()}, 10)
	sum := int64(0)
	for _, b := range bins {
		sum += b.Count
	}
	if sum != 4 || len(bins) != 10 || bins[1].Count != 2 || bins[9].Count != 1 {
		t.Errorf("bins %v", bins)
	}
	if Binned(nil, 10) != nil {
		t.Error("no values have bins")
	}
	if one := Binned([]float64{7}, 10); len(one) == 0 {
		t.Error("one value has no bins")
	}
}
