package objective

import (
	"fmt"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/chat"
	"github.com/cultivar/cultivar/datasets/pack"
	"github.com/cultivar/cultivar/internal/parallel"
)

// Encoder turns rows into tokens of a base.
type Encoder struct {
	*chat.Encoder
	EOS *int32 // ends texts; nil for none
}

// texts turns texts into tokens, of which all are trained.
func (e Encoder) texts(rows []datasets.Example) []pack.Row {
	texts := make([]string, len(rows))
	for i, r := range rows {
		texts[i] = r.Text
	}
	begin, _ := e.Tokenizer.Around()
	out := make([]pack.Row, len(rows))
	for i, ids := range e.Texts(texts, e.EOS) {
		out[i] = pack.Row{IDs: ids, Begin: len(begin), Source: source(rows[i])}
	}
	return out
}

// each encodes rows one by one, several at a time; the rows of tokens are in the order of the rows. An
// error names the row.
func each(rows []datasets.Example, encode func(datasets.Example) ([]pack.Row, error)) ([]pack.Row, error) {
	encoded, errs := make([][]pack.Row, len(rows)), make([]error, len(rows))
	parallel.For(len(rows), 1, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			encoded[i], errs[i] = encode(rows[i])
		}
	})
	var out []pack.Row
	for i, list := range encoded {
		if errs[i] != nil {
			return nil, fmt.Errorf("%s: %w", rows[i].ExampleID, errs[i])
		}
		for _, r := range list {
			r.Source = source(rows[i])
			out = append(out, r)
		}
	}
	return out, nil
}

// answer is a prompt with an answer to it, which alone is trained.
func (e Encoder) answer(prompt datasets.Conversation, answer []datasets.Message) (pack.Row, error) {
	head, tail, err := e.Answer(prompt, answer)
	if err != nil {
		return pack.Row{}, err
	}
	marks := make([]bool, len(head)+len(tail))
	for i := len(head); i < len(marks); i++ {
		marks[i] = true
	}
	return pack.Row{IDs: append(head, tail...), Trained: marks}, nil
}

func source(x datasets.Example) pack.Source {
	return pack.Source{ExampleID: x.ExampleID, DocID: x.DocID, Start: x.Start, End: x.End}
}
