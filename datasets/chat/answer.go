package chat

import (
	"slices"
	"strings"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/tokenizer"
)

// Answer tokenises a prompt, up to where the assistant is asked to answer, and an answer to it with
// the token that ends the turn. The answer begins with its own first character even where a template
// renders white space between the generation prompt and a finished turn: what is compared with another
// answer is what the model will be asked for.
func (t *Template) Answer(tok *tokenizer.Tokenizer, messages []datasets.Message, answer string) (prompt, ids []int32, err error) {
	text, err := t.Render(Input{Messages: messages, AddGenerationPrompt: true})
	if err != nil {
		return nil, nil, err
	}
	full := append(slices.Clone(messages), datasets.Message{Role: "assistant", Content: answer})
	out, err := t.render(Input{Messages: full})
	if err != nil {
		return nil, nil, err
	}
	turns, err := t.assistant(tok, full, out)
	if err != nil {
		return nil, nil, err
	}
	if len(turns) == 0 {
		return nil, nil, ErrNothingTrained
	}
	last := turns[len(turns)-1]
	if at := strings.Index(out.Text[last.start:last.end], strings.TrimSpace(answer)); at > 0 {
		last.start += at
	}
	all, at := tok.EncodeOffsets(out.Text, false)
	for i, s := range at {
		if s.Start >= last.start && s.End <= last.end {
			ids = append(ids, all[i])
		}
	}
	if len(ids) == 0 {
		return nil, nil, ErrNothingTrained
	}
	return tok.Encode(text, false), ids, nil
}
