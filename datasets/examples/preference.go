package examples

import (
	"fmt"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/pack"
)

// EncodePairs turns rows with a chosen and a rejected answer into tokens: two rows each, chosen
// first, of which the answer is trained.
func (e Encoder) EncodePairs(rows []datasets.Example) ([]pack.Row, error) {
	out := make([]pack.Row, 0, 2*len(rows))
	for _, x := range rows {
		for _, answer := range [][]datasets.Message{x.Chosen, x.Rejected} {
			prompt, ids, err := e.Answer(datasets.Conversation{Messages: x.Messages, Tools: x.Tools}, answer)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", x.ExampleID, err)
			}
			marks := make([]bool, len(prompt)+len(ids))
			for i := range ids {
				marks[len(prompt)+i] = true
			}
			out = append(out, pack.Row{
				IDs: append(prompt, ids...), Trained: marks,
				Source: source(x),
			})
		}
	}
	return out, nil
}
