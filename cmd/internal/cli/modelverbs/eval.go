package modelverbs

import (
	"errors"
	"math"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/cmd/internal/door"
	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/workflows/kinds"
	"github.com/cultivar/cultivar/workflows/training"
)

type evalOptions struct {
	training.EvalOptions
	appendEOS, logprobs, keepUnknown, knowledge bool
	quantize                                    string
	mapping                                     []string
}

// EvalCommand is eval.
func EvalCommand(a *door.App) *cobra.Command {
	var o evalOptions
	c := &cobra.Command{
		Use:   "eval --base BASE [--adapter ADAPTER] --data DATASET",
		Short: "Measure how likely a model finds text it has not seen",
		Long: `Measure how likely a model finds text: the mean negative log-likelihood, in nats per token. Of a
dataset, the test split is scored (or the one that --split names); of a file, every row. Pairs of
answers and judged ones are scored by the loss of dpo and of kto.

An adapter is measured as it was trained: with its max_seq_length, append_eos, quantize and the rest,
so that the loss of the validation split is the held-out loss of its training. Without an adapter, or
one that does not say how it was trained, rows that are longer than the model's context are cut into
windows of it.

With --knowledge the documents of a dataset are what is measured: how often the model, which does not
see them, finds a statement of theirs likelier than the same with a number, date, name or role of
another document in it. Who knows nothing is right in half. Documents below 0.75 are listed as not
learnt.

The loss of rows leaves a page to look at in a browser: in the home's reports, or where --report says.`,
		Example: `  cultivar eval --base ./smollm --adapter ./handbook-adapter --data handbook
  cultivar eval --base ./smollm --data rows.jsonl --json
  cultivar eval --base ./smollm --adapter handbook:prod --data handbook --knowledge`,
		Args: door.ExactArgs(),
		RunE: func(c *cobra.Command, _ []string) error { return runEval(a, c, o) },
	}
	f := c.Flags()
	f.StringVar(&o.Base, "base", "", door.BaseUsage)
	f.StringVar(&o.Adapter, "adapter", "", door.AdapterUsage)
	door.AllowOtherBase(c, &o.AllowOtherBase)
	f.StringVar(&o.quantize, "quantize", "", quantizeUsage())
	f.StringVar(&o.Data, "data", "", "dataset, or a file or directory of rows")
	f.StringVar(&o.Split, "split", "test", "of a dataset: "+door.Either(datasets.Splits))
	f.IntVar(&o.MaxSeqLength, "max-seq-length", 0, "tokens of a window, instead of the training's or the model's")
	f.StringVar(&o.ChatTemplate, "chat-template", "", "file of a chat template, instead of the base's")
	f.StringSliceVar(&o.mapping, "map", nil, "of a file: what its keys are, as prompt=question,completion=answer")
	f.BoolVar(&o.keepUnknown, "keep-unknown", false, "of a file: take keys that mean nothing here")
	f.BoolVar(&o.appendEOS, "append-eos", true, "score the end-of-sequence token after each text")
	f.BoolVar(&o.knowledge, "knowledge", false, "of a dataset: what is known of its documents, base against adapter")
	f.StringVar(&o.Report, "report", "", "file of the page about the result (default one in the home's reports)")
	f.BoolVar(&o.logprobs, "logprobs", false, "with --json: the log-probability of every token")
	door.Choices(c, "split", door.Strings(datasets.Splits)...)
	door.Choices(c, "quantize", bases.QuantiseMethods()...)
	door.Require(c, "base", "data")
	return c
}

func runEval(a *door.App, c *cobra.Command, o evalOptions) error {
	if err := o.resolve(c); err != nil {
		return err
	}
	var err error
	if o.Home, err = a.HomeDir(); err != nil {
		return err
	}
	if o.Base, err = a.LocalBase(c.Context(), o.Base); err != nil {
		return err
	}
	if o.knowledge {
		return runKnowledge(a, c, o)
	}
	o.Warn, o.LeaveReport = a.Warn, true
	r, err := door.Recorded(a, c, kinds.Evaluating(), o.EvalOptions)
	if errors.Is(err, training.ErrTemplate) {
		return door.Hint(err, "name its file with --chat-template")
	}
	if err != nil {
		return door.NotRows(o.Data, err)
	}
	if a.JSON {
		return a.PrintJSON(r.Evaluated(o.logprobs))
	}
	if err := printEval(a, r); err != nil || o.Adapter == "" {
		return err
	}
	a.Next("generate", "--base", o.Base, "--adapter", o.Adapter, "--prompt", "…")
	return nil
}

// resolve takes over the flags that were given.
func (o *evalOptions) resolve(c *cobra.Command) error {
	changed := c.Flags().Changed
	if changed("append-eos") {
		o.AppendEOS = &o.appendEOS
	}
	if changed("quantize") {
		o.Quantize = &o.quantize
	}
	if changed("max-seq-length") && o.MaxSeqLength < 2 {
		return door.Usagef("--max-seq-length is %d, want at least 2", o.MaxSeqLength)
	}
	if changed("map") || changed("keep-unknown") {
		o.Rows = &trainer.Data{Mapping: map[string]string{}, KeepUnknown: o.keepUnknown}
	}
	for _, m := range o.mapping {
		field, key, ok := strings.Cut(m, "=")
		if !ok || field == "" || key == "" {
			return door.Usagef("--map is %q, want FIELD=KEY", m)
		}
		o.Rows.Mapping[field] = key
	}
	return nil
}

func printEval(a *door.App, r training.EvalResult) error {
	var f door.Fields
	if r.Loss == nil {
		f.Add("loss", "none: no token was scored")
		return a.PrintFields(&f)
	}
	f.Add("loss", "%.4f %s", *r.Loss, r.Unit)
	if r.Rows != nil {
		f.Add("perplexity", "%.3f", math.Exp(*r.Loss))
	}
	for _, m := range r.Metrics {
		f.Add(m.Name, "%.4f", m.Value)
	}
	f.Add("tokens", "%s in %d rows", humanize.Count(int64(r.Tokens)), r.Count)
	if r.Windowed > 0 {
		f.Add("note", "%d rows were cut into windows", r.Windowed)
	}
	f.Some("report", r.Report)
	return a.PrintFields(&f)
}

// quantizeUsage is the help of the flag where it is not a key of a configuration.
func quantizeUsage() string {
	return "quantise the linear weights on load: " + door.Either(bases.QuantiseMethods())
}
