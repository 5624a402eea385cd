package contest

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1}, 5}, {[]float64{5, 100, 1}, 5}, {[]float64{4, 1, 3, 2}, 2.5},
	} {
		before := slices.Clone(c.values)
		if got := Median(c.values); got != c.want {
			t.Errorf("median of %v is %g, want %g", c.values, got, c.want)
		}
		if !slices.Equal(before, c.values) {
			t.Errorf("median reordered %v", before)
		}
	}
}

func TestUnit(t *testing.T) {
	rate, duration := Unit{Scale: 1e-6}, Unit{Scale: 1e3, Less: true}
	s := Sample{Seconds: 2, Work: 8e6}
	if got := rate.figure(s); got != 4 {
		t.Errorf("8e6 in 2 s: %g millions a second", got)
	}
	if got := duration.figure(Sample{Seconds: 0.5, Work: 10}); got != 50 {
		t.Errorf("10 in 0.5 s: %g ms each", got)
	}
	// Twice as good is 2 in both.
	if r, d := rate.ratio(8, 4), duration.ratio(4, 8); r != 2 || d != 2 {
		t.Errorf("ratios %g and %g, want 2", r, d)
	}
}

func TestSameWork(t *testing.T) {
	for name, c := range map[string]struct {
		ours, peer Sample
		same       bool
	}{
		"equal":         {Sample{Work: 5, Check: "a", Loss: 2}, Sample{Work: 5, Check: "a", Loss: 2}, true},
		"rounding":      {Sample{Loss: 2}, Sample{Loss: 2.0001}, true},
		"other loss":    {Sample{Loss: 2}, Sample{Loss: 2.01}, false},
		"no loss":       {Sample{Loss: 2}, Sample{}, false},
		"not a number":  {Sample{Loss: 2}, Sample{Loss: math.NaN()}, false},
		"other work":    {Sample{Work: 5}, Sample{Work: 6}, false},
		"other results": {Sample{Check: "a"}, Sample{Check: "b"}, false},
	} {
		err := sameWork([]Sample{c.ours, c.peer}, 1e-3)
		if c.same != (err == nil) || err != nil && !errors.Is(err, errOtherWork) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := sameWork([]Sample{{Loss: 1}, {Loss: 2}}, 0); err != nil {
		t.Errorf("losses were compared without a tolerance: %v", err)
	}
}

// script is a side that writes down when it is asked.
type script struct {
	name  string
	log   *[]string
	calls int
	fail  int     // the call that fails, from 1
	work  float64 // more than the others do
}

func (s *script) run(string) (Sample, error) {
	s.calls++
	*s.log = append(*s.log, s.name)
	if s.calls == s.fail {
		return Sample{}, errors.New("broken")
	}
	return Sample{Seconds: float64(s.calls), Work: 1 + s.work}, nil
}

func TestTurns(t *testing.T) {
	var log []string
	sides := []*script{{name: "a", log: &log}, {name: "b", log: &log}}
	samples, err := turns(sides, "case", 2, Contest{After: func() error { log = append(log, "."); return nil }})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(log, ""); got != "abab.ab." {
		t.Errorf("turns were %s, want a warm-up and two runs in turns, and what comes after each", got)
	}
	// The first call is the warm-up: it is no sample.
	if len(samples) != 2 || len(samples[0]) != 2 || samples[0][0].Seconds != 2 || samples[1][1].Seconds != 3 {
		t.Errorf("samples %v, want those of the second and third call", samples)
	}

	log = nil
	sides = []*script{{name: "a", log: &log}, {name: "b", log: &log}}
	if samples, err = turns(sides, "case", 2, Contest{Training: true}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(log, ""); got != "abaabbaabb" || len(samples[0]) != 2 || samples[0][0].Seconds != 3 {
		t.Errorf("turns were %s with samples %v, want two runs in each, of which the second counts", got, samples)
	}

	log = nil
	sides = []*script{{name: "a", log: &log}, {name: "b", log: &log, fail: 2}}
	if _, err := turns(sides, "case", 2, Contest{}); err == nil {
		t.Error("a failure in the second run went unseen")
	}
	refuse := errors.New("refused")
	sides = []*script{{name: "a", log: &log}}
	if _, err := turns(sides, "case", 2, Contest{After: func() error { return refuse }}); !errors.Is(err, refuse) {
		t.Errorf("got %v, want the error of what comes after a turn", err)
	}
	sides = []*script{{name: "a", log: &log}, {name: "b", log: &log, work: 1}}
	if _, err := turns(sides, "case", 2, Contest{}); !errors.Is(err, errOtherWork) {
		t.Errorf("got %v, want the sides to be found unlike", err)
	}
}

func TestReport(t *testing.T) {
	r := Report{Row: "demo", Unit: Unit{Name: "tokens/s", Scale: 1}}
	samples := []Sample{{Seconds: 1, Work: 30}, {Seconds: 1, Work: 10}, {Seconds: 1, Work: 20}}
	r.Cases = []Case{{Contest: "fast", Name: "full", Sides: []Measured{
		summarise("cultivar", false, samples, r.Unit),
		summarise("torch", true, []Sample{{Seconds: 2, Work: 16}}, r.Unit),
	}}}
	r.Cases[0].Sides[0].PeakRSS = 1_499_600_000
	r.Cases = append(r.Cases, Case{Contest: "fast", Name: "half", Sides: r.Cases[0].Sides})
	r.NoteRatios()
	var out bytes.Buffer
	if err := r.Print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"fast full", "20.0", "10.0–30.0", "8.00", "2.50×", "1500 MB", "2.50× the peer (geometric mean of 2)"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, out.String())
		}
	}
	if r.Side("fast", "full", "torch") == nil || r.Side("fast", "full", "jax") != nil || r.Side("slow", "full", "torch") != nil {
		t.Error("side finds what is not there, or not what is")
	}
}
