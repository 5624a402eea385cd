package chat

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/tokenizer"
)

// Answer tokenises a prompt, up to where the assistant's words are to begin, and an answer to it with
// the token that ends the turn. What a template writes before an answer's first word is of the prompt,
// as thoughts that are empty: what is compared with another answer is what the model is asked for.
func (e *Encoder) Answer(prompt datasets.Conversation, answer []datasets.Message) (promptIDs, answerIDs []int32, err error) {
	if len(answer) != 1 || answer[0].Role != assistant {
		return nil, nil, fmt.Errorf("an answer that is compared is one message of the assistant's, not %d", len(answer))
	}
	p := &plan{e: e, messages: append(slices.Clone(prompt.Messages), answer[0])}
	if e.Template == nil {
		return nil, nil, ErrNoTemplate
	}
	if p.tools, err = parseTools(prompt.Tools); err != nil {
		return nil, nil, err
	}
	t, err := p.turn(len(prompt.Messages))
	if err != nil {
		return nil, nil, err
	}
	promptIDs, answerIDs = e.split(t, t.lead(answer[0]))
	if len(answerIDs) == 0 {
		return nil, nil, ErrNothingTrained
	}
	return promptIDs, answerIDs, nil
}

// split tokenises a turn whose first lead bytes are written by the template. White space of these
// that is not of the first word's token is of neither: the model is not asked for it.
func (e *Encoder) split(t turn, lead int) (prompt, answer []int32) {
	ids, at := e.tokens(t.prompt+t.answer, []span{{len(t.prompt), len(t.prompt) + t.end}})
	first := slices.IndexFunc(at, func(s tokenizer.Span) bool { return s.Start >= len(t.prompt) && s.End > len(t.prompt)+lead })
	if first < 0 {
		return nil, nil
	}
	for i := first; i < len(ids) && at[i].End <= len(t.prompt)+t.end; i++ {
		answer = append(answer, ids[i])
	}
	if t.stop != nil {
		answer = append(answer, *t.stop)
	}
	if strings.TrimSpace(t.answer[:lead]) == "" {
		return e.Tokenizer.Encode(t.prompt, false), answer
	}
	return ids[:first:first], answer
}

// lead returns how much of an answer the template writes before its first word.
func (t turn) lead(m datasets.Message) int {
	words := strings.TrimSpace(m.Content)
	if m.Reasoning != "" || len(m.ToolCalls) > 0 || words == "" {
		return 0
	}
	return max(0, strings.Index(t.answer[:t.end], words))
}
