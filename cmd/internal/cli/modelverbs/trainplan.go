package modelverbs

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	var f door.Fields
	addData(&f, plan)
	addPlan(&f, plan.Plan)
	return moreMemory(errors.Join(err, a.PrintFields(&f), printExamples(a, plan.Shown)))
}

// addData says what is trained.
func addData(f *door.Fields, p training.Plan) {
	f.Add("base", "%s", p.Base.Name)
	f.Add("", "%s", p.Base.Digest)
	f.Add("objective", "%s", p.Objective)
	held := "none held out"
	if p.HeldOut > 0 {
		held = humanize.Count(int64(p.HeldOut)) + " held out"
	}
	f.Add("rows", "%s in %s sequences, %s", humanize.Count(int64(p.Rows)), humanize.Count(int64(p.Sequences)), held)
	f.Add("", "%s tokens are trained in an epoch", humanize.Count(int64(p.Trained)))
	if p.Windowed > 0 {
		f.Add("", "%d are longer than max_seq_length and are cut into windows", p.Windowed)
	}
	if p.Dropped > 0 {
		f.Add("", "%d have no tokens and are left out", p.Dropped)
	}
	if p.TrainOn != "" {
		f.Add("train_on", "%s: %s", p.TrainOn, p.TrainOnWhy)
	}
	if p.Clock != "" {
		f.Add("clock", "%s, which the chat template writes", p.Clock)
	}
	for _, w := range p.Warnings {
		f.Add("warning", "%s", w)
	}
}

// printExamples prints rows with what is trained marked: in colour where there is any, in brackets elsewhere.
func printExamples(a *door.App, rows []training.Shown) error {
	mark := func(s string) string { return "[" + s + "]" }
	if door.Coloured(a.Out) {
		mark = func(s string) string { return door.Paint(s, door.Green) }
	}
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&b, "\n%s\n", door.Printable(r.Row))
		text := ""
		for _, piece := range r.Pieces {
			text = visible(piece.Text)
			if piece.Trained {
				text = mark(text)
			}
			b.WriteString(text)
		}
		if !strings.HasSuffix(text, "\n") {
			b.WriteString("\n")
		}
	}
	_, err := io.WriteString(a.Raw, b.String()) // which has no more of what a terminal would obey than our colours
	return err
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

func addPlan(f *door.Fields, p trainer.Plan) {
	f.Add("steps", "%d of %s tokens on average, at most %s at a time",
		p.Steps, humanize.Count(int64(p.TokensPerStep)), humanize.Count(int64(p.MicroBatchTokens)))
	f.Add("trained", "%s parameters", humanize.Count(p.Trainable))
	f.Add("memory", "%s at its peak", humanize.Bytes(p.Peak))
	f.Add("", "%s weights, %s adapter, %s activations, %s else",
		humanize.Bytes(p.Weights), humanize.Bytes(p.Adapter), humanize.Bytes(p.Activate), humanize.Bytes(p.Process))
	switch p.Recompute {
	case 0:
		f.Add("", "the activations of all %d layers are kept", p.Layers)
	case p.Layers:
		f.Add("", "all %d layers are computed twice", p.Layers)
	default:
		f.Add("", "%d of %d layers are computed twice to stay below %s", p.Recompute, p.Layers, humanize.Bytes(p.Budget))
	}
	if p.SecondsPerStep == 0 {
		return
	}
	step := time.Duration(p.SecondsPerStep * float64(time.Second))
	f.Add("work", "%.3g TFLOP a step, at about %.0f GFLOP/s", p.FLOPsPerStep/1e12, p.FLOPsPerStep/p.SecondsPerStep/1e9)
	f.Add("time", "about %s a step (%.0f tokens/s), %s in all, evaluation not counted",
		humanize.Duration(step), p.TokensPerStep/p.SecondsPerStep, humanize.Duration(step*time.Duration(p.Steps)))
}
