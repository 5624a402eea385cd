// Package modelverbs holds the verbs that open a base: train, eval, generate, export, inspect and the like.
package modelverbs

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/cmd/internal/door"
	"github.com/cultivar/cultivar/cmd/internal/settings"
	"github.com/cultivar/cultivar/internal/bounded"
	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/internal/yamlerr"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/trainer/objective"
	"github.com/cultivar/cultivar/workflows/kinds"
	"github.com/cultivar/cultivar/workflows/training"
)

type trainOptions struct {
	base, data, config, out string
	restart, plan           bool
	show                    int
	memory                  string
	maxSteps                int
	seed                    uint64
	learningRate            float64
	epochs                  float64
	objective, quantize     string
	otherBase               bool
	set                     []string
}

// TrainCommand is train.
func TrainCommand(a *door.App) *cobra.Command {
	var o trainOptions
	c := &cobra.Command{
		Use:   "train --base BASE --data DATASET --out DIR",
		Short: "Fit a LoRA adapter to a dataset on a frozen base",
		Long: `Fit a LoRA adapter to a dataset on a frozen base.

The output directory gets the adapter in PEFT's format, its lineage, metrics.jsonl, checkpoints, and
report.html with curves, settings and samples, to look at in a browser.
Interrupted and called again, training goes on and ends with the same bits as if it had not been.

--plan says what would be trained and what the run would take, in memory, time and arithmetic, and
trains nothing; with --show 3 it prints three rows, and which of their tokens are trained. Where the
activations of all layers do not fit into --memory, some layers are computed twice instead; that
changes the time and no bit of the result.

EXIT STATUS
  0  done, or done before
  1  failed
  2  usage
  3  the directory holds another run`,
		Example: `  cultivar train --base ./smollm --data handbook --out ./handbook-adapter
  cultivar train --base ./smollm --data rows.jsonl --config train.yaml --set lora.r=8 --out ./adapter
  cultivar train --base ./smollm --data handbook --memory 4GB --plan`,
		Args: door.ExactArgs(),
		RunE: func(c *cobra.Command, _ []string) error { return runTrain(a, c, o) },
	}
	f := c.Flags()
	f.StringVar(&o.base, "base", "", door.BaseUsage)
	f.StringVar(&o.data, "data", "", "dataset, or a file or directory of rows (.jsonl, .json, .csv, .parquet, .txt)")
	f.StringVar(&o.config, "config", "", "`FILE` of a training configuration (YAML); see cultivar config schema")
	settings.Flag(c, &o.set)
	f.StringVar(&o.out, "out", "", "output directory")
	f.BoolVar(&o.plan, "plan", false, "say what the run would train and take, and stop")
	f.IntVar(&o.show, "show", 0, "with --plan: print so many rows, with the tokens that are trained marked")
	f.StringVar(&o.memory, "memory", "", "what the process may take, such as 1.2GB (default 90 % of what is free)")
	f.BoolVar(&o.restart, "restart", false, "discard what the output directory holds of another run")
	f.StringVar(&o.objective, "objective", "", "override objective: "+door.Either(objective.Names()))
	f.StringVar(&o.quantize, "quantize", "", "override quantize: "+door.Either(bases.QuantiseMethods()))
	f.IntVar(&o.maxSteps, "max-steps", 0, "override max_steps")
	f.Float64Var(&o.epochs, "num-epochs", 0, "override num_epochs")
	f.Float64Var(&o.learningRate, "learning-rate", 0, "override learning_rate")
	f.Uint64Var(&o.seed, "seed", 0, "override seed")
	door.AllowOtherBase(c, &o.otherBase)
	door.Choices(c, "objective", objective.Names()...)
	door.Choices(c, "quantize", bases.QuantiseMethods()...)
	door.Require(c, "base", "data")
	return c
}

func runTrain(a *door.App, c *cobra.Command, o trainOptions) error {
	if !o.plan && o.out == "" {
		return door.Usagef("--out is missing; see `cultivar train --help`")
	}
	if err := o.check(); err != nil {
		return err
	}
	cfg, origins, err := o.resolve(c)
	if err != nil {
		return err
	}
	memory, err := parseMemory(o.memory)
	if err != nil {
		return err
	}
	home, err := a.HomeDir()
	if err != nil {
		return err
	}
	if o.base, err = a.LocalBase(c.Context(), o.base); err != nil {
		return err
	}
	opts := training.Options{
		Home: home, Base: o.base, Data: o.data, Config: cfg, OutDir: o.out, Restart: o.restart, Memory: memory,
		AllowOtherBase: o.otherBase, Warn: a.Warn, Origins: origins,
	}
	if o.plan {
		return door.NotRows(o.data, planTraining(a, c.Context(), opts, o.show))
	}
	view := NewTrainView(a)
	opts.Hooks = view.Hooks()
	result, err := door.Recorded(a, c, kinds.Training(), opts)
	view.Close()
	if err != nil {
		return door.NotRows(o.data, moreMemory(err))
	}
	if a.JSON {
		return a.PrintJSON(result.Trained(o.out))
	}
	if err := printTrained(a, o.out, result); err != nil {
		return err
	}
	a.Next("eval", "--base", o.base, "--adapter", o.out, "--data", o.data)
	return nil
}

