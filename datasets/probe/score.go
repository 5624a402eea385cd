package probe

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/internal/rng"
)

// Comparison is a true statement beside an altered one.
type Comparison struct {
	Statement int    // index
	Before    string // what stands before both: the titles above the statement, as Markdown
	True      string
	Altered   string
}

// Comparisons lists two for every swap.
func (p Probe) Comparisons() []Comparison {
	out := make([]Comparison, 0, 2*len(p.Swaps))
	for _, s := range p.Swaps {
		a, b := p.Statements[s.A], p.Statements[s.B]
		out = append(out,
			Comparison{s.A, a.titles(), a.Text, a.With(b.Value)},
			Comparison{s.B, b.titles(), b.Text, b.With(a.Value)})
	}
	return out
}

func (s Statement) titles() string {
	var b strings.Builder
	for i, title := range s.Headings {
		b.WriteString(strings.Repeat("#", i+1) + " " + title + "\n\n")
	}
	return b.String()
}

// Estimate is a share with its 95 % interval.
type Estimate struct {
	Accuracy float64 `json:"accuracy"` // share of comparisons in which the true statement is likelier; half of those that are alike
	Low      float64 `json:"low"`      // of the interval, by the bootstrap over documents
	High     float64 `json:"high"`
}

// String is the share with its interval.
func (e Estimate) String() string {
	return fmt.Sprintf("%.3f (%.3f to %.3f)", e.Accuracy, e.Low, e.High)
}

// DocumentScore is what is known of one document.
type DocumentScore struct {
	DocID       string  `json:"doc_id"`
	SourceURI   string  `json:"source_uri"`
	Comparisons int     `json:"comparisons"`
	Accuracy    float64 `json:"accuracy"`
}

// Learnt is the accuracy from which on a document counts as learnt: halfway from chance to all.
const Learnt = 0.75

// Score is how much somebody knows of the documents.
type Score struct {
	Estimate
	Documents []DocumentScore `json:"documents"` // in the order of the documents; those without comparisons are left out
}

// NotLearnt lists the documents below Learnt, the least known first.
func (s Score) NotLearnt() (out []DocumentScore) {
	for _, d := range s.Documents {
		if d.Accuracy < Learnt {
			out = append(out, d)
		}
	}
	slices.SortStableFunc(out, func(a, b DocumentScore) int { return cmp.Compare(a.Accuracy, b.Accuracy) })
	return out
}

// Score counts comparisons, which are those of the probe in their order: margins say by how many nats the
// true statement is likelier.
func (p Probe) Score(comparisons []Comparison, margins []float64) Score {
	var s Score
	at := make(map[string]int)
	right := make(map[string]float64)
	for i, c := range comparisons {
		st := p.Statements[c.Statement]
		n, ok := at[st.DocID]
		if !ok {
			n = len(s.Documents)
			at[st.DocID] = n
			s.Documents = append(s.Documents, DocumentScore{DocID: st.DocID, SourceURI: st.SourceURI})
		}
		s.Documents[n].Comparisons++
		switch {
		case margins[i] > 0:
			right[st.DocID]++
		case margins[i] == 0:
			right[st.DocID] += 0.5
		}
	}
	for i := range s.Documents {
		d := &s.Documents[i]
		d.Accuracy = right[d.DocID] / float64(d.Comparisons)
	}
	s.Estimate = estimate(s.Documents)
	return s
}

// resamples of the bootstrap.
const resamples = 2000

// estimate is the mean over comparisons. Those of one document stand and fall together, so that it is
// documents that are drawn anew (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, §13.3).
func estimate(docs []DocumentScore) Estimate {
	if len(docs) == 0 {
		return Estimate{}
	}
	mean := func(pick func(i int) int) float64 {
		var right, all float64
		for i := range docs {
			d := docs[pick(i)]
			right += d.Accuracy * float64(d.Comparisons)
			all += float64(d.Comparisons)
		}
		return right / all
	}
	draws := make([]float64, resamples)
	stream := rng.New(0, "bootstrap")
	for n := range draws {
		draw := stream.At(uint64(n), 0)
		draws[n] = mean(func(int) int { return draw.IntN(len(docs)) })
	}
	slices.Sort(draws)
	return Estimate{mean(func(i int) int { return i }), draws[resamples/40], draws[resamples-1-resamples/40]}
}
