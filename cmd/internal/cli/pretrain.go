package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/internal/yamlerr"
	"github.com/cultivar/cultivar/workflows/pretraining"
)

func (a *app) pretrainCommand() *cobra.Command {
	o := pretraining.Options{Recipe: pretraining.DefaultRecipe()}
	var config string
	c := &cobra.Command{
		Use:   "pretrain --out DIR",
		Short: "Train a small base from nothing on generated text",
		Long: `Train a small Llama model from nothing on text that the program generates. Without --config this is
the recipe of the base that the program carries, and ends with the same files to the bit.

Checkpoints go to DIR.work; interrupted and called again, pretraining goes on.`,
		Args: exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			if config != "" {
				text, err := os.ReadFile(config)
				if err != nil {
					return err
				}
				if err := yamlerr.Decode(text, &o.Recipe); err != nil {
					return fmt.Errorf("%q: %w", config, err)
				}
			}
			return a.runPretrain(c, o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.OutDir, "out", "", "base directory to make")
	f.StringVar(&config, "config", "", "recipe (YAML)")
	require(c, "out")
	return c
}

func (a *app) runPretrain(c *cobra.Command, o pretraining.Options) error {
	if _, err := os.Stat(o.OutDir); err == nil {
		return fmt.Errorf("%s exists", o.OutDir)
	}
	o.WorkDir = o.OutDir + ".work"
	view := newTrainView(a)
	o.Hooks = view.hooks()
	r, err := pretraining.Run(c.Context(), o)
	view.close()
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"out": o.OutDir, "steps": r.Steps, "tokens": r.Tokens, "loss": r.Loss, "eval_loss": r.EvalAfter})
	}
	_, err = fmt.Fprintf(a.out, "base      %s\nsteps     %d\nloss      %.4f\nheld out  %.4f\nspeed     %.0f tokens/s\n", o.OutDir, r.Steps, r.Loss, *r.EvalAfter, r.TokensPerSecond)
	return err
}
