// Seedling trains a small base from nothing on text that it generates. Without a recipe it makes the
// base that Cultivar carries, and ends with the same files to the bit:
//
//	go run ./cmd/seedling -out DIR [-config RECIPE.yaml]
//
// Checkpoints go to DIR.work; interrupted and called again, it goes on.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/internal/yamlerr"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/workflows/pretraining"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		_, _ = fmt.Fprintf(os.Stderr, "seedling: error: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, errs io.Writer) error {
	o := pretraining.Options{Recipe: pretraining.DefaultRecipe()}
	f := flag.NewFlagSet("seedling", flag.ContinueOnError)
	f.SetOutput(errs)
	f.StringVar(&o.OutDir, "out", "", "base directory to make")
	recipe := f.String("config", "", "recipe (YAML)")
	if err := f.Parse(args); err != nil {
		return err
	}
	if o.OutDir == "" {
		return errors.New("-out is missing")
	}
	if *recipe != "" {
		text, err := os.ReadFile(*recipe)
		if err != nil {
			return err
		}
		if err := yamlerr.Decode(text, &o.Recipe); err != nil {
			return fmt.Errorf("%q: %w", *recipe, err)
		}
	}
	return pretrain(ctx, o, out, errs)
}

func pretrain(ctx context.Context, o pretraining.Options, out, errs io.Writer) error {
	if err := cpu.FromEnv(); err != nil {
		return err
	}
	if _, err := os.Stat(o.OutDir); err == nil {
		return fmt.Errorf("%s exists", o.OutDir)
	}
	o.WorkDir = o.OutDir + ".work"
	o.Hooks = trainer.Hooks{OnStep: func(s trainer.Step) {
		if s.Step%10 == 0 {
			_, _ = fmt.Fprintf(errs, "step %d: loss %.3f, %.0f tokens/s\n", s.Step, s.Loss, s.TokensPerSecond)
		}
	}}
	r, err := pretraining.Run(ctx, o)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "base      %s\nsteps     %d\nloss      %.4f\nheld out  %.4f\n", o.OutDir, r.Steps, r.Loss, *r.EvalAfter)
	return err
}
