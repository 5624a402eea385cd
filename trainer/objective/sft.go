package objective

import (
	"context"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/chat"
	"github.com/cultivar/cultivar/datasets/pack"
)

// sft is supervised fine-tuning: what the assistant says is predicted from all that was said before.
type sft struct{}

// Facts implements Objective.
func (sft) Facts() Facts {
	return Facts{
		Name: "sft", Kinds: []datasets.Kind{datasets.KindConversation, datasets.KindCompletion}, Unit: perToken,
		Keys:  []string{"train_on"},
		Packs: true,
	}
}

// Encode implements Objective.
func (sft) Encode(e Encoder, rows []datasets.Example) ([]pack.Row, error) {
	return each(rows, func(x datasets.Example) ([]pack.Row, error) {
		list, err := e.Conversation(x.Conversation)
		return sequences(list), err
	})
}

func sequences(list []chat.Sequence) []pack.Row {
	out := make([]pack.Row, len(list))
	for i, s := range list {
		out[i] = pack.Row{IDs: s.IDs, Trained: s.Trained, Whole: true}
	}
	return out
}

// Prepare implements Objective.
func (sft) Prepare(_ context.Context, r Run) (Loss, error) { return likelihood{r}, nil }
