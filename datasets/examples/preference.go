package examples

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/pack"
)

// turns is one side of a row in TRL's formats: a text, or messages.
type turns struct {
	text     string
	messages []datasets.Message
}

// UnmarshalJSON accepts a string or a list of messages.
func (t *turns) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '[' {
		return json.Unmarshal(data, &t.messages)
	}
	return json.Unmarshal(data, &t.text)
}

// as returns the messages; a text is one of the given role.
func (t *turns) as(role string) []datasets.Message {
	if t.messages != nil {
		return slices.Clone(t.messages)
	}
	return []datasets.Message{{Role: role, Content: t.text}}
}

// preference reads a row with a chosen and a rejected answer. A row without a prompt has it at the
// beginning of both (TRL's implicit prompt).
func (l *line) preference(n int) (datasets.Example, error) {
	if l.Chosen == nil || l.Rejected == nil {
		return datasets.Example{}, errors.New(`has only one of "chosen" and "rejected"`)
	}
	chosen, rejected := l.Chosen.as("assistant"), l.Rejected.as("assistant")
	var prompt []datasets.Message
	if l.Prompt != nil {
		prompt = l.Prompt.as("user")
	} else {
		same := 0
		for same < min(len(chosen), len(rejected))-1 && reflect.DeepEqual(chosen[same], rejected[same]) {
			same++
		}
		prompt, chosen, rejected = chosen[:same], chosen[same:], rejected[same:]
	}
	if len(prompt) == 0 {
		return datasets.Example{}, errors.New("has no prompt")
	}
	if !isAnswer(chosen) {
		return datasets.Example{}, errors.New(`"chosen" is not one answer of the assistant`)
	}
	if !isAnswer(rejected) {
		return datasets.Example{}, errors.New(`"rejected" is not one answer of the assistant`)
	}
	e := row(n, "", prompt)
	e.Chosen, e.Rejected = chosen, rejected
	return e, nil
}

func isAnswer(messages []datasets.Message) bool {
	return len(messages) == 1 && messages[0].Role == "assistant"
}

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
