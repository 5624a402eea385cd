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
	"github.com/cultivar/cultivar/trainer/model"
	"github.com/cultivar/cultivar/trainer/objective"
	"github.com/cultivar/cultivar/trainer/ops"
	"github.com/cultivar/cultivar/trainer/optim"
)

// ErrDiverged means that the loss or the gradient became infinite or not a number.
var ErrDiverged = errors.New("training diverged")

// Job is one training run.
type Job struct {
	Config    Config
	Model     *model.Model
	Reference *model.Model  // the base alone, where the objective compares with it
	Groups    []optim.Group // what is trained, attached to the model
	Train     *pack.Sequences
	Eval      []pack.Row      // held-out rows; may be empty
	Replay    *pack.Sequences // on which the adapter is held to the base; nil for none
	RunDigest string          // of base, data and configuration: what a checkpoint belongs to
	OutDir    string          // checkpoints and metrics.jsonl go here; must exist
	Hooks     Hooks

	// Snapshot writes what is trained so far into the directory of a checkpoint, beside what training goes on from;
	// nil writes nothing.
	Snapshot func(dir string, soFar Result) error

	WeightBytes int64 // of the frozen base as stored: what stays in memory beside the run itself
	Memory      int64 // bytes that the process may take; 0 means no limit
}

// Hooks are called by the loop; nil ones are off.
type Hooks struct {
	// OnReplay hears how many texts of replay the base has written, before the first step.
	OnReplay func(done, rows int)
	OnStart  func(total, resumedAt int)
	OnStep   func(Step)
	OnEval   func(step int, loss float64)
	OnSave   func(step int)
	// OnDamage hears of a checkpoint that is not gone on from, because it is not what was saved.
	OnDamage func(error)
}

// Step is what a logged step reports; the names are those of metrics.jsonl.
type Step struct {
	Step            int               `json:"step"` // from 1
	Loss            float64           `json:"loss"` // the objective's, such as the mean over the step's trained tokens
	GradNorm        float64           `json:"grad_norm"`
	LearningRate    float64           `json:"learning_rate"`
	Tokens          int64             `json:"tokens"`         // since the start of the run
	TrainedTokens   int64             `json:"trained_tokens"` // those with a label
	TokensPerSecond float64           `json:"tokens_per_second"`
	Metrics         objective.Metrics `json:"-"` // beside the others
}

// Result of a run.
type Result struct {
	Steps           int
	ResumedAt       int // step of the checkpoint it went on from, 0 when it started anew
	Tokens          int64
	TrainedTokens   int64
	TokensPerSecond float64  // of this process's own steps
	Loss            float64  // of the last step
	EvalBefore      *float64 // loss on the held-out rows; nil when there are none
	EvalAfter       *float64
}

// Run trains. Interrupted and run again with the same job, it goes on from the newest checkpoint
// and ends with the same bits. On cancellation it saves a checkpoint first.
func Run(ctx context.Context, job Job) (Result, error) {
	r, err := start(ctx, job)
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
	params   []*ops.Param
	order    order
	schedule optim.Schedule
	opt      *optim.AdamW
	trainer  *model.Trainer
	learned  objective.Loss
	replay   *replay // nil for none
	metrics  *metrics
	at       checkpoint.Progress
	result   Result
	seconds  float64 // spent in steps by this process
	own      int64   // tokens trained by this process
}

func start(ctx context.Context, job Job) (*run, error) {
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
		params:   optim.Params(job.Groups),
		order:    job.order(),
		schedule: optim.Schedule{Type: c.LRSchedulerType, Peak: c.LearningRate, Warmup: c.warmup(total), Total: total},
		opt:      optim.NewAdamW(job.Groups, c.AdamBeta1, c.AdamBeta2, c.AdamEpsilon),
		trainer:  trainer,
		at:       checkpoint.Progress{RunDigest: job.RunDigest},
	}
	if r.learned, err = job.prepare(ctx, trainer.Evaluator(), plan.MicroBatchTokens); err != nil {
		return nil, err
	}
	if job.Replay != nil {
		r.replay = newReplay(job, plan.MicroBatchTokens)
	}
	saved, found, err := checkpoint.Load(r.checkpoints(), job.RunDigest, r.params, r.opt, r.damaged)
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

// prepare binds the objective to the job.
func (j Job) prepare(ctx context.Context, policy *model.Evaluator, atOnce int) (objective.Loss, error) {
	o, err := objective.ByName(j.Config.Objective, j.Config.Config)
	if err != nil {
		return nil, err
	}
	return o.Prepare(ctx, objective.Run{
		Train: j.Train.Rows, Held: j.Eval, Policy: policy, Reference: j.Reference, MaxLen: j.Train.MaxLen, AtOnce: atOnce,
	})
}

// CheckpointDir is where in its output directory a run has its checkpoints.
const CheckpointDir = "checkpoints"

func (r *run) checkpoints() string { return filepath.Join(r.OutDir, CheckpointDir) }

func (r *run) damaged(err error) {
	if r.Hooks.OnDamage != nil {
		r.Hooks.OnDamage(err)
	}
}

