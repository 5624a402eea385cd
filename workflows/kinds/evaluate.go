package kinds

import (
	"cmp"
	"context"
	"errors"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/workflows"
	"github.com/cultivar/cultivar/workflows/knowledge"
	"github.com/cultivar/cultivar/workflows/training"
)

// EvaluateConfig says what is measured with.
type EvaluateConfig struct {
	Split string `yaml:"split"` // of the dataset
}

// Evaluated is the loss on a split without and with an adapter.
type Evaluated struct {
	Before float64 `json:"loss_before"`
	After  float64 `json:"loss_after"`
	Tokens int     `json:"tokens"`
	Rows   int     `json:"rows"`
}

func evaluate() workflows.Kind {
	return workflows.Kind{
		Name: "evaluate", Version: 1,
		Config: func() any { return &EvaluateConfig{Split: "test"} },
		Inputs: []workflows.Port{
			{Name: "base", Type: workflows.Base}, {Name: "data", Type: workflows.Dataset}, {Name: "adapter", Type: workflows.Adapter},
		},
		Outputs: []workflows.Port{{Name: "report", Type: workflows.Report}},
		Do: func(ctx context.Context, env workflows.Env, t workflows.Task) (workflows.Result, error) {
			base, adapter, err := baseAndAdapter(ctx, env, t)
			if err != nil {
				return workflows.Result{}, err
			}
			c := t.Config.(*EvaluateConfig)
			o := training.EvalOptions{Home: env.Home, Base: base, Data: t.Inputs["data"].Ref, Split: c.Split}
			before, err := training.Eval(ctx, o)
			if err != nil {
				return workflows.Result{}, err
			}
			o.Adapter = adapter
			after, err := training.Eval(ctx, o)
			if err != nil {
				return workflows.Result{}, err
			}
			if before.Loss == nil || after.Loss == nil {
				return workflows.Result{}, errors.New("nothing to evaluate on")
			}
			report := workflows.Artefact{Type: workflows.Report, Ref: "losses"}
			return facts("report", report, Evaluated{*before.Loss, *after.Loss, after.Tokens, len(after.Rows)})
		},
	}
}

// baseAndAdapter checks out the inputs of those names.
func baseAndAdapter(ctx context.Context, env workflows.Env, t workflows.Task) (base, adapter string, err error) {
	if base, err = checkout(ctx, env, t.Inputs["base"]); err != nil {
		return "", "", err
	}
	adapter, err = checkout(ctx, env, t.Inputs["adapter"])
	return base, adapter, err
}

// Evaluating is an evaluation by itself, of a base alone or with an adapter. Its digest is that of the figures,
// whatever page they stand on.
func Evaluating() workflows.Work[training.EvalOptions, training.EvalResult] {
	return workflows.Work[training.EvalOptions, training.EvalResult]{
		Name: "eval", Do: training.Eval,
		Config: func(o training.EvalOptions) any {
			return map[string]any{"split": o.Split, "append_eos": o.AppendEOS, "quantize": o.Quantize, "max_seq_length": o.MaxSeqLength, "data": o.Rows}
		},
		Tell: func(o training.EvalOptions, r training.EvalResult) (used, made []workflows.Artefact) {
			return measuredOf(one(workflows.Base, o.Base, r.Base), r.Data, o.Adapter, r.Adapter),
				one(workflows.Report, cmp.Or(r.Report, "losses"), r.Digest())
		},
	}
}

// Knowing is a measurement of what is known of a dataset's documents.
func Knowing() workflows.Work[knowledge.Options, knowledge.Result] {
	return workflows.Work[knowledge.Options, knowledge.Result]{
		Name: "eval", Do: knowledge.Measure,
		Config: func(o knowledge.Options) any {
			return map[string]any{"knowledge": o.Probe, "quantize": o.Quantize}
		},
		Tell: func(o knowledge.Options, k knowledge.Result) (used, made []workflows.Artefact) {
			return measuredOf(one(workflows.Base, o.Base, k.BaseDigest), k.Data, o.Adapter, k.AdapterDigest),
				one(workflows.Report, cmp.Or(k.Report, "knowledge"), k.Digest())
		},
	}
}

// measuredOf is what was measured: a base, on rows, with an adapter unless its digest is "".
func measuredOf(base []workflows.Artefact, data adapters.DatasetRef, adapter, digest string) []workflows.Artefact {
	used := append(base, rowsOf(data))
	if digest != "" {
		used = append(used, workflows.Artefact{Type: workflows.Adapter, Ref: adapter, Digest: digest})
	}
	return used
}
