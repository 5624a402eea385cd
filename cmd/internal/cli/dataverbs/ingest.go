package dataverbs

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/cmd/internal/door"
	"github.com/cultivar/cultivar/cmd/internal/settings"
	"github.com/cultivar/cultivar/datasets/catalog"
	"github.com/cultivar/cultivar/internal/bounded"
	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/internal/yamlerr"
	"github.com/cultivar/cultivar/pipeline"
	"github.com/cultivar/cultivar/workflows/ingestion"
	"github.com/cultivar/cultivar/workflows/kinds"
)

type ingestOptions struct {
	out, config      string
	validation, test float64
	set              []string
}

// IngestCommand is ingest.
func IngestCommand(a *door.App) *cobra.Command {
	var o ingestOptions
	c := &cobra.Command{
		Use:   "ingest SOURCE… --out DATASET",
		Short: "Turn folders of documents into a clean, audited dataset",
		Long: `Turn folders of documents, or single files, into a version of a dataset: extracted, cleaned, filtered,
free of duplicates, and with personal data and secrets redacted. Every document that was dropped has
a reason in the dataset's exclusions, every redaction a row; see ` + "`cultivar dataset`" + `.

The same documents and configuration give the same bytes; when nothing changed, no version is made.
A file .cultivarignore in a source, in the syntax of .gitignore, says what to leave out.`,
		Example: `  cultivar ingest ./handbook --out handbook
  cultivar ingest ./wiki ./tickets.jsonl --config ingest.yaml --set split.test=0.1 --out support`,
		Args: door.AtLeastArgs("SOURCE"),
		RunE: func(c *cobra.Command, args []string) error { return runIngest(a, c, args, o) },
	}
	f := c.Flags()
	f.StringVar(&o.out, "out", "", "name of the dataset")
	f.StringVar(&o.config, "config", "", "`FILE` of a configuration (YAML); see cultivar config schema ingest")
	f.Float64Var(&o.validation, "validation", 0, "override split.validation, a share of the documents")
	f.Float64Var(&o.test, "test", 0, "override split.test, a share of the documents")
	settings.Flag(c, &o.set)
	door.Require(c, "out")
	return c
}

// resolve reads the configuration file and applies the flags over it.
func (o ingestOptions) resolve(c *cobra.Command) (cfg ingestion.Config, origins map[string]string, err error) {
	cfg, origins = ingestion.DefaultConfig(), map[string]string{}
	if o.config != "" {
		text, err := bounded.ReadFile(o.config, 16<<20)
		if err != nil {
			return cfg, nil, err
		}
		if cfg, err = ingestion.ParseConfig(text); err != nil {
			return cfg, nil, door.Hint(fmt.Errorf("%s: %w", o.config, err), "`cultivar config schema ingest` lists every key")
		}
		for _, key := range yamlerr.Stated(text) {
			origins[key] = filepath.Base(o.config)
		}
	}
	if len(cfg.Pipeline.Source.Ignore) == 0 {
		cfg.Pipeline.Source.Ignore = nil // an empty list and none are one setting, so have one digest
	}
	if err := cfg.Validate(); err != nil {
		return cfg, nil, err
	}
	if c.Flags().Changed("validation") {
		cfg.Split.Validation, origins["split.validation"] = o.validation, "--validation"
	}
	if c.Flags().Changed("test") {
		cfg.Split.Test, origins["split.test"] = o.test, "--test"
	}
	if err := settings.Apply(c.Name(), &cfg, o.set, origins); err != nil {
		return cfg, nil, err
	}
	return cfg, origins, door.UsageError(cfg.Validate()) // the file was sound: it is a flag
}

func runIngest(a *door.App, c *cobra.Command, sources []string, o ingestOptions) error {
	if err := catalog.CheckName(o.out); err != nil {
		return door.Rename("out", o.out, door.UsageError(err))
	}
	cfg, origins, err := o.resolve(c)
	if err != nil {
		return err
	}
	home, err := a.HomeDir()
	if err != nil {
		return err
	}
	view := newIngestView(a)
	r, err := door.Recorded(a, c, kinds.Ingesting(), ingestion.Options{
		Home: home, Sources: sources, Name: o.out, Config: cfg, Progress: view.show, Now: time.Now().UTC().Truncate(time.Second),
		Origins: origins, Warn: a.Warn,
	})
	view.clear()
	if err != nil {
		return err
	}
	if a.JSON {
		return a.PrintJSON(r.Ingested())
	}
	if err := printIngested(a, r); err != nil {
		return err
	}
	a.Next("train", "--base", "BASE", "--data", r.Dataset.Ref(), "--out", "./"+r.Dataset.Manifest.Name+"-adapter", "--plan")
	return nil
}