// check refuses flags that do not go together. What a file says is for Config.Validate.
func (o trainOptions) check() error {
	if o.show < 0 || o.show > 0 && !o.plan {
		return door.Usagef("--show wants a number of rows, and --plan")
	}
	return nil
}

// resolve reads the configuration file and applies the flags over it; origins says where each key was set.
func (o trainOptions) resolve(c *cobra.Command) (cfg trainer.Config, origins map[string]string, err error) {
	cfg, origins = trainer.DefaultConfig(), map[string]string{}
	if o.config != "" {
		text, err := bounded.ReadFile(o.config, 16<<20)
		if err != nil {
			return cfg, nil, err
		}
		if cfg, err = trainer.ParseConfig(text); err != nil {
			return cfg, nil, door.Hint(fmt.Errorf("%q: %w", o.config, err), "`cultivar config schema` lists every key")
		}
		for _, key := range yamlerr.Stated(text) {
			origins[key] = filepath.Base(o.config)
		}
	}
	changed := func(flag string) bool {
		if !c.Flags().Changed(flag) {
			return false
		}
		origins[strings.ReplaceAll(flag, "-", "_")] = "--" + flag
		return true
	}
	if changed("objective") {
		cfg.Objective = o.objective
	}
	if changed("quantize") {
		cfg.Quantize = o.quantize
	}
	if changed("max-steps") {
		cfg.MaxSteps = o.maxSteps
	}
	if changed("num-epochs") {
		cfg.NumEpochs, cfg.MaxSteps = o.epochs, 0
		delete(origins, "max_steps")
	}
	if changed("learning-rate") {
		cfg.LearningRate = o.learningRate
	}
	if changed("seed") {
		cfg.Seed = o.seed
	}
	if err := settings.Apply(c.Name(), &cfg, o.set, origins); err != nil {
		return cfg, nil, err
	}
	if err := cfg.Validate(); err != nil { // the file was sound: it is a flag
		return cfg, nil, door.UsageError(err)
	}
	return cfg, origins, nil
}

func printTrained(a *door.App, out string, r training.Result) error {
	var f door.Fields
	if r.Reused {
		if err := a.Say("nothing to do: %s holds this run already", out); err != nil {
			return err
		}
	}
	f.Add("adapter", "%s", out)
	f.Add("digest", "%s when published", r.Digest)
	f.Add("", "%s of what it computes", r.AdapterDigest)
	f.Add("steps", "%d (%s tokens, %s of them trained)", r.Steps, humanize.Count(r.Tokens), humanize.Count(r.TrainedTokens))
	f.Add("loss", "%.4f on the last step", r.Loss)
	if r.EvalBefore != nil && r.EvalAfter != nil {
		f.Add("held out", "%.4f before, %.4f after", *r.EvalBefore, *r.EvalAfter)
	}
	if r.TokensPerSecond > 0 {
		f.Add("speed", "%.0f tokens/s", r.TokensPerSecond)
	}
	if r.Windowed > 0 {
		f.Add("note", "%d rows were longer than max_seq_length and were cut into windows", r.Windowed)
	}
	if r.Dropped > 0 {
		f.Add("note", "%d rows had no tokens and were left out", r.Dropped)
	}
	if r.Report != "" {
		f.Add("report", "%s", r.Report)
	}
	return a.PrintFields(&f)
}

// trainView shows progress: a bar on a terminal, a line now and then elsewhere.
type trainView struct {
	app   *door.App
	bar   *door.Bar
	last  time.Time
	total int
}

// NewTrainView shows a training: a bar on a terminal, lines elsewhere.
func NewTrainView(a *door.App) *trainView { return &trainView{app: a} }

func (v *trainView) Hooks() trainer.Hooks {
	return trainer.Hooks{
		OnReplay: v.replay,
		OnStart: func(total, resumedAt int) {
			v.total = total
			if resumedAt > 0 {
				v.app.Note("going on after step %d of %d", resumedAt, total)
			}
			v.Close() // of what came before
			v.bar = door.NewBar(v.app.Err, "train", total, resumedAt)
		},
		OnStep: v.step,
		OnEval: func(step int, loss float64) {
			v.bar.Clear()
			v.app.Note("step %d: held-out loss %.4f", step, loss)
		},
	}
}

// replay shows how many texts of replay the base has written.
func (v *trainView) replay(done, rows int) {
	if v.bar == nil {
		v.bar = door.NewBar(v.app.Err, "replay", rows, 0)
	}
	const text = "texts written by the base"
	if !v.bar.Set(done, text) && (done == rows || time.Since(v.last) > 10*time.Second) {
		v.last = time.Now()
		v.app.Note("%d of %d %s", done, rows, text)
	}
}

func (v *trainView) step(s trainer.Step) {
	text := fmt.Sprintf("loss %.3f  %.0f tok/s", s.Loss, s.TokensPerSecond)
	if v.bar.Set(s.Step, text) {
		return
	}
	if s.Step == v.total || time.Since(v.last) > 10*time.Second {
		v.last = time.Now()
		v.app.Note("step %d of %d: %s", s.Step, v.total, text)
	}
}

func (v *trainView) Close() {
	if v.bar != nil {
		v.bar.Clear()
	}
}
