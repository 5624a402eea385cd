// Package ingestion turns documents into versions of datasets: it joins the pipeline and the catalog.
package ingestion

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/catalog"
	"github.com/cultivar/cultivar/datasets/chunk"
	"github.com/cultivar/cultivar/datasets/split"
	"github.com/cultivar/cultivar/internal/version"
	"github.com/cultivar/cultivar/internal/yamlerr"
	"github.com/cultivar/cultivar/pipeline"
	"github.com/cultivar/cultivar/pipeline/source"
	"github.com/cultivar/cultivar/workflows/home"
	"github.com/cultivar/cultivar/workflows/reports"
)

// Config says how documents become a dataset.
type Config struct {
	Pipeline pipeline.Config `yaml:",inline" json:"pipeline"`
	// What documents are used for; what is left is for training.
	Split split.Config `yaml:"split" json:"split"`
	// How documents are cut into training rows.
	Examples ExamplesConfig `yaml:"examples" json:"examples"`
}

// ExamplesConfig says how documents are cut into training rows.
type ExamplesConfig struct {
	// Length of a passage in characters; it ends at a joint of the text.
	MaxChars int `yaml:"max_chars" json:"max_chars"`
}

// DefaultConfig holds back a tenth of the documents to measure with.
func DefaultConfig() Config {
	return Config{
		Pipeline: pipeline.DefaultConfig(),
		Split:    split.Config{Validation: 0.05, Test: 0.05},
		Examples: ExamplesConfig{MaxChars: 4000},
	}
}

// ParseConfig decodes YAML over the defaults; an unknown key is an error with its line.
func ParseConfig(text []byte) (Config, error) {
	c := DefaultConfig()
	if err := yamlerr.Decode(text, &c); err != nil {
		return c, err
	}
	return c, c.Validate()
}

// Validate joins everything that is wrong with the configuration.
func (c Config) Validate() error {
	var short error
	if c.Examples.MaxChars < 100 {
		short = fmt.Errorf("examples.max_chars is %d, want at least 100", c.Examples.MaxChars)
	}
	return errors.Join(c.Pipeline.Validate(), c.Split.Validate(), short)
}

// Options say what to ingest, and into which dataset.
type Options struct {
	Home     string
	Sources  []string // folders or files
	Name     string   // of the dataset
	Config   Config
	Progress func(pipeline.Stats)
	Now      time.Time // recorded in the manifest; zero leaves it out
	// Origins says where keys of the configuration were set, for the report.
	Origins map[string]string
	Warn    func(string) // hears why there is no report; may be nil
}

// Result is a dataset version and how it came about.
type Result struct {
	Dataset *catalog.Dataset
	Created bool // false when the latest version has the same content
	Stats   pipeline.Stats
	Report  string // file of the page about it, "" where the version is not shown on this machine
}

// Ingest turns documents into a version of a dataset.
func Ingest(ctx context.Context, o Options) (Result, error) {
	if err := catalog.CheckName(o.Name); err != nil {
		return Result{}, err
	}
	h, err := home.Open(ctx, o.Home)
	if err != nil {
		return Result{}, err
	}
	sources, closeAll, err := openSources(o)
	if err != nil {
		return Result{}, err
	}
	defer closeAll()
	b, err := h.Datasets.Create(ctx, o.Name)
	if err != nil {
		return Result{}, err
	}
	r, err := ingestInto(ctx, b, sources, o)
	if err != nil {
		return Result{}, errors.Join(err, b.Abort())
	}
	return r, nil
}

func ingestInto(ctx context.Context, b *catalog.Builder, sources []pipeline.Source, o Options) (Result, error) {
	cfg := o.Config.Pipeline
	cfg.Progress = o.Progress
	rows := &sink{Builder: b, cfg: o.Config, kept: make(map[string]int64), tally: reports.NewTally()}
	stats, err := pipeline.Run(ctx, cfg, sources, rows)
	if err != nil {
		return Result{}, err
	}
	if stats.Out == 0 {
		return Result{}, fmt.Errorf("%w: %s", datasets.ErrEmpty, whyEmpty(stats))
	}
	recorded := o.Config
	recorded.Pipeline.Workers = 0 // decides who does the work, not what comes of it
	info := catalog.Info{ToolVersion: version.Version, Config: recorded, Input: stats.In, Skipped: stats.Left, CreatedAt: o.Now}
	for _, s := range sources {
		info.Sources = append(info.Sources, catalog.Source{URI: s.Name(), Documents: rows.kept[s.Name()]})
	}
	d, created, err := b.Commit(ctx, info)
	if err != nil {
		return Result{}, err
	}
	r := Result{Dataset: d, Created: created, Stats: stats}
	r.report(o, rows.tally)
	return r, nil
}