func printIngested(a *door.App, r ingestion.Result) error {
	s := r.Stats
	if !r.Created {
		if err := a.Say("nothing changed: %s has the same content", r.Dataset.Ref()); err != nil {
			return err
		}
	}
	var f door.Fields
	f.Add("dataset", "%s", r.Dataset.Ref())
	f.Add("digest", "%s", r.Dataset.Manifest.Digest)
	f.Add("files", "%d (%s)", s.Files, humanize.Bytes(s.Bytes))
	f.Add("documents", "%d kept of %d (%s characters)", s.Out, s.In, humanize.Count(s.Runes))
	addCounts(&f, "dropped", named(s.Dropped, "extract/unsupported", s.Unsupported))
	addLeft(&f, s.Left)
	if len(s.Spans) > 0 {
		addCounts(&f, "cut out", s.Spans)
	}
	addCounts(&f, "redacted", s.Redactions)
	addCounts(&f, "examples", r.Dataset.Manifest.Counts.Splits)
	f.Some("report", r.Report)
	return a.PrintFields(&f)
}

// addCounts appends a sum and, below it, what it is made of, the largest part first.
func addCounts(f *door.Fields, name string, by map[string]int64) {
	var sum int64
	for _, n := range by {
		sum += n
	}
	f.Add(name, "%d", sum)
	width := len(fmt.Sprint(sum))
	for _, key := range door.Largest(by) {
		f.Add("", "%*d  %s", width, by[key], key)
	}
}

// named writes behind a count what it is of.
func named(by map[string]int64, key string, parts map[string]int64) map[string]int64 {
	if len(parts) == 0 {
		return by
	}
	out := maps.Clone(by)
	delete(out, key)
	var list []string
	for _, part := range door.Largest(parts) {
		list = append(list, fmt.Sprintf("%d %s", parts[part], part))
	}
	out[key+": "+door.Commas(list)] = by[key]
	return out
}

// addLeft says what was not looked at, and how to have it.
func addLeft(f *door.Fields, left map[string]int64) {
	for _, l := range []struct{ kind, text string }{
		{"hidden", "%d files or folders whose names begin with a dot; source.hidden takes them"},
		{"ignored", "%d files or folders, by .cultivarignore or source.ignore"},
		{"links", "%d links, pipes or devices, which are not followed"},
	} {
		if n := left[l.kind]; n > 0 {
			f.Add(l.kind, l.text, n)
		}
	}
}

// ingestView shows progress: one line on a terminal, a line now and then elsewhere.
type ingestView struct {
	app   *door.App
	began time.Time
	last  time.Time
	drawn bool
	live  bool
}

func newIngestView(a *door.App) *ingestView {
	now := time.Now()
	return &ingestView{app: a, began: now, last: now, live: door.IsTerminal(a.Err) && os.Getenv("TERM") != "dumb"}
}

func (v *ingestView) show(s pipeline.Stats) {
	pause := 10 * time.Second
	if v.live {
		pause = 80 * time.Millisecond
	}
	if time.Since(v.last) < pause {
		return
	}
	v.last = time.Now()
	text := fmt.Sprintf("%s files, %s, %s kept, %s dropped", humanize.Count(s.Files), humanize.Rate(float64(s.Bytes)/time.Since(v.began).Seconds(), "B"),
		humanize.Count(s.Out), humanize.Count(s.DroppedTotal()))
	if !v.live {
		v.app.Note("%s", text)
		return
	}
	v.drawn = true
	_, _ = fmt.Fprint(v.app.Err, "\r\x1b[K"+door.Shorten("ingest "+text, max(door.MinColumn, door.TerminalWidth(v.app.Err)-1), 'e'))
}

func (v *ingestView) clear() {
	if v.drawn {
		_, _ = fmt.Fprint(v.app.Err, "\r\x1b[K")
	}
}
