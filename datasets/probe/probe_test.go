package probe

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/datasets"
)

func TestValue(t *testing.T) {
	for _, c := range []struct {
		sentence, value string
		sort            Sort
	}{
		{"Invoices are paid within 44 days of receipt.", "44", SortInteger},
		{"The room has 20.5 degrees at 9 places.", "20.5", SortDecimal},
		{"A purchase above 5,000 euros is approved.", "5,000", SortDecimal},
		{"The freeze begins on Thursday at 11:40.", "11:40", SortTime},
		{"It is open since 19 March 2024 for all 12.", "19 March 2024", SortDate},
		{"The review of 2024-03-19 is over.", "2024-03-19", SortDate},
		{"Records are kept for eleven years from then.", "eleven", SortWord},
		{"The data protection officer is Ingrid Solvang.", "Ingrid Solvang", SortName},
		{"A release is signed by the head of metrology.", "head of metrology", SortRole},
		{"It is approved by the plant director.", "plant director", SortRole},
		{"It is approved by the director.", "director", SortRole},
		{"Calibrate with the HX-200 every week.", "HX-200", SortCode},
		{"We meet on Friday in the hall.", "Friday", SortDay},
		{"Ingrid Solvang answers.", "", ""},
		{"See [NAME] within 44 days.", "", ""},
		{"Nothing to see here at all.", "", ""},
		{"Use version v2.3.4-rc1 of it.", "", ""},
	} {
		v, ok := value(c.sentence)
		if !ok {
			v.at = 0
		}
		if got := c.sentence[v.at : v.at+v.n]; got != c.value || v.sort != c.sort {
			t.Errorf("%q has the %s %q, want the %s %q", c.sentence, v.sort, got, c.sort, c.value)
		}
	}
}

func company(n int) (docs []datasets.Document) {
	for i := range n {
		docs = append(docs, datasets.Document{
			DocID: fmt.Sprintf("d%02d", i), SourceURI: fmt.Sprintf("%02d.md", i),
			Text: fmt.Sprintf("# Desk %d\n\nThe desk opens at %d:%02d. It closes after %d hours of work.\n\n- A box holds %d,%03d sheets of paper.\n", i, 6+i%5, i, 100+i, 1+i, 7*i),
		})
	}
	return docs
}

// Whoever scores a text by what words stand in it, wherever, is right in exactly half of the comparisons.
func TestUnigramKnowsNothing(t *testing.T) {
	p := New(company(20), Options{Rounds: 8})
	score := func(text string) (sum int) {
		for i, r := range text {
			_ = i
			sum += int(r*r)%97 - 50
		}
		return sum
	}
	right, ties := 0, 0
	for _, s := range p.Swaps {
		a, b := p.Statements[s.A], p.Statements[s.B]
		for _, d := range []int{score(a.Text) - score(a.With(b.Value)), score(b.Text) - score(b.With(a.Value))} {
			switch {
			case d > 0:
				right++
			case d == 0:
				ties++
			}
		}
	}
	if len(p.Swaps) < 100 || 2*right+ties != 2*len(p.Swaps) {
		t.Errorf("right in %d and undecided in %d of %d comparisons", right, ties, 2*len(p.Swaps))
	}
}

