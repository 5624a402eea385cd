package stages

import (
	"context"
	"fmt"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/trainer/eval"
)

// EvalOptions say what to score with which model.
type EvalOptions struct {
	Home      string
	Base      string
	Adapter   string // directory, or a version in the home's registry; empty for the base alone
	Data      string
	Split     string // of a dataset; a plain file is scored whole
	AppendEOS bool
	Quantize  string // method; empty leaves the weights as they are stored

	AllowOtherBase bool         // take an adapter that was trained on another base
	Warn           func(string) // may be nil
}

// EvalResult is the likelihood of the rows.
type EvalResult struct{ eval.Summary }

// Eval scores rows.
func Eval(ctx context.Context, o EvalOptions) (EvalResult, error) {
	b, err := OpenBase(o.Base, o.Quantize)
	if err != nil {
		return EvalResult{}, err
	}
	defer func() { _ = b.Close() }()
	data, err := OpenData(ctx, o.Home, o.Data, 0, 0)
	if err != nil {
		return EvalResult{}, err
	}
	rows := data.Train
	if data.Ref.Version > 0 {
		if rows, err = data.split(o.Split); err != nil {
			return EvalResult{}, err
		}
	}
	e, err := b.Encoder(o.AppendEOS)
	if err != nil {
		return EvalResult{}, err
	}
	encoded, err := e.Encode(rows)
	if err != nil {
		return EvalResult{}, err
	}
	if limit := b.Config().MaxPositionEmbeddings; limit > 0 {
		for _, r := range encoded {
			if len(r.IDs) > limit {
				return EvalResult{}, fmt.Errorf("%s has %d tokens, the model's context is %d", r.Source.ExampleID, len(r.IDs), limit)
			}
		}
	}
	m, err := b.Model(ctx, AdapterRef{Home: o.Home, Adapter: o.Adapter, AllowOtherBase: o.AllowOtherBase, Warn: o.Warn})
	if err != nil {
		return EvalResult{}, err
	}
	s, err := eval.NLL(m.NewEvaluator(), encoded, eval.TokensAtOnce)
	return EvalResult{s}, err
}

// split returns the rows of a split.
func (d *Data) split(name string) ([]datasets.Example, error) {
	var rows []datasets.Example
	switch datasets.Split(name) {
	case datasets.Train:
		rows = d.Train
	case datasets.Validation:
		rows = d.Validation
	case datasets.Test:
		rows = d.Test
	default:
		return nil, fmt.Errorf("unknown split %q (train, validation, test)", name)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("dataset %s: the %s split is empty", d.Ref.Name, name)
	}
	return rows, nil
}
