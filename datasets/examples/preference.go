package examples

import (
	"fmt"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/pack"
)

// EncodePairs turns rows with a chosen and a rejected answer into tokens: two rows each, chosen
// first, of which the answer is trained.
func (e Encoder) EncodePairs(rows []datasets.Example) ([]pack.Row, error) {
	if e.Answer == nil && len(rows) > 0 {
		return nil, ErrNoTemplate
	}
	out := make([]pack.Row, 0, 2*len(rows))
	for _, x := range rows {
		for _, answer := range [][]datasets.Message{x.Chosen, x.Rejected} {
			prompt, ids, err := e.Answer(x.Messages, answer[0].Content)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", x.ExampleID, err)
			}
			marks := make([]bool, len(prompt)+len(ids))
			for i := range ids {
				marks[len(prompt)+i] = true
			}
			out = append(out, pack.Row{
				IDs: append(prompt, ids...), Trained: marks,
				Source: pack.Source{ExampleID: x.ExampleID, DocID: x.DocID, Start: x.Start, End: x.End},
			})
		}
	}
	return out, nil
}
