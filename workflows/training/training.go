// Package training fits adapters to rows on frozen bases, says beforehand what that would take and what
// would be trained, and measures how likely models find rows. It joins the data, the base and the loop;
// the loop itself is the trainer's.
package training

import (
	"context"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/adapters/publish"
	"github.com/cultivar/cultivar/internal/machine"
	"github.com/cultivar/cultivar/trainer"
)

// NumericsVersion is raised when the same run would end in other bits than before: by 2, windows of long
// texts begin as texts do.
const NumericsVersion = 2

// Options say what to train and where the adapter goes.
type Options struct {
	Home    string
	Base    string // model directory, or a GGUF file
	Data    string // a dataset, or a file of rows
	Config  trainer.Config
	OutDir  string
	Name    string // of the run in its report; that of OutDir when empty
	Restart bool   // discard what OutDir holds of another run
	Memory  int64  // bytes that the process may take; 0 means most of what is free
	Hooks   trainer.Hooks

	// Origins says where keys of the configuration were set, for the report; one that is not there was not set,
	// or nobody knows where.
	Origins map[string]string

	AllowOtherBase bool         // take an init_adapter that was trained on another base
	Warn           func(string) // hears what may surprise, a sentence each; may be nil
}

// Result is what came of a training.
type Result struct {
	trainer.Result
	Lineage       adapters.Lineage
	Digest        string // of what is published of OutDir
	AdapterDigest string // of what the adapter computes
	Reused        bool   // the directory held the result of this very run
	Trainable     int    // parameters that were trained
	Dropped       int    // rows without tokens
	Windowed      int    // rows that were cut into windows
	Report        string // file of the page about the run
}

// Train fits an adapter and writes it to OutDir in PEFT's format, with its lineage, its resolved
// configuration, metrics.jsonl, checkpoints and a report. Killed and called again it goes on; called again
// after it is done it does nothing.
func Train(ctx context.Context, o Options) (Result, error) {
	s, err := open(ctx, o)
	if err != nil {
		return Result{}, err
	}
	defer s.close()
	out, err := openOutput(o.OutDir)
	if err != nil {
		return Result{}, err
	}
	defer out.close()
	if done, result, err := s.finished(ctx, out); done || err != nil {
		return result, err
	}
	s.warn()
	return s.run(ctx, out)
}

// finished reports whether the output directory holds the result of this run; another run's is an error
// unless Restart discards it.
func (s *session) finished(ctx context.Context, out *output) (bool, Result, error) {
	old, err := out.claim(s.lineage.RunDigest, s.Restart)
	if old == nil || err != nil {
		return false, Result{}, err
	}
	m := old.Metrics
	r := Result{
		Result: trainer.Result{Steps: m.Steps, ResumedAt: m.Steps, Tokens: m.Tokens, TrainedTokens: m.TrainedTokens,
			Loss: m.TrainLoss, EvalBefore: m.EvalLossBefore, EvalAfter: m.EvalLossAfter},
		Lineage: *old, Reused: true,
	}
	if err := s.complete(ctx, &r); err != nil {
		return true, r, err
	}
	return true, r, s.leave(ctx, &r, 0)
}

func (s *session) run(ctx context.Context, out *output) (Result, error) {
	if err := s.writeReplay(ctx); err != nil {
		return Result{}, err
	}
	job, err := s.job(ctx)
	if err != nil {
		return Result{}, err
	}
	meter := machine.StartMeter()
	job.Hooks.OnStep = also(job.Hooks.OnStep, meter)
	s.weightBytes = job.WeightBytes
	done, err := trainer.Run(ctx, job)
	if err != nil {
		return Result{}, err
	}
	s.lineage.Metrics = metricsOf(done)
	if err := s.write(out.dir, done); err != nil {
		return Result{}, err
	}
	r := Result{Result: done, Lineage: s.lineage}
	if err := s.complete(ctx, &r); err != nil {
		return r, err
	}
	return r, s.leave(ctx, &r, meter.Read())
}

// also has the meter read after each step that is told of.
func also(tell func(trainer.Step), meter *machine.Meter) func(trainer.Step) {
	return func(s trainer.Step) {
		meter.Read()
		if tell != nil {
			tell(s)
		}
	}
}

// complete adds what the directory and the data say to a result.
func (s *session) complete(ctx context.Context, r *Result) error {
	a, err := peft.Read(s.OutDir)
	if err != nil {
		return err
	}
	r.AdapterDigest = peft.Digest(a)
	if r.Digest, err = publish.ContentDigest(ctx, s.OutDir); err != nil {
		return err
	}
	for _, p := range s.factors.Params() {
		r.Trainable += len(p.Value)
	}
	r.Dropped, r.Windowed = len(s.rows.Dropped), s.rows.Windowed
	return nil
}
