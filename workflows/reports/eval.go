package reports

import (
	"cmp"
	"math"
	"slices"

	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/internal/report"
	"github.com/cultivar/cultivar/trainer/eval"
	"github.com/cultivar/cultivar/trainer/objective"
)

// Evaluation is how rows were scored.
type Evaluation struct {
	Base, Adapter string // Adapter is "" for the base alone
	Data, Split   string // Split is "" where the data has none
	Objective     string
	Unit          string // of the loss
	Loss          *float64
	Metrics       objective.Metrics
	Tokens        int
	Count         int
	Windowed      int
	IDs           []string   // of the rows
	Rows          []eval.Row // of each row, where the loss is a mean over tokens
}

// worst is how many rows a page lists.
const worst = 25

// Page is the report. Rows are named by their ids, and none is quoted.
func (e Evaluation) Page() report.Page {
	p := report.Page{Kind: "evaluation", Title: e.Data, Lead: e.lead(), Facts: e.facts()}
	if len(e.Rows) > 0 {
		p.Sections = append(p.Sections,
			report.Section{Title: "How the loss is spread", Blocks: e.spread()},
			report.Section{Title: "Where it is highest", Lead: "Rows by their ids; their text is in the data alone.", Blocks: []report.Block{e.highest()}})
	}
	if len(e.Metrics) > 0 {
		t := report.Table{Head: []string{"measure", "value"}, Numbers: 1, Code: true}
		for _, m := range e.Metrics {
			t.Rows = append(t.Rows, []string{m.Name, report.Number(m.Value)})
		}
		p.Sections = append(p.Sections, report.Section{Title: "Measures of " + e.Objective, Blocks: []report.Block{t}})
	}
	return p
}

func (e Evaluation) lead() string {
	data := "all rows"
	if e.Split != "" {
		data = "the " + e.Split + " split"
	}
	if e.Adapter == "" {
		return "How likely " + e.Base + " finds " + data + "."
	}
	return "How likely " + e.Base + " with " + e.Adapter + " finds " + data + "."
}

func (e Evaluation) facts() []report.Fact {
	facts := []report.Fact{{Name: "loss", Value: loss(e.Loss), Detail: e.Unit}}
	if e.Loss != nil && e.Rows != nil {
		facts = append(facts, report.Fact{Name: "perplexity", Value: report.Number(math.Exp(*e.Loss))})
	}
	rows := report.Fact{Name: "rows", Value: humanize.Comma(int64(e.Count))}
	if e.Windowed > 0 {
		rows.Detail = things(int64(e.Windowed), "row") + " in windows"
	}
	return append(facts, rows, report.Fact{Name: "tokens scored", Value: humanize.Count(int64(e.Tokens))})
}

func (e Evaluation) spread() []report.Block {
	var means, tokens []float64
	for _, r := range e.Rows {
		if len(r.Logprobs) > 0 {
			means = append(means, r.MeanNLL())
		}
		for _, lp := range r.Logprobs {
			tokens = append(tokens, -lp)
		}
	}
	return []report.Block{
		report.Histogram{Title: "Loss of rows", X: "nats per token", Y: "rows", Bins: report.Binned(means, 24)},
		report.Histogram{Title: "Loss of tokens", X: "nats", Y: "tokens", Bins: report.Binned(tokens, 24),
			Note: "A token at 0 was certain; at 0.7 it was given one chance in two, at 4.6 one in a hundred."},
	}
}

// highest lists the rows that the model finds least likely; of equal ones the first.
func (e Evaluation) highest() report.Table {
	order := make([]int, 0, len(e.Rows))
	for i, r := range e.Rows {
		if len(r.Logprobs) > 0 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(e.Rows[b].MeanNLL(), e.Rows[a].MeanNLL()) })
	t := report.Table{Head: []string{"row", "nats per token", "tokens"}, Numbers: 2, Code: true}
	for _, i := range order[:min(worst, len(order))] {
		r := e.Rows[i]
		t.Rows = append(t.Rows, []string{e.IDs[i], report.Number(r.MeanNLL()), humanize.Comma(int64(len(r.Logprobs)))})
	}
	return t
}
