// Package examples turns rows into tokens.
package examples

import (
	"errors"
	"fmt"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/pack"
)

// Tokenizer is what encoding needs of one.
type Tokenizer interface {
	EncodeAll(texts []string, addSpecial bool) [][]int32
}

// Chat turns a conversation into tokens and says which of them are trained.
type Chat func(messages []datasets.Message) (ids []int32, trained []bool, err error)

// Encoder turns rows into tokens.
type Encoder struct {
	Tokenizer Tokenizer
	Chat      Chat // nil when the base has no chat template
	// Answer turns a prompt and an answer to it into tokens; nil with Chat.
	Answer func(prompt []datasets.Message, answer string) (promptIDs, answerIDs []int32, err error)
	EOS    *int32 // appended to texts; nil for none
}

// ErrNoTemplate means that a conversation cannot be rendered.
var ErrNoTemplate = errors.New("the base has no chat template")

// Encode turns rows into tokens, in order. A text becomes one row of which every token is trained;
// a conversation trains on the assistant's words only.
func (e Encoder) Encode(rows []datasets.Example) ([]pack.Row, error) {
	var texts []string
	for _, x := range rows {
		if isText(x) {
			texts = append(texts, x.Text)
		}
	}
	encoded := e.Tokenizer.EncodeAll(texts, true)
	out := make([]pack.Row, 0, len(rows))
	for _, x := range rows {
		var r pack.Row
		var err error
		if isText(x) {
			r, encoded = e.text(encoded[0]), encoded[1:]
		} else if r, err = e.conversation(x); err != nil {
			return nil, fmt.Errorf("%s: %w", x.ExampleID, err)
		}
		r.Source = pack.Source{ExampleID: x.ExampleID, DocID: x.DocID, Start: x.Start, End: x.End}
		out = append(out, r)
	}
	return out, nil
}

func isPair(x datasets.Example) bool { return x.Kind() == datasets.KindPreference }

func isText(x datasets.Example) bool { return len(x.Messages) == 0 && !isPair(x) }

func (e Encoder) text(ids []int32) pack.Row {
	if e.EOS != nil {
		ids = append(ids, *e.EOS)
	}
	return pack.Row{IDs: ids}
}

func (e Encoder) conversation(x datasets.Example) (pack.Row, error) {
	if isPair(x) {
		return pack.Row{}, errors.New("is a pair of answers, which only training with objective: dpo takes")
	}
	if e.Chat == nil {
		return pack.Row{}, ErrNoTemplate
	}
	ids, trained, err := e.Chat(x.Messages)
	return pack.Row{IDs: ids, Trained: trained}, err
}
