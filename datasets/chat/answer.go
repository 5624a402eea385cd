package chat

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/datasets"
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
	lead := t.lead(answer[0])
	text := t.prompt + t.answer[:t.end]
	ids, at := e.Tokenizer.EncodeOffsets(t.prompt+t.answer, false)
	for i, s := range at {
		if s.Start >= len(t.prompt)+lead && s.End <= len(text) {
			answerIDs = append(answerIDs, ids[i])
		}
	}
	if t.stop != nil {
		answerIDs = append(answerIDs, *t.stop)
	}
	if len(answerIDs) == 0 {
		return nil, nil, ErrNothingTrained
	}
	if strings.TrimSpace(t.answer[:lead]) == "" {
		lead = 0
	}
	return e.Tokenizer.Encode(t.prompt+t.answer[:lead], false), answerIDs, nil
}

// lead returns how much of an answer the template writes before its first word.
func (t turn) lead(m datasets.Message) int {
	words := strings.TrimSpace(m.Content)
	if m.Reasoning != "" || len(m.ToolCalls) > 0 || words == "" {
		return 0
	}
	return max(0, strings.Index(t.answer[:t.end], words))
}
