package modelverbs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/cultivar/cultivar/cmd/internal/door"
	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/workflows/training"
)

// parseMemory reads a size such as 1.2GB or 800MiB; "" is 0.
func parseMemory(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	n, err := humanize.ParseBytes(s)
	if err != nil || n == 0 {
		return 0, door.Usagef("--memory is %q, want a size such as 1.2GB or 800MiB", s)
	}
	return n, nil
}

// moreMemory names the flag that lets a run take more.
func moreMemory(err error) error {
	if errors.Is(err, trainer.ErrMemory) {
		return door.Hint(err, "--memory allows more")
	}
	return err
}

// planTraining prints what a run would train and take. A run that does not fit fails after that; as JSON
// the error is all there is, since standard output holds one object.
func planTraining(a *door.App, ctx context.Context, o training.Options, show int) error {
	plan, err := training.PlanTraining(ctx, o, show)
	switch {
	case err != nil && (a.JSON || plan.Peak == 0):
		return moreMemory(err)
	case a.JSON:
		return a.PrintJSON(plan)
	}
	printData(a, plan)
	printPlan(a, plan.Plan)
	printExamples(a, plan.Shown)
	return moreMemory(err)
}

// printData says what is trained.
func printData(a *door.App, p training.Plan) {
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(a.Out, format+"\n", args...) }
	line("objective  %s", p.Objective)
	held := "none held out"
	if p.HeldOut > 0 {
		held = humanize.Count(int64(p.HeldOut)) + " held out"
	}
	line("rows       %s in %s sequences, %s", humanize.Count(int64(p.Rows)), humanize.Count(int64(p.Sequences)), held)
	line("           %s tokens are trained in an epoch", humanize.Count(int64(p.Trained)))
	if p.Windowed > 0 {
		line("           %d are longer than max_seq_length and are cut into windows", p.Windowed)
	}
	if p.Dropped > 0 {
		line("           %d have no tokens and are left out", p.Dropped)
	}
	if p.TrainOn != "" {
		line("train_on   %s: %s", p.TrainOn, door.Printable(p.TrainOnWhy))
	}
	if p.Clock != "" {
		line("clock      %s, which the chat template writes", p.Clock)
	}
	for _, w := range p.Warnings {
		line("warning    %s", door.Printable(w))
	}
}

// printExamples prints rows with what is trained marked: in colour on a terminal, in brackets elsewhere.
func printExamples(a *door.App, rows []training.Shown) {
	begin, end := "[", "]"
	if door.IsTerminal(a.Out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" {
		begin, end = "\x1b[32m", "\x1b[0m"
	}
	for _, r := range rows {
		_, _ = fmt.Fprintf(a.Out, "\n%s\n", door.Printable(r.Row))
		text := ""
		for _, piece := range r.Pieces {
			text = visible(piece.Text)
			if piece.Trained {
				text = begin + text + end
			}
			_, _ = fmt.Fprint(a.Out, text)
		}
		if !strings.HasSuffix(text, "\n") {
			_, _ = fmt.Fprintln(a.Out)
		}
	}
}

// visible escapes what a terminal would obey; lines stay.
func visible(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n':
			b.WriteString("\n")
		case unicode.IsGraphic(r):
			b.WriteRune(r)
		default:
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
	}
	return b.String()
}

func printPlan(a *door.App, p trainer.Plan) {
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(a.Out, format+"\n", args...) }
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
