package objective

import (
	"context"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/pack"
)

// knowledge learns what documents say from several forms of it side by side: of texts every token, as clm
// does, and of conversations what the assistant says, as sft does. Statements alone are learnt by heart
// and answer no question; a share of them asked about makes the rest answerable (Allen-Zhu and Li,
// arXiv:2309.14316, §4).
type knowledge struct{}

// Facts implements Objective.
func (knowledge) Facts() Facts {
	return Facts{
		Name: "knowledge", Unit: perToken,
		Kinds:   []datasets.Kind{datasets.KindText, datasets.KindConversation, datasets.KindCompletion},
		Keys:    []string{"train_on", "append_eos"},
		Windows: true, Packs: true,
	}
}

// Encode implements Objective.
func (knowledge) Encode(e Encoder, rows []datasets.Example) ([]pack.Row, error) {
	return each(rows, func(x datasets.Example) ([]pack.Row, error) {
		if x.Kind() == datasets.KindText {
			return e.texts([]datasets.Example{x}), nil
		}
		list, err := e.Conversation(x.Conversation)
		return sequences(list), err
	})
}

// Prepare implements Objective.
func (knowledge) Prepare(_ context.Context, r Run) (Loss, error) { return likelihood{r}, nil }
