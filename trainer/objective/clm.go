package objective

import (
	"context"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/pack"
)

const nameCLM = "clm"

// clm is causal language modelling: every token of a text is predicted from those before it.
type clm struct{}

// Facts implements Objective.
func (clm) Facts() Facts {
	return Facts{
		Name: nameCLM, Kinds: []datasets.Kind{datasets.KindText}, Unit: perToken,
		Keys:    []string{"append_eos"},
		Windows: true, Packs: true,
	}
}

// Encode implements Objective.
func (clm) Encode(e Encoder, rows []datasets.Example) ([]pack.Row, error) { return e.texts(rows), nil }

// Prepare implements Objective.
func (clm) Prepare(_ context.Context, r Run) (Loss, error) { return likelihood{r}, nil }
