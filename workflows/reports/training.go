package reports

import (
	"fmt"
	"strings"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/internal/report"
)

// Training is what is known of a training when it is done.
type Training struct {
	Name             string // as people know it
	Lineage          adapters.Lineage
	Adapter          adapters.Config
	Config, Defaults any               // as far as it is worth a look, with the same keys
	Origins          map[string]string // where a key of the configuration was set; what is not there was not, or nobody knows
	Log              []byte            // metrics.jsonl
	Unit             string            // of the loss

	Digest, AdapterDigest string
	Trainable             int64 // values that were trained
	Rows, HeldOut         int
	Sequences             int // of the rows, in an epoch
	Dropped, Windowed     int // rows

	Samples   []Sample
	NoSamples string // why there are none, a sentence

	Cost Cost
}

// Sample is a prompt with its answers.
type (
	Sample = report.Sample
	Answer = report.Answer
)

// Cost is what the process took beside time; 0 is not known.
type Cost struct {
	PeakMemory  int64 // bytes
	WeightBytes int64 // of the frozen base, as loaded
	Joules      float64
	ResumedAt   int // step of the checkpoint that the run went on from
}

// Page is the report.
func (t Training) Page() report.Page {
	c := readCurves(t.Log)
	p := report.Page{
		Kind: "training", Title: t.Name,
		Lead:  fmt.Sprintf("%s on %s, from %s.", method(t.Adapter), t.Lineage.Base.Name, datasetNames(t.Lineage)),
		Facts: t.facts(c),
		Sections: []report.Section{
			{Title: "Curves", Lead: "Losses are " + t.Unit + ".", Blocks: c.plots()},
			t.samples(), t.cost(c),
			configured(settings(t.Config, ""), settings(t.Defaults, ""), t.Origins),
			t.made(),
		},
	}
	return p
}

func (t Training) facts(c curves) []report.Fact {
	m := t.Lineage.Metrics
	var facts []report.Fact
	if m.EvalLossAfter != nil {
		facts = append(facts, report.Fact{Name: "held-out loss", Value: loss(m.EvalLossAfter), Detail: loss(m.EvalLossBefore) + " before"})
	}
	facts = append(facts,
		report.Fact{Name: "loss of the last step", Value: report.Number(m.TrainLoss), Detail: fmt.Sprintf("step %s", humanize.Comma(int64(m.Steps)))},
		report.Fact{Name: "tokens", Value: humanize.Count(m.Tokens), Detail: humanize.Count(m.TrainedTokens) + " of them trained"},
	)
	if s := c.seconds(); s > 0 {
		facts = append(facts, report.Fact{Name: "time in steps", Value: seconds(s), Detail: humanize.Rate(float64(m.Tokens)/s, "tok")})
	}
	return append(facts, report.Fact{Name: "trained values", Value: humanize.Count(t.Trainable), Detail: "in the adapter"})
}

// method is an adapter's kind on a few words.
func method(c adapters.Config) string {
	name := "LoRA"
	switch {
	case c.UseDoRA:
		name = "DoRA"
	case c.UseRSLoRA:
		name = "Rank-stabilised LoRA"
	}
	return fmt.Sprintf("%s of rank %d", name, c.Rank)
}

func datasetNames(l adapters.Lineage) string {
	var names []string
	for _, d := range l.Datasets {
		names = append(names, datasetName(d))
	}
	return strings.Join(names, ", ")
}

func datasetName(d adapters.DatasetRef) string {
	if d.Version > 0 {
		return fmt.Sprintf("%s@%d", d.Name, d.Version)
	}
	return d.Name
}

func (t Training) samples() report.Section {
	s := report.Section{Title: "Before and after"}
	if len(t.Samples) == 0 {
		s.Blocks = []report.Block{report.Text{Text: "No samples: " + t.NoSamples, Mild: true}}
		return s
	}
	s.Lead = "How the base alone and the base with the adapter go on from rows that were held out, the likeliest token each time."
	for _, x := range t.Samples {
		s.Blocks = append(s.Blocks, x)
	}
	s.Blocks = append(s.Blocks, report.Text{Text: "This section quotes the data: hand the page on only to who may see that. " +
		"report_samples: 0 in the configuration leaves it out.", Mild: true})
	return s
}

func (t Training) cost(c curves) report.Section {
	m := t.Lineage.Metrics
	rows := []report.Pair{
		{Name: "steps", Value: humanize.Comma(int64(m.Steps))},
		{Name: "tokens", Value: humanize.Comma(m.Tokens)},
		{Name: "trained tokens", Value: humanize.Comma(m.TrainedTokens)},
	}
	if s := c.seconds(); s > 0 {
		rows = append(rows, report.Pair{Name: "time in steps", Value: seconds(s)})
	}
	if n := t.Cost.PeakMemory; n > 0 {
		rows = append(rows, report.Pair{Name: "memory at its most", Value: humanize.Bytes(n)})
	}
	if n := t.Cost.WeightBytes; n > 0 {
		rows = append(rows, report.Pair{Name: "of it the base's weights", Value: humanize.Bytes(n)})
	}
	energy := "not known: this machine does not tell, or not this user"
	if j := t.Cost.Joules; j > 0 {
		energy = fmt.Sprintf("%s Wh, of the processor and all that ran on it", report.Number(j/3600))
	}
	rows = append(rows, report.Pair{Name: "energy", Value: energy})
	section := report.Section{Title: "Cost", Blocks: []report.Block{report.Pairs{Rows: rows}}}
	if at := t.Cost.ResumedAt; at > 0 {
		section.Lead = fmt.Sprintf("The run went on from a checkpoint of step %d: memory and energy are of the process that ended it.", at)
	}
	return section
}

// made is where the adapter comes from.
func (t Training) made() report.Section {
	l := t.Lineage
	rows := []report.Pair{{Name: "base", Value: l.Base.Name}, {Name: "base digest", Value: l.Base.Digest, Code: true}}
	for _, d := range l.Datasets {
		rows = append(rows, report.Pair{Name: "data", Value: datasetName(d)}, report.Pair{Name: "data digest", Value: d.Digest, Code: true})
	}
	rows = append(rows,
		report.Pair{Name: "rows", Value: t.rows()},
		report.Pair{Name: "began from adapter", Value: l.InitAdapter, Code: true},
		report.Pair{Name: "chat template", Value: l.ChatTemplate, Code: true},
		report.Pair{Name: "run", Value: l.RunDigest, Code: true},
		report.Pair{Name: "adapter when published", Value: t.Digest, Code: true},
		report.Pair{Name: "what it computes", Value: t.AdapterDigest, Code: true},
		report.Pair{Name: "made with", Value: l.Tool},
	)
	return report.Section{Title: "Lineage", Blocks: []report.Block{report.Pairs{Rows: compact(rows)}}}
}

// rows says what became of the rows.
func (t Training) rows() string {
	text := fmt.Sprintf("%s to train on, in %s sequences; %s held out", humanize.Comma(int64(t.Rows)),
		humanize.Comma(int64(t.Sequences)), humanize.Comma(int64(t.HeldOut)))
	if t.Windowed > 0 {
		text += fmt.Sprintf("; %s were cut into windows", humanize.Comma(int64(t.Windowed)))
	}
	if t.Dropped > 0 {
		text += fmt.Sprintf("; %s had no tokens", humanize.Comma(int64(t.Dropped)))
	}
	return text
}
