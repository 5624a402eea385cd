package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/cmd/internal/cli/modelverbs"
	"github.com/cultivar/cultivar/cmd/internal/door"
	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/workflows"
	"github.com/cultivar/cultivar/workflows/home"
	"github.com/cultivar/cultivar/workflows/kinds"
	"github.com/cultivar/cultivar/workflows/quickstart"
	"github.com/cultivar/cultivar/workflows/run"
)

func quickstartCommand(a *door.App) *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "quickstart [--dir DIR]",
		Short: "Do the whole job once, offline, on documents and a base that come with the program",
		Long: `Do the whole job once, offline, on documents and a base that come with the program: ingest the
documents of a company that does not exist, fit an adapter to them, measure it on documents held
back, publish it, pull it back, and ask base and adapter the same three questions.

Run again it reuses what is there and still right.`,
		Example: `  cultivar quickstart
  cultivar quickstart --dir ./try`,
		Args: door.ExactArgs(),
		RunE: func(c *cobra.Command, _ []string) error { return runQuickstart(a, c, dir) },
	}
	c.Flags().StringVar(&dir, "dir", "cultivar-quickstart", "where everything goes")
	return c
}

func runQuickstart(a *door.App, c *cobra.Command, root string) error {
	dirs := quickstart.Dirs{Root: root}
	w, err := quickstart.Workflow()
	if err != nil {
		return err
	}
	h, err := home.Open(c.Context(), dirs.Home())
	if err != nil {
		return err
	}
	env := workflows.Env{Home: dirs.Home(), Bucket: h.Bucket, Scratch: dirs.Scratch(), Now: time.Now, Who: "quickstart"}
	view := modelverbs.NewTrainView(a)
	engine := run.New(kinds.All(kinds.Hooks{Train: view.Hooks()}), env, run.Hooks{
		OnReuse: func(r workflows.Record) { a.Note("%s: reused", r.Stage) },
		OnStart: func(stage string) { a.Note("%s …", stage) },
		OnDone: func(r workflows.Record) {
			view.Close()
			a.Note("%s: done in %s", r.Stage, humanize.Duration(r.Took))
		},
		Warn: a.WarnError,
	})
	r, err := engine.Execute(c.Context(), w)
	view.Close()
	if err != nil {
		return err
	}
	if err := quickstart.Finish(c.Context(), env, dirs, r); err != nil {
		return err
	}
	report, err := quickstart.Read(r)
	if err != nil {
		return err
	}
	report.Dir, report.Reports = root, dirs.Reports(report)
	if a.JSON {
		return a.PrintJSON(report)
	}
	return printQuickstart(a, report, dirs)
}

// printQuickstart writes the report.
func printQuickstart(a *door.App, q quickstart.Report, dirs quickstart.Dirs) error {
	in, tr, ev := q.Ingested, q.Trained, q.Evaluated
	var f door.Fields
	f.Add("documents", "%d read, %d kept", in.Stats.In, in.Stats.Out)
	addWrapped(&f, "dropped", tallied(in.Stats.Dropped))
	addWrapped(&f, "cut out", tallied(in.Stats.Spans))
	addWrapped(&f, "redacted", tallied(in.Stats.Redactions))
	f.Add("dataset", "%s  sha256:%s…", in.Ref, door.ShortDigest(q.Dataset))
	f.Add("", "%d passages to train on, %d held back", in.Counts.Splits["train"], in.Counts.Splits["test"])
	f.Add("training", "%d steps, %s tokens, %s parameters", tr.Steps, humanize.Count(tr.Tokens), humanize.Count(int64(tr.Parameters)))
	f.Add("", "%.0f tokens/s, %s", tr.TokensPerSecond, humanize.Duration(time.Duration(tr.Seconds*float64(time.Second))))
	f.Add("held out", "loss %.3f before, %.3f after (%s tokens never trained on)", ev.Before, ev.After, humanize.Count(int64(ev.Tokens)))
	f.Add("adapter", "%s = %s:%s, published, pulled back and verified", q.Published.Ref, quickstart.Name, quickstart.Alias)
	f.Add("", "%s", q.Adapter)
	f.Add("", "")
	addAnswers(&f, q.Answers.Questions)
	if len(q.Reused) > 0 {
		addWrapped(&f, "reused", q.Reused)
	}
	for i, path := range q.Reports {
		f.Add(map[bool]string{true: "reports"}[i == 0], "%s", path)
	}
	f.Add("took", "%s; everything lies in %s", humanize.Duration(time.Duration(q.Seconds*float64(time.Second))), q.Dir)
	if err := a.PrintFields(&f); err != nil {
		return err
	}
	_, err := fmt.Fprintf(a.Out, `
next, ask it something else:
  cultivar generate --base %[1]s --adapter %[2]s --max-new-tokens 16 --prompt "A visitor badge is valid for"

then, on a folder of your own:
  cultivar ingest ./your-folder --out mine
  cultivar train --base %[1]s --data mine --out mine-adapter
  cultivar generate --base %[1]s --adapter mine-adapter --prompt "…"
`, door.Quoted(dirs.Base()), door.Quoted(dirs.Adapter()))
	return err
}

// addAnswers adds what was asked, and says of a question that the documents do not answer that they do not:
// what the adapter says to it then is made up.
func addAnswers(f *door.Fields, list []kinds.Answered) {
	for _, q := range list {
		f.Add("asked", "%s", q.Question)
		f.Add("  base", "%s", strings.TrimSpace(q.Base))
		f.Add("  adapter", "%s", strings.TrimSpace(q.Adapter))
		if q.Documents == "" {
			f.Add("", "(no document says: the adapter makes its answer up, as the base does)")
		}
	}
	f.Add("", "")
	f.Add("sent as", "%q", list[0].Prompt)
	f.Add("", "")
}

// ruleNames say in words what the rules of ingestion found.
var ruleNames = map[string]string{
	"dedup/exact": "exact duplicate", "dedup/near": "near-duplicate", "clean/empty": "empty",
	"extract/unsupported": "unsupported type", "filter/boilerplate": "lines of boilerplate",
}

// addWrapped adds parts, as many to a line as fit a narrow terminal.
func addWrapped(f *door.Fields, name string, parts []string) {
	const room = 66
	line := ""
	for i, p := range parts {
		if i < len(parts)-1 {
			p += ","
		}
		if line != "" && len(line)+1+len(p) > room {
			f.Add(name, "%s", line)
			name, line = "", ""
		}
		line = strings.TrimSpace(line + " " + p)
	}
	f.Add(name, "%s", line)
}

// tallied renders counts, the largest first.
func tallied(counts map[string]int64) []string {
	var keys []string
	for k, n := range counts {
		if n > 0 {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return []string{"nothing"}
	}
	slices.SortFunc(keys, func(x, y string) int {
		if counts[x] != counts[y] {
			return int(counts[y] - counts[x])
		}
		return strings.Compare(x, y)
	})
	var parts []string
	for _, k := range keys {
		name := ruleNames[k]
		if name == "" {
			name = k
		}
		parts = append(parts, fmt.Sprintf("%d %s", counts[k], name))
	}
	return parts
}
