package cli

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/workflows/stages"
)

func (a *app) evalCommand() *cobra.Command {
	var o stages.EvalOptions
	var logprobs bool
	c := &cobra.Command{
		Use:   "eval --base BASE [--adapter ADAPTER] --data DATASET",
		Short: "Measure how likely a model finds text it has not seen",
		Long: `Measure how likely a model finds text: the mean negative log-likelihood of each row, in nats per
token. Of a dataset, the test split is scored (or the one that --split names); of a file, every row.
A row longer than the model's context is an error.`,
		Args: exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			err := checkQuantize(o.Quantize)
			if err != nil {
				return err
			}
			if o.Home, err = a.homeDir(); err != nil {
				return err
			}
			if o.Base, err = a.localBase(c.Context(), o.Base); err != nil {
				return err
			}
			o.Warn = a.warn
			r, err := stages.Eval(c.Context(), o)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(evalReport(r, logprobs))
			}
			_, err = fmt.Fprintf(a.out, "loss        %.4f nats per token\nperplexity  %.3f\ntokens      %s in %d rows\n",
				r.MeanNLL, math.Exp(r.MeanNLL), humanize.Count(int64(r.Tokens)), len(r.Rows))
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&o.Base, "base", "", baseUsage)
	f.StringVar(&o.Adapter, "adapter", "", adapterUsage)
	allowOtherBase(c, &o.AllowOtherBase)
	f.StringVar(&o.Quantize, "quantize", "", quantizeUsage)
	f.StringVar(&o.Data, "data", "", "dataset, or a file of rows")
	f.StringVar(&o.Split, "split", "test", "of a dataset: train, validation or test")
	f.BoolVar(&o.AppendEOS, "append-eos", true, "score the end-of-sequence token after each text")
	f.BoolVar(&logprobs, "logprobs", false, "with --json: the log-probability of every token")
	require(c, "base", "data")
	return c
}

// quantizeUsage is the help of the flag where it is not a key of a configuration.
const quantizeUsage = "quantise the linear weights on load: nf4 or int8"

// checkQuantize refuses a flag that names no method.
func checkQuantize(method string) error {
	if methods := bases.QuantiseMethods(); method != "" && !slices.Contains(methods, method) {
		return usagef("--quantize is %q, want %s", method, strings.Join(methods, " or "))
	}
	return nil
}

type evalRowJSON struct {
	MeanNLL  float64   `json:"mean_nll"`
	Logprobs []float64 `json:"token_logprobs,omitempty"`
}

type evalJSON struct {
	MeanNLL float64       `json:"mean_nll"`
	Tokens  int           `json:"tokens"`
	Rows    []evalRowJSON `json:"rows"`
}

func evalReport(r stages.EvalResult, logprobs bool) evalJSON {
	out := evalJSON{MeanNLL: r.MeanNLL, Tokens: r.Tokens, Rows: []evalRowJSON{}}
	for _, row := range r.Rows {
		j := evalRowJSON{MeanNLL: row.MeanNLL}
		if logprobs {
			j.Logprobs = row.Logprobs
		}
		out.Rows = append(out.Rows, j)
	}
	return out
}