func TestNew(t *testing.T) {
	docs := company(20)
	docs = append(docs, datasets.Document{DocID: "chat", Text: "It is 5 o'clock for us.", Conversation: datasets.Conversation{Messages: []datasets.Message{{Role: "user"}}}})
	p := New(docs, Options{PerDocument: 2, Rounds: 3})
	if len(p.Statements) != 40 {
		t.Errorf("%d statements, want two of each document", len(p.Statements))
	}
	compared := make(map[int]int)
	for _, s := range p.Swaps {
		a, b := p.Statements[s.A], p.Statements[s.B]
		compared[s.A]++
		compared[s.B]++
		if a.Sort != b.Sort || a.DocID == b.DocID {
			t.Errorf("%q and %q change places", a.Value, b.Value)
		}
		for _, x := range []struct{ of, altered string }{{a.DocID, a.With(b.Value)}, {b.DocID, b.With(a.Value)}} {
			if slices.ContainsFunc(docs, func(d datasets.Document) bool { return d.DocID == x.of && strings.Contains(d.Text, x.altered) }) {
				t.Errorf("%q is true", x.altered)
			}
		}
	}
	for i, n := range compared {
		if n > 3 {
			t.Errorf("statement %d is compared %d times", i, n)
		}
	}
	for i, s := range p.Statements {
		d := docs[slices.IndexFunc(docs, func(d datasets.Document) bool { return d.DocID == s.DocID })]
		if span := string([]rune(d.Text)[s.Start:s.End]); span != s.Text {
			t.Errorf("statement %d is said to be %q, but is %q", i, span, s.Text)
		}
	}
	if again := New(docs, Options{PerDocument: 2, Rounds: 3}); !reflect.DeepEqual(again, p) {
		t.Error("another time it is another probe")
	}
	if other := New(docs, Options{PerDocument: 2, Rounds: 3, Seed: 1}); reflect.DeepEqual(other, p) {
		t.Error("the seed changes nothing")
	}
}

// A sentence that another document says below the same titles is not false there.
func TestNothingTrueIsAltered(t *testing.T) {
	var docs []datasets.Document
	for i := range 8 {
		docs = append(docs, datasets.Document{DocID: fmt.Sprint(i), Text: fmt.Sprintf("The desk has %d drawers in all.\n", 10+i)})
	}
	if p := New(docs, Options{}); len(p.Statements) != 8 || len(p.Swaps) != 0 {
		t.Errorf("%d statements, %d swaps", len(p.Statements), len(p.Swaps))
	}
}

// Who knows the documents scores 1, who believes the altered statements 0, who knows nothing a half.
func TestScore(t *testing.T) {
	docs := company(20)
	p := New(docs, Options{})
	list := p.Comparisons()
	if len(list) != 2*len(p.Swaps) {
		t.Fatalf("%d comparisons of %d swaps", len(list), len(p.Swaps))
	}
	knows := func(text string) float64 {
		for _, d := range docs {
			if strings.Contains(onOneLine(d.Text), onOneLine(text)) {
				return 0
			}
		}
		return -1
	}
	for want, margin := range map[float64]func(c Comparison) float64{
		1:   func(c Comparison) float64 { return knows(c.True) - knows("the altered one") },
		0:   func(c Comparison) float64 { return knows("the altered one") - knows(c.True) },
		0.5: func(Comparison) float64 { return 0 },
	} {
		margins := make([]float64, len(list))
		for i, c := range list {
			margins[i] = margin(c)
		}
		s := p.Score(list, margins)
		if s.Accuracy != want || s.Low != want || s.High != want || len(s.Documents) != 20 {
			t.Errorf("score is %+v, want %g", s.Estimate, want)
		}
		if n := len(s.NotLearnt()); n != map[float64]int{1: 0, 0: 20, 0.5: 20}[want] {
			t.Errorf("%d documents are not learnt at %g", n, want)
		}
	}
	margins := make([]float64, len(list))
	for i, c := range list {
		if margins[i] = 1; p.Statements[c.Statement].DocID == "d03" {
			margins[i] = -1
		}
	}
	s := p.Score(list, margins)
	if bad := s.NotLearnt(); len(bad) != 1 || bad[0].SourceURI != "03.md" || bad[0].Accuracy != 0 {
		t.Errorf("not learnt: %+v", bad)
	}
	if !(s.Low < s.Accuracy && s.Accuracy < s.High && s.Low > 0.8 && s.High <= 1) {
		t.Errorf("interval of %+v", s.Estimate)
	}
	if e := (Probe{}).Score(nil, nil); e.Accuracy != 0 || len(e.Documents) != 0 {
		t.Errorf("of nothing: %+v", e)
	}
}
