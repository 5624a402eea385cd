package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/workflows/stages"
)

// parseMemory reads a size such as 1.2GB or 800MiB; "" is 0.
func parseMemory(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	n, err := humanize.ParseBytes(s)
	if err != nil || n == 0 {
		return 0, usagef("--memory is %q, want a size such as 1.2GB or 800MiB", s)
	}
	return n, nil
}

// planTraining prints what a run would take. A run that does not fit fails after that; as JSON the
// error is all there is, since standard output holds one object.
func (a *app) planTraining(ctx context.Context, o stages.TrainOptions) error {
	plan, err := stages.PlanTraining(ctx, o)
	switch {
	case err != nil && (a.json || plan.Peak == 0):
		return err
	case a.json:
		return a.printJSON(plan)
	}
	a.printPlan(plan)
	return err
}

func (a *app) printPlan(p trainer.Plan) {
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(a.out, format+"\n", args...) }
	line("steps      %d of %s tokens on average, at most %s at a time",
		p.Steps, humanize.Count(int64(p.TokensPerStep)), humanize.Count(int64(p.MicroBatchTokens)))
	line("trained    %s parameters", humanize.Count(p.Trainable))
	line("memory     %s at its peak", humanize.Bytes(p.Peak))
	line("           %s weights, %s adapter, %s activations, %s else",
		humanize.Bytes(p.Weights), humanize.Bytes(p.Adapter), humanize.Bytes(p.Activate), humanize.Bytes(p.Process))
	switch p.Recompute {
	case 0:
		line("           the activations of all %d layers are kept", p.Layers)
	case p.Layers:
		line("           all %d layers are computed twice", p.Layers)
	default:
		line("           %d of %d layers are computed twice to stay below %s", p.Recompute, p.Layers, humanize.Bytes(p.Budget))
	}
	if p.SecondsPerStep == 0 {
		return
	}
	step := time.Duration(p.SecondsPerStep * float64(time.Second))
	line("work       %.3g TFLOP a step, at %.0f GFLOP/s", p.FLOPsPerStep/1e12, p.FLOPsPerStep/p.SecondsPerStep/1e9)
	line("time       %s a step (%.0f tokens/s), %s in all, evaluation not counted",
		humanize.Duration(step), p.TokensPerStep/p.SecondsPerStep, humanize.Duration(step*time.Duration(p.Steps)))
}
