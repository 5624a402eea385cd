package reports

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/datasets/probe"
	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/internal/report"
)

// Knowledge is what a model knows of a dataset's documents.
type Knowledge struct {
	Base, Adapter string // Adapter is "" for the base alone
	Data          string
	Documents     int
	Statements    int
	Comparisons   int
	Alone         probe.Score
	With          *probe.Score // with the adapter
	Confused      []Confused   // statements that were taken for false, the surest mistakes first
}

// Confused is a statement of a document that was found less likely than the same with another value.
type Confused struct {
	Source        string
	True, Altered string
	Nats          float64 // by how much
}

// mostDocuments is how many documents a page lists, mostConfused how many statements.
const (
	mostDocuments = 300
	mostConfused  = 20
)

// Page is the report. It quotes sentences of the documents.
func (k Knowledge) Page() report.Page {
	p := report.Page{Kind: "knowledge", Title: k.Data, Lead: k.lead(), Facts: k.facts()}
	p.Sections = append(p.Sections,
		report.Section{Title: "Not learnt", Blocks: []report.Block{k.documents(k.judged().NotLearnt(), false)},
			Lead: fmt.Sprintf("Documents of which fewer than %.0f %% of the comparisons were right; whoever knows nothing is right in half of them.", 100*probe.Learnt)},
		report.Section{Title: "By source", Blocks: []report.Block{k.sources()}, Lead: "Documents by the directory that they are in, or the source."})
	if len(k.Confused) > 0 {
		p.Sections = append(p.Sections, report.Section{Title: "Taken for false", Blocks: []report.Block{k.confused()},
			Lead: "Statements of the documents that were found less likely than the same with a value of another document."})
	}
	p.Sections = append(p.Sections, report.Section{Title: "Every document", Blocks: []report.Block{k.documents(k.judged().Documents, true)}})
	return p
}

// judged is the score that counts.
func (k Knowledge) judged() probe.Score {
	if k.With != nil {
		return *k.With
	}
	return k.Alone
}

func (k Knowledge) lead() string {
	who := k.Base
	if k.Adapter != "" {
		who += " with " + k.Adapter
	}
	return "How often " + who + " finds what the documents say likelier than the same with another value in it, without seeing them."
}

func (k Knowledge) facts() []report.Fact {
	score := func(name string, e probe.Estimate) report.Fact {
		return report.Fact{Name: name, Value: fmt.Sprintf("%.3f", e.Accuracy), Detail: fmt.Sprintf("%.3f to %.3f", e.Low, e.High)}
	}
	facts := []report.Fact{score("knowledge", k.judged().Estimate)}
	if k.With != nil {
		facts = append(facts, score("of the base alone", k.Alone.Estimate))
	}
	compared := report.Fact{Name: "statements", Value: humanize.Comma(int64(k.Statements)), Detail: humanize.Comma(int64(k.Comparisons)) + " comparisons"}
	documents := report.Fact{Name: "documents", Value: humanize.Comma(int64(len(k.Alone.Documents)))}
	if none := k.Documents - len(k.Alone.Documents); none > 0 {
		documents.Detail = things(int64(none), "other") + " without a statement to alter"
	}
	return append(facts, documents, report.Fact{Name: "not learnt", Value: humanize.Comma(int64(len(k.judged().NotLearnt())))}, compared)
}

// documents lists how much of each is known.
func (k Knowledge) documents(list []probe.DocumentScore, fold bool) report.Table {
	alone := make(map[string]float64, len(k.Alone.Documents))
	for _, d := range k.Alone.Documents {
		alone[d.DocID] = d.Accuracy
	}
	t := report.Table{Head: []string{"document", "right", "base alone", "compared"}, Numbers: 3, Code: true, Fold: fold}
	if fold {
		t.Title = "Documents"
	}
	if len(list) == 0 {
		t.Note = "None."
	}
	if more := len(list) - mostDocuments; more > 0 {
		t.Note = humanize.Comma(int64(more)) + " more are not listed."
	}
	for _, d := range list[:min(len(list), mostDocuments)] {
		t.Rows = append(t.Rows, []string{d.SourceURI, right(d.Accuracy), right(alone[d.DocID]), humanize.Comma(int64(d.Comparisons))})
	}
	return t
}

// sources adds documents up by the first part of their place.
func (k Knowledge) sources() report.Table {
	t := report.Table{Head: []string{"source", "right", "base alone", "documents", "compared"}, Numbers: 4, Code: true}
	type sum struct {
		right, alone        float64
		documents, compared int
	}
	sums := make(map[string]*sum)
	var names []string
	all := within(k.judged().Documents)
	for i, d := range k.judged().Documents {
		name, _, ok := strings.Cut(strings.TrimPrefix(d.SourceURI, all), "/")
		if !ok {
			name = "."
		}
		if sums[name] == nil {
			sums[name], names = new(sum), append(names, name)
		}
		s := sums[name]
		s.right += d.Accuracy * float64(d.Comparisons)
		s.alone += k.Alone.Documents[i].Accuracy * float64(d.Comparisons)
		s.documents++
		s.compared += d.Comparisons
	}
	slices.Sort(names)
	for _, name := range names {
		s := sums[name]
		n := float64(s.compared)
		t.Rows = append(t.Rows, []string{name, right(s.right / n), right(s.alone / n),
			humanize.Comma(int64(s.documents)), humanize.Comma(int64(s.compared))})
	}
	return t
}

// right is a share of comparisons.
func right(share float64) string { return fmt.Sprintf("%.2f", share) }

// within is the directory that all documents are in, with the slash at its end.
func within(list []probe.DocumentScore) string {
	dir := ""
	for i, d := range list {
		at := d.SourceURI[:strings.LastIndex(d.SourceURI, "/")+1]
		if i == 0 {
			dir = at
		}
		for !strings.HasPrefix(at, dir) {
			dir = dir[:strings.LastIndex(dir[:len(dir)-1], "/")+1]
		}
	}
	return dir
}

func (k Knowledge) confused() report.Table {
	t := report.Table{Head: []string{"document", "it says", "found likelier", "by nats"}, Numbers: 1, Code: true}
	for _, c := range k.Confused[:min(len(k.Confused), mostConfused)] {
		t.Rows = append(t.Rows, []string{c.Source, c.True, c.Altered, report.Number(c.Nats)})
	}
	return t
}
