package trainer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"time"

	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/trainer/checkpoint"
	"github.com/cultivar/cultivar/trainer/eval"
	"github.com/cultivar/cultivar/trainer/model"
	"github.com/cultivar/cultivar/trainer/ops"
	"github.com/cultivar/cultivar/trainer/optim"
)

// ErrDiverged means that the loss or the gradient became infinite or not a number.
var ErrDiverged = errors.New("training diverged")

// Job is one training run.
type Job struct {
	Config    Config
	Model     *model.Model
	Reference *model.Model // of dpo: the base alone
	Params    []*ops.Param // what is trained, attached to the model
	Pretrain  bool         // norm weights are not decayed
	Train     *pack.Sequences
	Eval      []pack.Row // held-out rows; may be empty
	RunDigest string     // of base, data and configuration: what a checkpoint belongs to
	OutDir    string     // checkpoints and metrics.jsonl go here; must exist
	Hooks     Hooks

	WeightBytes int64 // of the frozen base as stored: what stays in memory beside the run itself
	Memory      int64 // bytes that the process may take; 0 means no limit
}

// Hooks are called by the loop; nil ones are off.
type Hooks struct {
	OnStart func(total, resumedAt int)
	OnStep  func(Step)
	OnEval  func(step int, loss float64)
	OnSave  func(step int)
}

// Step is what a logged step reports; the names are those of metrics.jsonl.
type Step struct {
	Step            int     `json:"step"` // from 1
	Loss            float64 `json:"loss"` // mean over the step's trained tokens
	GradNorm        float64 `json:"grad_norm"`
	LearningRate    float64 `json:"learning_rate"`
	Tokens          int64   `json:"tokens"`         // since the start of the run
	TrainedTokens   int64   `json:"trained_tokens"` // those with a label
	TokensPerSecond float64 `json:"tokens_per_second"`
	*Preference             // of dpo
}

// Result of a run.
type Result struct {
	Steps           int
	ResumedAt       int // step of the checkpoint it went on from, 0 when it started anew
	Tokens          int64
	TrainedTokens   int64
	TokensPerSecond float64 // of this process's own steps
	Loss            float64 // of the last step
	EvalBefore      float64 // mean NLL on the held-out rows; 0 when there are none
	EvalAfter       float64
}

// Run trains. Interrupted and run again with the same job, it goes on from the newest checkpoint
// and ends with the same bits. On cancellation it saves a checkpoint first.
func Run(ctx context.Context, job Job) (Result, error) {
	r, err := start(job)
	if err != nil {
		return Result{}, err
	}
	defer r.metrics.Close()
	if err := r.loop(ctx); err != nil {
		return Result{}, err
	}
	return r.result, nil
}

// run is the state of the loop.
type run struct {
	Job
	order    order
	schedule optim.Schedule
	opt      *optim.AdamW
	trainer  *model.Trainer
	scorer   *model.Evaluator
	prefs    *preferences // nil unless the objective is dpo
	atOnce   int          // tokens in memory at a time
	metrics  *metrics
	at       checkpoint.Progress
	result   Result
	seconds  float64 // spent in steps by this process
	own      int64   // tokens trained by this process
}

func start(job Job) (*run, error) {
	c := job.Config
	if len(job.Train.Sequences) == 0 {
		return nil, errors.New("no training rows")
	}
	plan, err := job.Plan()
	if err != nil {
		return nil, err
	}
	total := plan.Steps
	trainer, err := job.Model.NewTrainer(plan.Recompute)
	if err != nil {
		return nil, err
	}
	trainer.Reserve(plan.MicroBatchTokens)
	r := &run{
		Job:      job,
		order:    job.order(),
		schedule: optim.Schedule{Type: c.LRSchedulerType, Peak: c.LearningRate, Warmup: c.warmup(total), Total: total},
		opt:      optim.NewAdamW(job.Params, c.AdamBeta1, c.AdamBeta2, c.AdamEpsilon, c.WeightDecay),
		trainer:  trainer,
		scorer:   trainer.Evaluator(),
		atOnce:   plan.MicroBatchTokens,
		at:       checkpoint.Progress{RunDigest: job.RunDigest},
	}
	if c.Objective == DPO {
		if r.prefs, err = newPreferences(job, r.atOnce); err != nil {
			return nil, err
		}
	}
	saved, found, err := checkpoint.Load(r.checkpoints(), job.RunDigest, job.Params, r.opt)
	if err != nil {
		return nil, err
	}
	if found {
		r.at = saved
	}
	r.result.ResumedAt = r.at.Step
	if r.metrics, err = openMetrics(filepath.Join(job.OutDir, MetricsFile), r.at.Step); err != nil {
		return nil, err
	}
	if job.Hooks.OnStart != nil {
		job.Hooks.OnStart(total, r.at.Step)
	}
	return r, nil
}

func (r *run) checkpoints() string { return filepath.Join(r.OutDir, "checkpoints") }

