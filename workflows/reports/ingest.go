package reports

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/datasets/catalog"
	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/internal/report"
	"github.com/cultivar/cultivar/pipeline"
)

// Ingest is what is known of a dataset version when it is made.
type Ingest struct {
	*Tally
	Ref      string // name@version
	Manifest catalog.Manifest
	Stats    pipeline.Stats

	Config, Defaults any
	Origins          map[string]string // as of a Training
}

// stages are those of the pipeline that take documents out, in order, with what they leave.
func stages() [][2]string {
	return [][2]string{
		{"source", "source: files that can be opened"}, {"extract", "extract: text in them"}, {"clean", "clean: text that is left"},
		{"filter", "filter: text worth learning"}, {"dedup", "dedup: each text once"},
	}
}

// Page is the report.
func (in Ingest) Page() report.Page {
	m, s := in.Manifest, in.Stats
	p := report.Page{
		Kind: "dataset", Title: in.Ref,
		Lead: fmt.Sprintf("Made of %s (%s) from %s.", things(s.Files, "file"), humanize.Bytes(s.Bytes), in.sources()),
		Facts: []report.Fact{
			{Name: "documents kept", Value: humanize.Count(m.Counts.Documents), Detail: "of " + humanize.Comma(m.Counts.Input)},
			{Name: "characters", Value: humanize.Count(m.Counts.Chars), Detail: humanize.Comma(m.Counts.Chars/max(1, m.Counts.Documents)) + " a document"},
			{Name: "training rows", Value: humanize.Count(m.Counts.Examples), Detail: splitList(m.Counts.Splits)},
			{Name: "redactions", Value: humanize.Count(sum(m.Counts.RedactedBy)), Detail: "in " + things(in.redacted, "document")},
		},
	}
	p.Sections = []report.Section{
		{Title: "What became of the documents", Blocks: in.funnel()},
		{Title: "What was masked", Lead: "Counts alone: what was masked is written nowhere.", Blocks: in.masked()},
		{Title: "What is in it", Blocks: in.content()},
		{Title: "Duplicates", Blocks: in.duplicates()},
		configured(settings(in.Config, "pipeline"), settings(in.Defaults, "pipeline"), in.Origins),
		{Title: "Identity", Blocks: []report.Block{report.Pairs{Rows: compact([]report.Pair{
			{Name: "digest", Value: m.Digest, Code: true}, {Name: "configuration", Value: m.ConfigDigest, Code: true}, {Name: "made with", Value: m.ToolVersion},
		})}}},
	}
	return p
}

func (in Ingest) sources() string {
	var names []string
	for _, s := range in.Manifest.Sources {
		names = append(names, s.URI)
	}
	if len(names) > 4 {
		names = append(names[:3:3], things(int64(len(names)-3), "other source"))
	}
	return strings.Join(names, ", ")
}

func (in Ingest) funnel() []report.Block {
	f := report.Funnel{Title: "Documents through the stages", Unit: "documents", In: in.Manifest.Counts.Input,
		Note: "Each that was taken out has a row with its reason: cultivar dataset exclusions " + in.Ref}
	for _, s := range stages() {
		f.Steps = append(f.Steps, report.Step{Name: s[1], Lost: report.Counted(in.dropped[s[0]], 12)})
	}
	blocks := []report.Block{f}
	if len(in.spans) > 0 {
		blocks = append(blocks, report.Bars{Title: "Parts cut out of documents", Rows: report.Counted(in.spans, 12)})
	}
	if len(in.Stats.Flagged) > 0 {
		blocks = append(blocks, report.Bars{Title: "Kept, but marked by a rule", Rows: report.Counted(in.Stats.Flagged, 12)})
	}
	if len(in.unread) > 0 {
		t := report.Table{Title: fmt.Sprintf("%s could not be read", things(int64(len(in.unread))+in.unreadMore, "document")),
			Head: []string{"document", "rule"}, Rows: in.unread, Fold: true}
		if in.unreadMore > 0 {
			t.Note = fmt.Sprintf("The first %d.", len(in.unread))
		}
		blocks = append(blocks, t)
	}
	return blocks
}

func (in Ingest) masked() []report.Block {
	if len(in.redactions) == 0 {
		return []report.Block{report.Text{Text: "Nothing was found that had to be.", Mild: true}}
	}
	t := report.Table{Title: "By detector", Head: []string{"kind", "detector", "found"}, Numbers: 1, Fold: true}
	keys := slices.SortedFunc(maps.Keys(in.redactions), func(a, b [2]string) int {
		return cmp.Or(strings.Compare(a[0], b[0]), strings.Compare(a[1], b[1]))
	})
	for _, k := range keys {
		t.Rows = append(t.Rows, []string{k[0], k[1], humanize.Comma(in.redactions[k])})
	}
	return []report.Block{report.Bars{Title: "By kind", Rows: report.Counted(in.Manifest.Counts.RedactedBy, 16)}, t}
}

// mostTypes of files have a row of their own.
const mostTypes = 14

func (in Ingest) content() []report.Block {
	types := report.Table{Title: "Types of files", Head: []string{"type", "kept", "taken out"}, Numbers: 2}
	all := map[string]int64{}
	for name, n := range in.kept {
		all[name] += n
	}
	for name, n := range in.lost {
		all[name] += n
	}
	kept, lost := sum(in.kept), sum(in.lost)
	for _, b := range report.Counted(all, mostTypes) {
		k, l := in.kept[b.Name], in.lost[b.Name]
		if all[b.Name] == 0 { // what is left
			k, l = kept, lost
		}
		kept, lost = kept-k, lost-l
		types.Rows = append(types.Rows, []string{b.Name, humanize.Comma(k), humanize.Comma(l)})
	}
	blocks := []report.Block{
		report.Histogram{Title: "Sizes of documents", X: "characters", Y: "documents", Bins: in.sizeBins()},
		report.Bars{Title: "Documents by split", Small: true, Rows: report.Counted(in.splits, 4)},
		report.Bars{Title: "Training rows by split", Small: true, Rows: report.Counted(in.Manifest.Counts.Splits, 4)},
	}
	if known := sum(in.langs); known > 0 {
		rows := report.Counted(in.langs, 6)
		if rest := in.Manifest.Counts.Documents - known; rest > 0 {
			rows = append(rows, report.Bar{Name: "not known", Count: rest})
		}
		blocks = append(blocks, report.Bars{Title: "Languages", Small: true, Rows: rows})
	}
	return append(blocks, types)
}

func (in Ingest) duplicates() []report.Block {
	by := in.dropped["dedup"]
	if len(by) == 0 {
		return []report.Block{report.Text{Text: "None were found.", Mild: true}}
	}
	blocks := []report.Block{report.Bars{Title: "Documents that were there already", Rows: report.Counted(by, 8)}}
	if bins := in.likenessBins(); bins != nil {
		blocks = append(blocks, report.Histogram{Title: "How alike near-duplicates are", X: "likeness to the one that is kept", Y: "documents", Bins: bins})
	}
	return blocks
}

func sum(by map[string]int64) (n int64) {
	for _, v := range by {
		n += v
	}
	return n
}

// things counts, in words.
func things(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return humanize.Comma(n) + " " + one + "s"
}

// splitList is the splits on a line, in their own order.
func splitList(by map[string]int64) string {
	var parts []string
	for _, name := range []string{"train", "validation", "test"} {
		if n := by[name]; n > 0 {
			parts = append(parts, humanize.Comma(n)+" "+name)
		}
	}
	return strings.Join(parts, ", ")
}
