// Package objective holds what a run can learn from its rows: a file each. An objective says which
// rows it takes and how they are laid out, turns them into tokens, and weighs the losses of tokens;
// the loop in trainer runs whatever [List] holds and knows none of them.
//
// To add one: its file with its keys, its lines in registry.go, and its rows in docs/format/training.md.
package objective

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/trainer/model"
)

// Objective is something to learn from rows.
type Objective interface {
	// Facts says what it is.
	Facts() Facts
	// Encode turns rows of its kinds into tokens: as many rows of tokens for each as stay together.
	Encode(e Encoder, rows []datasets.Example) ([]pack.Row, error)
	// Prepare binds it to the rows and models of a run, and computes what it wants to know of them
	// before the first step.
	Prepare(ctx context.Context, r Run) (Loss, error)
}

// Facts are what others have to know of an objective.
type Facts struct {
	Name  string          // in configurations
	Kinds []datasets.Kind // of rows that it takes
	Keys  []string        // of the configuration that it alone reads
	Unit  string          // of its loss

	Windows   bool // a row that is longer than a sequence is cut into windows, not refused
	Packs     bool // short rows may share a sequence
	Pairs     bool // a row becomes two rows of tokens, which stay together
	Reference bool // it compares with the base alone
	Compares  bool // a step needs two rows at least
}

// Loss is an objective in a run.
type Loss interface {
	// Weigh says what each label of a step counts. Where it does not set the Weigh of a micro-batch,
	// each label of the step counts alike. batches and mbs are the same micro-batches, before and as the
	// model sees them. The result is called when all of them have been run, with the sum of the labels'
	// losses.
	Weigh(ctx context.Context, batches []pack.Batch, mbs []*model.MicroBatch) (func(nll float64) Score, error)
	// Evaluate scores the held-out rows.
	Evaluate(ctx context.Context) (Score, error)
}

// Run is what a run hands to its objective.
type Run struct {
	Train, Held []pack.Row       // what pack made of the objective's rows
	Policy      *model.Evaluator // of the model that is trained
	Reference   *model.Model     // the base alone, where Facts ask for it
	MaxLen      int              // tokens in a sequence
	AtOnce      int              // tokens in memory at a time
}

// Score is the loss of a step or of held-out rows.
type Score struct {
	Loss    float64
	Metrics Metrics
}

// Metrics are an objective's own numbers, in the order in which they are written; names are TRL's.
type Metrics []Metric

// Metric is a number by name.
type Metric struct {
	Name  string
	Value float64
}

// Append adds the metrics to the members of a JSON object.
func (m Metrics) Append(object []byte) ([]byte, error) {
	if len(m) == 0 {
		return object, nil
	}
	b := bytes.NewBuffer(bytes.TrimSuffix(object, []byte("}")))
	for _, x := range m {
		name, err := json.Marshal(x.Name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(x.Value)
		if err != nil {
			return nil, err
		}
		b.WriteByte(',')
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}