func (r *run) loop(ctx context.Context) error {
	if r.at.Step == 0 {
		before, err := r.evaluate(0)
		if err != nil {
			return err
		}
		r.at.LossBefore = before
	}
	for r.at.Step < r.schedule.Total {
		if err := ctx.Err(); err != nil {
			return errors.Join(err, r.save())
		}
		if err := r.step(); err != nil {
			return err
		}
		if due(r.at.Step, r.Config.EvalSteps) && r.at.Step < r.schedule.Total {
			if _, err := r.evaluate(r.at.Step); err != nil {
				return err
			}
		}
		if due(r.at.Step, r.Config.SaveSteps) && r.at.Step < r.schedule.Total {
			if err := r.save(); err != nil {
				return err
			}
		}
	}
	return r.finish()
}

func due(step, every int) bool { return every > 0 && step%every == 0 }

// step is one optimizer step: gradients over all micro-batches, clip, update.
func (r *run) step() error {
	began := time.Now()
	batch := r.Train.Step(r.order.step(r.at.Step), r.Config.MicroBatchSize)
	mbs, labels := MicroBatches(batch, r.Config.Seed, r.at.Step)
	if labels == 0 {
		return fmt.Errorf("step %d: no token of the batch is trained", r.at.Step+1)
	}
	loss, tokens, prefer, err := r.gradients(batch, mbs, labels)
	if err != nil {
		return fmt.Errorf("step %d: %w", r.at.Step+1, err)
	}
	norm := optim.GradNorm(r.Params)
	if math.IsNaN(loss+norm) || math.IsInf(loss+norm, 0) {
		return fmt.Errorf("step %d: %w: loss %g, gradient norm %g; try a lower learning_rate", r.at.Step+1, ErrDiverged, loss, norm)
	}
	lr := r.schedule.At(r.at.Step)
	r.opt.Step(lr, optim.ClipScale(norm, r.Config.MaxGradNorm), r.Pretrain)

	r.at.Step++
	r.at.Tokens += int64(tokens)
	r.at.TrainedTokens += int64(labels)
	seconds := time.Since(began).Seconds()
	r.seconds += seconds
	r.own += int64(tokens)
	r.result.Loss = loss
	if r.at.Step%r.Config.LoggingSteps != 0 && r.at.Step != r.schedule.Total {
		return nil
	}
	s := Step{r.at.Step, loss, norm, lr, r.at.Tokens, r.at.TrainedTokens, float64(tokens) / seconds, prefer}
	if r.Hooks.OnStep != nil {
		r.Hooks.OnStep(s)
	}
	return r.metrics.write(s)
}

// gradients runs the micro-batches of a step and returns its loss.
func (r *run) gradients(batch []pack.Batch, mbs []*model.MicroBatch, labels int) (loss float64, tokens int, prefer *Preference, err error) {
	var s score
	pairs := 0
	for _, b := range batch {
		pairs += len(b.Segments) / 2
	}
	for i, mb := range mbs {
		tokens += len(mb.Tokens)
		if len(mb.Rows) == 0 {
			continue
		}
		if r.prefs != nil {
			r.prefs.weigh(mb, batch[i].Segments, pairs, &s)
		}
		nll, err := r.trainer.Step(mb)
		if err != nil {
			return 0, 0, nil, err
		}
		for _, x := range nll {
			loss += x
		}
	}
	if r.prefs != nil {
		return s.loss / float64(pairs), tokens, s.preference(), nil
	}
	return loss / float64(labels), tokens, nil, nil
}

// evaluate scores the held-out rows and logs the result under a step.
func (r *run) evaluate(step int) (float64, error) {
	if len(r.Eval) == 0 {
		return 0, nil
	}
	line := evalLine{Step: step}
	if r.prefs != nil {
		s, err := r.prefs.evaluate(r.scorer, r.Eval, r.atOnce)
		if err != nil {
			return 0, err
		}
		line.EvalLoss, line.Preference = s.loss/float64(s.pairs), s.preference()
	} else {
		s, err := eval.NLL(r.scorer, r.Eval, r.atOnce)
		if err != nil {
			return 0, err
		}
		line.EvalLoss = s.MeanNLL
	}
	if r.Hooks.OnEval != nil {
		r.Hooks.OnEval(step, line.EvalLoss)
	}
	return line.EvalLoss, r.metrics.write(line)
}

func (r *run) save() error {
	if err := checkpoint.Save(r.checkpoints(), r.at, r.Params, r.opt); err != nil {
		return err
	}
	if r.Hooks.OnSave != nil {
		r.Hooks.OnSave(r.at.Step)
	}
	return nil
}

func (r *run) finish() error {
	after, err := r.evaluate(r.at.Step)
	if err != nil {
		return err
	}
	r.result.Steps = r.at.Step
	r.result.Tokens = r.at.Tokens
	r.result.TrainedTokens = r.at.TrainedTokens
	r.result.EvalBefore, r.result.EvalAfter = r.at.LossBefore, after
	if r.seconds > 0 {
		r.result.TokensPerSecond = float64(r.own) / r.seconds
	}
	return r.save()
}
