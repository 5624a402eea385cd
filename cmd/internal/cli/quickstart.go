package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/workflows"
	"github.com/cultivar/cultivar/workflows/quickstart"
	"github.com/cultivar/cultivar/workflows/run"
)

func (a *app) quickstartCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "quickstart [--dir DIR]",
		Short: "Do the whole job once, offline, on documents and a base that come with the program",
		Long: `Do the whole job once, offline, on documents and a base that come with the program: ingest the
documents of a company that does not exist, fit an adapter to them, measure it on documents held
back, publish it, pull it back, and ask base and adapter the same question.

Run again it reuses what is there and still right.`,
		Args: exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error { return a.runQuickstart(c, dir) },
	}
	c.Flags().StringVar(&dir, "dir", "cultivar-quickstart", "where everything goes")
	return c
}

func (a *app) runQuickstart(c *cobra.Command, dir string) error {
	began := time.Now()
	view := newTrainView(a)
	o := quickstart.Options{Dir: dir, Train: view.hooks(), Now: time.Now}
	engine := run.New(filepath.Join(o.Home(), "workflows"), time.Now, run.Hooks{
		OnReuse: func(r workflows.Record) { a.note("%s: reused", r.Stage) },
		OnStart: func(stage string) { a.note("%s …", stage) },
		OnDone: func(r workflows.Record) {
			view.close()
			a.note("%s: done in %s", r.Stage, humanize.Duration(r.Took))
		},
	})
	r, err := engine.Execute(c.Context(), quickstart.Workflow(o))
	view.close()
	if err != nil {
		return err
	}
	report, err := readReport(r)
	if err != nil {
		return err
	}
	report.Dir, report.Seconds, report.Reused = dir, time.Since(began).Seconds(), r.Reused
	if report.Reused == nil {
		report.Reused = []string{}
	}
	if a.json {
		return a.printJSON(report)
	}
	report.print(a.out, o)
	return nil
}

// quickstartReport is the result of quickstart --json.
type quickstartReport struct {
	Dir       string               `json:"dir"`
	Seconds   float64              `json:"seconds"`
	Reused    []string             `json:"reused"`
	Ingested  quickstart.Ingested  `json:"ingested"`
	Trained   quickstart.Trained   `json:"trained"`
	Evaluated quickstart.Evaluated `json:"evaluated"`
	Published quickstart.Published `json:"published"`
	Answers   quickstart.Answers   `json:"answers"`
	Adapter   string               `json:"adapter_digest"`
	Dataset   string               `json:"dataset_digest"`
}

func readReport(r run.Run) (quickstartReport, error) {
	var q quickstartReport
	into := map[string]any{
		quickstart.StageIngest: &q.Ingested, quickstart.StageTrain: &q.Trained, quickstart.StageEvaluate: &q.Evaluated,
		quickstart.StagePublish: &q.Published, quickstart.StageAsk: &q.Answers,
	}
	for _, s := range r.Stages {
		switch s.Stage {
		case quickstart.StageIngest:
			q.Dataset = s.Output.Digest
		case quickstart.StageTrain:
			q.Adapter = s.Output.Digest
		}
		if v := into[s.Stage]; v != nil {
			if err := json.Unmarshal(s.Output.Facts, v); err != nil {
				return q, fmt.Errorf("read the record of %s: %w", s.Stage, err)
			}
		}
	}
	return q, nil
}

func (q quickstartReport) print(w io.Writer, o quickstart.Options) {
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	in, tr, ev := q.Ingested, q.Trained, q.Evaluated
	p("")
	p("documents  %d read, %d kept%s", in.Stats.In, in.Stats.Out, listed(", %d dropped: ", in.Stats.Dropped))
	p("cleaned    %s", tallied(in.Stats.Spans, "nothing to remove"))
	p("redacted   %s", tallied(in.Stats.Redactions, "nothing found"))
	p("dataset    %s  %s", in.Ref, short(q.Dataset))
	p("           %d passages to train on, %d held back", in.Counts.Splits["train"], in.Counts.Splits["test"])
	p("training   %d steps, %s tokens, %s parameters, %.0f tokens/s, %s", tr.Steps, humanize.Count(tr.Tokens),
		humanize.Count(int64(tr.Parameters)), tr.TokensPerSecond, humanize.Duration(time.Duration(tr.Seconds*float64(time.Second))))
	p("held out   loss %.3f before, %.3f after, on %s tokens never trained on", ev.Before, ev.After, humanize.Count(int64(ev.Tokens)))
	p("adapter    %s  %s", q.Published.Ref+" = "+quickstart.Name+":"+quickstart.Alias, short(q.Adapter))
	p("           published, pulled back, every digest verified")
	p("")
	p("asked      %s", q.Answers.Question)
	p("  base     %s", strings.TrimSpace(q.Answers.Base))
	p("  adapter  %s", strings.TrimSpace(q.Answers.Adapter))
	p("")
	if len(q.Reused) > 0 {
		p("reused     %s", strings.Join(q.Reused, ", "))
	}
	p("took       %s; everything lies in %s", humanize.Duration(time.Duration(q.Seconds*float64(time.Second))), q.Dir)
	p("")
	p("next, on a folder of your own:")
	p("  cultivar ingest ./your-folder --out mine")
	p("  cultivar train --base %s --data mine --out mine-adapter", o.BaseDir())
	p("  cultivar generate --base %s --adapter mine-adapter --prompt \"…\"", o.BaseDir())
}

// listed renders counts as "3 a, 2 b" after a headline with their sum; nothing when all are zero.
func listed(headline string, counts map[string]int64) string {
	var sum int64
	for _, n := range counts {
		sum += n
	}
	if sum == 0 {
		return ""
	}
	return fmt.Sprintf(headline, sum) + tallied(counts, "")
}

// tallied renders counts, the largest first.
func tallied(counts map[string]int64, none string) string {
	var keys []string
	for k, n := range counts {
		if n > 0 {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return none
	}
	slices.SortFunc(keys, func(x, y string) int {
		if counts[x] != counts[y] {
			return int(counts[y] - counts[x])
		}
		return strings.Compare(x, y)
	})
	var parts []string
	for _, k := range keys {
		parts = append(parts, fmt.Sprintf("%d %s", counts[k], k[strings.LastIndexByte(k, '/')+1:]))
	}
	return strings.Join(parts, ", ")
}

// short is the beginning of a digest, for people.
func short(digest string) string {
	if len(digest) > 19 {
		return digest[:19]
	}
	return digest
}