func (r *run) loop(ctx context.Context) error {
	if r.at.Step == 0 {
		before, err := r.evaluate(ctx, 0)
		if err != nil {
			return err
		}
		r.at.LossBefore = before
	}
	for r.at.Step < r.schedule.Total {
		if err := ctx.Err(); err != nil {
			return errors.Join(err, r.save())
		}
		if err := r.step(ctx); err != nil {
			if ctx.Err() != nil { // in mid-step: what is trained is as the step before left it
				return errors.Join(ctx.Err(), r.save())
			}
			return err
		}
		if due(r.at.Step, r.Config.EvalSteps) && r.at.Step < r.schedule.Total {
			if _, err := r.evaluate(ctx, r.at.Step); err != nil {
				return err
			}
		}
		if due(r.at.Step, r.Config.SaveSteps) && r.at.Step < r.schedule.Total {
			if err := r.save(); err != nil {
				return err
			}
		}
	}
	return r.finish(ctx)
}

func due(step, every int) bool { return every > 0 && step%every == 0 }

// step is one optimizer step: gradients over all micro-batches, clip, update.
func (r *run) step(ctx context.Context) error {
	began := time.Now()
	batch := r.Train.Step(r.order.step(r.at.Step), r.Config.MicroBatchSize)
	mbs, labels := MicroBatches(batch, r.Config.Seed, r.at.Step)
	if labels == 0 {
		return fmt.Errorf("step %d: no token of the batch is trained", r.at.Step+1)
	}
	score, tokens, err := r.gradients(ctx, batch, mbs)
	if err != nil {
		return fmt.Errorf("step %d: %w", r.at.Step+1, err)
	}
	norm := optim.GradNorm(r.params)
	if math.IsNaN(score.Loss+norm) || math.IsInf(score.Loss+norm, 0) {
		return fmt.Errorf("step %d: %w: loss %g, gradient norm %g; try a lower learning_rate", r.at.Step+1, ErrDiverged, score.Loss, norm)
	}
	lr := r.schedule.At(r.at.Step)
	r.opt.Step(lr, optim.ClipScale(norm, r.Config.MaxGradNorm))

	r.at.Step++
	r.at.Tokens += int64(tokens)
	r.at.TrainedTokens += int64(labels)
	seconds := time.Since(began).Seconds()
	r.seconds += seconds
	r.own += int64(tokens)
	r.at.Loss = score.Loss
	if r.at.Step%r.Config.LoggingSteps != 0 && r.at.Step != r.schedule.Total {
		return nil
	}
	s := Step{r.at.Step, score.Loss, norm, lr, r.at.Tokens, r.at.TrainedTokens, float64(tokens) / seconds, score.Metrics}
	if r.Hooks.OnStep != nil {
		r.Hooks.OnStep(s)
	}
	return r.metrics.write(s, s.Metrics)
}

// gradients runs the micro-batches of a step, and those of its replay, and returns its score.
func (r *run) gradients(ctx context.Context, batch []pack.Batch, mbs []*model.MicroBatch) (objective.Score, int, error) {
	sum, err := r.learned.Weigh(ctx, batch, mbs)
	if err != nil {
		return objective.Score{}, 0, err
	}
	total, tokens, err := r.backward(ctx, mbs)
	if err != nil {
		return objective.Score{}, 0, err
	}
	score := sum(total)
	if r.replay == nil {
		return score, tokens, nil
	}
	kept, err := r.replay.step(ctx, r.at.Step, tokens)
	if err != nil {
		return objective.Score{}, 0, fmt.Errorf("replay: %w", err)
	}
	_, more, err := r.backward(ctx, kept)
	score.Metrics = append(score.Metrics, r.replay.metric(kept))
	return score, tokens + more, err
}

// backward sums the gradients of micro-batches, and returns the sum of their labels' losses and how many
// tokens they have.
func (r *run) backward(ctx context.Context, mbs []*model.MicroBatch) (nll float64, tokens int, err error) {
	for _, mb := range mbs {
		tokens += len(mb.Tokens)
		if len(mb.Rows) == 0 {
			continue
		}
		losses, err := r.trainer.Step(ctx, mb)
		if err != nil {
			return 0, 0, err
		}
		for _, x := range losses {
			nll += x
		}
	}
	return nll, tokens, nil
}

// evaluate scores the held-out rows and logs the result under a step; nil when there are none.
func (r *run) evaluate(ctx context.Context, step int) (*float64, error) {
	if len(r.Eval) == 0 {
		return nil, nil
	}
	score, err := r.learned.Evaluate(ctx)
	if err != nil {
		return nil, err
	}
	if r.Hooks.OnEval != nil {
		r.Hooks.OnEval(step, score.Loss)
	}
	return &score.Loss, r.metrics.write(evalLine{step, score.Loss}, score.Metrics)
}

func (r *run) save() error {
	var more func(dir string) error
	if r.Snapshot != nil {
		more = func(dir string) error { return r.Snapshot(dir, r.soFar()) }
	}
	if err := checkpoint.Save(r.checkpoints(), r.at, r.params, r.opt, more); err != nil {
		return err
	}
	if r.Hooks.OnSave != nil {
		r.Hooks.OnSave(r.at.Step)
	}
	return nil
}

func (r *run) finish(ctx context.Context) error {
	if err := r.save(); err != nil { // first: the evaluation may be interrupted
		return err
	}
	after, err := r.evaluate(ctx, r.at.Step)
	if err != nil {
		return err
	}
	r.result = r.soFar()
	r.result.EvalAfter = after
	return nil
}

// soFar is the result as it is now.
func (r *run) soFar() Result {
	result := r.result
	result.Steps, result.Tokens, result.TrainedTokens = r.at.Step, r.at.Tokens, r.at.TrainedTokens
	result.Loss, result.EvalBefore = r.at.Loss, r.at.LossBefore
	if r.seconds > 0 {
		result.TokensPerSecond = float64(r.own) / r.seconds
	}
	return result
}
