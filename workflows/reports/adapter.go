package reports

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/internal/report"
	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/trainer"
)

// Adapter is a published version.
type Adapter struct {
	Manifest registry.Manifest
	Aliases  []string
	Config   adapters.Config
	Lineage  *adapters.Lineage // nil when the version does not say what it was made from
	Log      []byte            // metrics.jsonl, where it was published
}

// Page is the version's card.
func (a Adapter) Page() report.Page {
	m := a.Manifest
	p := report.Page{Kind: "adapter", Title: m.Ref().String(), Lead: a.lead(), Facts: a.facts()}
	if c := readCurves(a.Log); len(c) > 0 {
		p.Sections = append(p.Sections, report.Section{Title: "Training", Blocks: c.plots()})
	}
	if a.Lineage != nil {
		p.Sections = append(p.Sections, a.origin())
	}
	p.Sections = append(p.Sections, a.shape())
	if a.Lineage != nil && len(a.Lineage.Config) > 0 {
		config := flatten("", a.Lineage.Config, nil)
		section := configured(config, settings(trainer.DefaultConfig(), ""), nil)
		section.Lead = "Those that changed the result."
		p.Sections = append(p.Sections, section)
	}
	files := report.Table{Head: []string{"file", "digest", "size"}, Numbers: 1, Code: true}
	for _, f := range m.Files {
		files.Rows = append(files.Rows, []string{f.Path, f.Digest, humanize.Bytes(f.Size)})
	}
	p.Sections = append(p.Sections, report.Section{Title: "Files", Blocks: []report.Block{files}})
	return p
}

func (a Adapter) lead() string {
	text := method(a.Config)
	if a.Lineage != nil {
		text += " on " + a.Lineage.Base.Name + ", from " + datasetNames(*a.Lineage)
	}
	if len(a.Aliases) > 0 {
		text += "; served as " + strings.Join(a.Aliases, ", ")
	}
	return text + "."
}

func (a Adapter) facts() []report.Fact {
	var facts []report.Fact
	if l := a.Lineage; l != nil {
		if l.Metrics.EvalLossAfter != nil {
			facts = append(facts, report.Fact{Name: "held-out loss", Value: loss(l.Metrics.EvalLossAfter), Detail: loss(l.Metrics.EvalLossBefore) + " before"})
		}
		facts = append(facts,
			report.Fact{Name: "loss of the last step", Value: report.Number(l.Metrics.TrainLoss), Detail: things(int64(l.Metrics.Steps), "step")},
			report.Fact{Name: "tokens", Value: humanize.Count(l.Metrics.Tokens), Detail: humanize.Count(l.Metrics.TrainedTokens) + " of them trained"})
	}
	return append(facts,
		report.Fact{Name: "size", Value: humanize.Bytes(a.Manifest.Size()), Detail: things(int64(len(a.Manifest.Files)), "file")},
		report.Fact{Name: "published", Value: a.Manifest.CreatedAt.UTC().Format("2006-01-02"), Detail: a.Manifest.CreatedAt.UTC().Format("15:04 UTC")})
}

func (a Adapter) origin() report.Section {
	l := a.Lineage
	rows := []report.Pair{
		{Name: "digest", Value: a.Manifest.Digest, Code: true}, {Name: "published by", Value: a.Manifest.CreatedBy},
		{Name: "base", Value: l.Base.Name}, {Name: "base digest", Value: l.Base.Digest, Code: true},
	}
	for _, d := range l.Datasets {
		rows = append(rows, report.Pair{Name: "data", Value: datasetName(d)}, report.Pair{Name: "data digest", Value: d.Digest, Code: true})
	}
	rows = append(rows, report.Pair{Name: "began from adapter", Value: l.InitAdapter, Code: true},
		report.Pair{Name: "chat template", Value: l.ChatTemplate, Code: true}, report.Pair{Name: "run", Value: l.RunDigest, Code: true},
		report.Pair{Name: "made with", Value: l.Tool})
	return report.Section{Title: "Lineage", Blocks: []report.Block{report.Pairs{Rows: compact(rows)}}}
}

// shape is what the adapter adds, and where.
func (a Adapter) shape() report.Section {
	c := a.Config
	rows := []report.Pair{
		{Name: "rank", Value: fmt.Sprint(c.Rank)}, {Name: "alpha", Value: report.Number(c.Alpha)},
		{Name: "rank-stabilised", Value: yes(c.UseRSLoRA)}, {Name: "DoRA", Value: yes(c.UseDoRA)},
		{Name: "modules", Value: strings.Join(slices.Concat(c.TargetModules, c.TargetParameters), ", "), Code: true},
	}
	return report.Section{Title: "Adapter", Blocks: []report.Block{report.Pairs{Rows: compact(rows)}}}
}

func yes(on bool) string {
	if on {
		return "yes"
	}
	return "no"
}
