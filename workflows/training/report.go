package training

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cultivar/cultivar/internal/machine"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/workflows/reports"
)

// leave writes the report. What keeps it from being written fails no run: the adapter is there.
func (s *session) leave(ctx context.Context, r *Result, joules float64) error {
	r.Report = filepath.Join(s.OutDir, reports.File)
	err := s.report(ctx, r, joules)
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	r.Report = ""
	if s.Warn != nil {
		s.Warn("there is no report: " + err.Error())
	}
	return nil
}

// report writes the page about a run that is done, beside the adapter. Of one that was done before it is
// written when it is missing, from what the directory holds.
func (s *session) report(ctx context.Context, r *Result, joules float64) error {
	if _, err := os.Stat(r.Report); r.Reused && err == nil {
		return nil
	}
	log, err := trainer.ReadMetrics(s.OutDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f := s.objective.Facts()
	t := reports.Training{
		Name: s.name(), Lineage: r.Lineage, Adapter: s.factors.Config, Config: s.Config, Defaults: trainer.DefaultConfig(), Origins: s.Origins, Log: log, Unit: f.Unit,
		Digest: r.Digest, AdapterDigest: r.AdapterDigest, Trainable: int64(r.Trainable),
		Rows: len(s.data.Train), HeldOut: len(s.data.Validation), Sequences: len(s.rows.Sequences), Dropped: r.Dropped, Windowed: r.Windowed,
		NoSamples: "the run was done before this page was written.",
	}
	if !r.Reused {
		t.Cost = reports.Cost{PeakMemory: machine.Peak(), WeightBytes: s.weightBytes, Joules: joules, ResumedAt: r.ResumedAt}
		if t.Samples, t.NoSamples, err = s.samples(ctx, r.Tokens); err != nil {
			t.NoSamples = "they could not be taken: " + err.Error()
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return reports.Write(r.Report, t.Page())
}

// name is what the run is called: as its directory, whatever path leads there, unless it is said.
func (s *session) name() string {
	if s.Name != "" {
		return s.Name
	}
	dir := s.OutDir
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	return filepath.Base(dir)
}
