package pipeline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/pipeline/dedup"
	"github.com/cultivar/cultivar/pipeline/extract"
	"github.com/cultivar/cultivar/pipeline/extract/all"
	"github.com/cultivar/cultivar/pipeline/filter"
	"github.com/cultivar/cultivar/pipeline/redact"
	"github.com/cultivar/cultivar/pipeline/source"
	"github.com/cultivar/cultivar/pipeline/spill"
)

// Source is where raw files come from.
type Source interface {
	// Name is part of every document's identity; no two sources of a run have the same.
	Name() string
	// Files yields the files in a stable order. An error ends the run.
	Files(ctx context.Context) iter.Seq2[source.File, error]
}

// Sink takes the rows of a run, each kind in the order of the sources. It is called from one
// goroutine. An error ends the run.
type Sink interface {
	Document(datasets.Document) error
	Exclusion(datasets.Exclusion) error
	Redaction(datasets.Redaction) error
}

// Run takes every file of the sources through the stages and hands the rows to the sink. After an
// error the rows that the sink has are incomplete and have to be thrown away.
func Run(ctx context.Context, cfg Config, sources []Source, sink Sink) (Stats, error) {
	if err := cfg.Validate(); err != nil {
		return Stats{}, fmt.Errorf("check pipeline config: %w", err)
	}
	r := newRun(cfg)
	err := r.write(r.drafts(ctx, sources), sink)
	stats := r.snapshot()
	stats.countLeft(sources)
	if err != nil {
		return stats, err
	}
	if err := stats.Reconcile(); err != nil {
		return stats, err
	}
	return stats, stats.checkUnreadable(cfg.MaxUnreadableShare)
}

// run is the state of one Run. Stages of several goroutines only read it; stats belongs to the
// goroutine of Run, where every sequence ends.
type run struct {
	cfg       Config
	workers   int
	scratch   *spill.Scratch
	registry  *extract.Registry
	lines     *filter.Lines // nil when boilerplate stays
	filter    *filter.Filter
	redactor  *redact.Redactor
	sketchers sync.Pool // of *dedup.Sketcher
	stats     Stats

	// What has come in is counted on another goroutine, and merged by snapshot.
	files, bytes, in atomic.Int64
}

// snapshot returns counts that the run does not change any more.
func (r *run) snapshot() Stats {
	s := r.stats
	s.Files, s.Bytes, s.In = r.files.Load(), r.bytes.Load(), r.in.Load()
	s.Dropped, s.Spans = maps.Clone(s.Dropped), maps.Clone(s.Spans)
	s.Flagged, s.Redactions = maps.Clone(s.Flagged), maps.Clone(s.Redactions)
	s.Unsupported, s.Left = maps.Clone(s.Unsupported), maps.Clone(s.Left)
	return s
}

func newRun(cfg Config) *run {
	r := &run{
		cfg:      cfg,
		workers:  cfg.Workers,
		scratch:  spill.New(cfg.ScratchDir, cfg.MemoryBytes),
		registry: all.New(cfg.Extract),
		filter:   filter.New(cfg.Filter),
		redactor: redact.New(cfg.Redact),
		stats:    newStats(),
	}
	if r.workers == 0 {
		r.workers = runtime.GOMAXPROCS(0)
	}
	r.sketchers.New = func() any { return new(dedup.Sketcher) }
	return r
}

// drafts is the whole pipeline, as a sequence that does its work while it is read.
func (r *run) drafts(ctx context.Context, sources []Source) iter.Seq2[*draft, error] {
	each := func(in iter.Seq2[*draft, error], steps ...step) iter.Seq2[*draft, error] {
		return ordered(ctx, r.workers, in, func(_ context.Context, d *draft) *draft { return apply(d, steps) })
	}
	seq := r.arrivals(ordered(ctx, r.workers, files(ctx, sources), r.read))
	seq = each(seq, step{stageClean, r.clean})
	if r.cfg.Dedup.Exact || r.cfg.Filter.Boilerplate.Enabled {
		seq = barrier(r.scratch, seq, r.copies())
	}
	seq = each(seq, step{stageFilter, r.stripLines}, step{stageFilter, r.judge}, step{stageDedup, r.sketch})
	if r.cfg.Dedup.Near {
		seq = barrier(r.scratch, seq, r.resemblance())
	}
	return each(seq, step{stageRedact, r.redact})
}

// write hands finished drafts to the sink.
func (r *run) write(drafts iter.Seq2[*draft, error], sink Sink) error {
	written := 0
	for d, err := range drafts {
		if err != nil {
			return err
		}
		r.stats.count(d)
		if err := writeDraft(d, sink); err != nil {
			return fmt.Errorf("write rows of %s: %w", d.SourceURI, err)
		}
		if written++; written%progressEvery == 0 {
			r.progress()
		}
	}
	r.progress()
	return nil
}

// progressEvery is the number of documents between two calls of Progress.
const progressEvery = 64

func (r *run) progress() {
	if r.cfg.Progress != nil {
		r.cfg.Progress(r.snapshot())
	}
}

func writeDraft(d *draft, sink Sink) error {
	for _, e := range d.Spans {
		if err := sink.Exclusion(e); err != nil {
			return err
		}
	}
	if d.Drop != nil {
		return sink.Exclusion(*d.Drop)
	}
	for _, e := range d.Redactions {
		if err := sink.Redaction(e); err != nil {
			return err
		}
	}
	return sink.Document(d.Document)
}

// rawFile is a file with the name of its source.
type rawFile struct {
	source string
	source.File
}

// files joins the sources.
func files(ctx context.Context, sources []Source) iter.Seq2[rawFile, error] {
	return func(yield func(rawFile, error) bool) {
		seen := map[string]bool{}
		for _, s := range sources {
			if seen[s.Name()] {
				yield(rawFile{}, fmt.Errorf("read source %s: %w", s.Name(), errTwice))
				return
			}
			seen[s.Name()] = true
			for f, err := range s.Files(ctx) {
				if !yield(rawFile{s.Name(), f}, err) || err != nil {
					return
				}
			}
		}
	}
}

var errTwice = errors.New("two sources have this name")
