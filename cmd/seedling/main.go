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

	"github.com/goccy/go-yaml"

	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/workflows/stages"
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
	o := stages.PretrainOptions{Recipe: stages.DefaultRecipe()}
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
		if err := yaml.UnmarshalWithOptions(text, &o.Recipe, yaml.Strict()); err != nil {
			return fmt.Errorf("%s: %s", *recipe, yaml.FormatError(err, false, false))
		}
	}
	return pretrain(ctx, o, out, errs)
}

func pretrain(ctx context.Context, o stages.PretrainOptions, out, errs io.Writer) error {
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
	r, err := stages.Pretrain(ctx, o)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "base      %s\nsteps     %d\nloss      %.4f\nheld out  %.4f\n", o.OutDir, r.Steps, r.Loss, r.EvalAfter)
	return err
}
