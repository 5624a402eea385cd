// Package examples turns rows into tokens.
package examples

import (
	"errors"
	"fmt"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/chat"
	"github.com/cultivar/cultivar/datasets/pack"
)

// Encoder turns rows into tokens.
type Encoder struct {
	*chat.Encoder
	EOS *int32 // appended to texts; nil for none
}

// Encode turns rows into tokens, in order. A text becomes one row of which every token is trained;
// a conversation becomes one or several.
func (e Encoder) Encode(rows []datasets.Example) ([]pack.Row, error) {
	var texts []string
	for _, x := range rows {
		if isText(x) {
			texts = append(texts, x.Text)
		}
	}
	encoded := e.Texts(texts, e.EOS)
	out := make([]pack.Row, 0, len(rows))
	for _, x := range rows {
		if isText(x) {
			out, encoded = append(out, pack.Row{IDs: encoded[0], Source: source(x)}), encoded[1:]
			continue
		}
		seqs, err := e.conversation(x)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", x.ExampleID, err)
		}
		for _, s := range seqs {
			out = append(out, pack.Row{IDs: s.IDs, Trained: s.Trained, Source: source(x)})
		}
	}
	return out, nil
}

func source(x datasets.Example) pack.Source {
	return pack.Source{ExampleID: x.ExampleID, DocID: x.DocID, Start: x.Start, End: x.End}
}

func isPair(x datasets.Example) bool { return x.Kind() == datasets.KindPreference }

func isText(x datasets.Example) bool { return x.Kind() == datasets.KindText }

func (e Encoder) conversation(x datasets.Example) ([]chat.Sequence, error) {
	if isPair(x) {
		return nil, errors.New("is a pair of answers, which only training with objective: dpo takes")
	}
	return e.Conversation(x.Conversation)
}