// report leaves a page in the version's directory. What keeps it from being written makes the version no
// other, and fails nothing.
func (r *Result) report(o Options, t *reports.Tally) {
	if r.Dataset.Dir() == "" {
		return
	}
	path := filepath.Join(r.Dataset.Dir(), reports.File)
	if _, err := os.Stat(path); err != nil {
		page := reports.Ingest{Tally: t, Ref: r.Dataset.Ref(), Manifest: r.Dataset.Manifest, Stats: r.Stats,
			Config: o.Config, Defaults: DefaultConfig(), Origins: o.Origins}.Page()
		if err := reports.Write(path, page); err != nil {
			if o.Warn != nil {
				o.Warn("there is no report: " + err.Error())
			}
			return
		}
	}
	r.Report = path
}

func whyEmpty(s pipeline.Stats) string {
	if s.In == 0 {
		return "the source holds no files"
	}
	most, rule := int64(0), ""
	for r, n := range s.Dropped {
		if n > most || n == most && r < rule {
			most, rule = n, r
		}
	}
	return fmt.Sprintf("all %d were dropped, %d of them by %s", s.In, most, rule)
}

// openSources opens folders and files. The name of a source is that of its folder, which is part of
// every document's identity.
func openSources(o Options) (list []pipeline.Source, closeAll func(), err error) {
	var open []*source.Dir
	closeAll = func() {
		for _, d := range open {
			_ = d.Close()
		}
	}
	seen := make(map[string]bool)
	for _, path := range o.Sources {
		abs, err := filepath.Abs(path)
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		name := filepath.Base(abs)
		if seen[name] {
			closeAll()
			return nil, nil, fmt.Errorf("two sources are called %q: rename one, or ingest their parent folder", name)
		}
		seen[name] = true
		d, err := source.OpenDir(name, abs, o.Config.Pipeline.Source)
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		open = append(open, d)
		list = append(list, d)
	}
	return list, closeAll, nil
}

// sink writes the pipeline's rows into a dataset version, and cuts documents into training rows. A
// conversation is one row.
type sink struct {
	*catalog.Builder
	cfg  Config
	kept map[string]int64 // documents, by source

	tally *reports.Tally
}

// Document implements pipeline.Sink.
func (s *sink) Document(d datasets.Document) error {
	from, _, _ := strings.Cut(d.SourceURI, "/")
	s.kept[from]++
	s.tally.Document(d, s.splitOf(d))
	if err := s.AddDocument(d); err != nil {
		return err
	}
	if d.Kind() != datasets.KindText {
		return s.AddExample(datasets.Example{
			ExampleID: d.DocID + "-0", DocID: d.DocID, DocVersion: d.DocVersion, Split: s.splitOf(d),
			Conversation: d.Conversation, Metadata: d.Metadata,
		})
	}
	return s.passages(d)
}

func (s *sink) passages(d datasets.Document) error {
	passages, err := chunk.Split(d.Text, chunk.Options{MaxTokens: s.cfg.Examples.MaxChars, Count: utf8.RuneCountInString})
	if err != nil {
		return fmt.Errorf("cut %s: %w", d.SourceURI, err)
	}
	in := s.splitOf(d)
	for i, p := range passages {
		if strings.TrimSpace(p.Text) == "" {
			continue
		}
		err := s.AddExample(datasets.Example{
			ExampleID: fmt.Sprintf("%s-%d", d.DocID, i), DocID: d.DocID, DocVersion: d.DocVersion, Split: in,
			Start: int64(p.Start), End: int64(p.End), Text: p.Text,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// splitOf assigns a document. Rows with several answers to one prompt go together: they are known by
// the prompt.
func (s *sink) splitOf(d datasets.Document) datasets.Split {
	switch d.Kind() {
	case datasets.KindText, datasets.KindConversation:
		return s.cfg.Split.Assign(d.DocID, d.DupCluster)
	}
	return s.cfg.Split.Assign(d.DocID, split.PromptKey(d.Messages))
}

// Exclusion implements pipeline.Sink.
func (s *sink) Exclusion(e datasets.Exclusion) error {
	s.tally.Exclusion(e)
	return s.AddExclusion(e)
}

// Redaction implements pipeline.Sink.
func (s *sink) Redaction(r datasets.Redaction) error {
	s.tally.Redaction(r)
	return s.AddRedaction(r)
}
