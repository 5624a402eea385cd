package chat

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/chat/jinja"
	"github.com/cultivar/cultivar/datasets/tokenizer"
	"github.com/cultivar/cultivar/internal/humanize"
)

// ErrNothingTrained means that no token of a conversation is the assistant's.
var ErrNothingTrained = errors.New("no token of the conversation is the assistant's")

// span is a range of bytes of the rendered text.
type span struct{ start, end int }

// Example renders a conversation and returns its ids, without special tokens that the template does
// not write itself, and which of them are trained: the assistant's words and the token that ends
// each of its turns. What the template writes after that token, a newline mostly, is not trained,
// and neither is a token that only partly belongs to a turn.
//
// Turns are where the template says with {% generation %}. Most do not; then a turn is what message
// i adds to the rendering of the messages before it with the generation prompt, which is exactly
// what the model reads before it has to answer. A template whose renderings do not extend each
// other that way cannot be trained on so, and is an error that names the message.
func (t *Template) Example(tok *tokenizer.Tokenizer, messages []datasets.Message) (ids []int32, trained []bool, err error) {
	full, err := t.render(Input{Messages: messages})
	if err != nil {
		return nil, nil, err
	}
	turns, err := t.assistant(tok, messages, full)
	if err != nil {
		return nil, nil, err
	}
	ids, at := tok.EncodeOffsets(full.Text, false)
	trained = make([]bool, len(ids))
	some := false
	k := 0 // turns and tokens are both in order
	for i, s := range at {
		for k < len(turns) && turns[k].end <= s.Start {
			k++
		}
		if k < len(turns) && s.Start >= turns[k].start && s.End <= turns[k].end {
			trained[i], some = true, true
		}
	}
	if !some {
		return nil, nil, fmt.Errorf("%w%s", ErrNothingTrained, t.outline(messages))
	}
	return ids, trained, nil
}

// assistant finds what the assistant says: what the template marks, or its turns.
func (t *Template) assistant(tok *tokenizer.Tokenizer, messages []datasets.Message, full jinja.Output) ([]span, error) {
	if !t.program.Generation() {
		return t.turns(tok, messages, full.Text)
	}
	var marked []span
	for _, g := range full.Generation {
		marked = append(marked, span{g.Start, g.End})
	}
	return marked, nil
}

// turns finds the assistant's turns in the rendered conversation.
func (t *Template) turns(tok *tokenizer.Tokenizer, messages []datasets.Message, full string) ([]span, error) {
	var turns []span
	for i, m := range messages {
		if m.Role != "assistant" {
			continue
		}
		before, err := t.Render(Input{Messages: messages[:i], AddGenerationPrompt: true})
		if err != nil {
			return nil, fmt.Errorf("message %d: render what comes before it: %w", i, err)
		}
		after := full
		if i < len(messages)-1 {
			if after, err = t.Render(Input{Messages: messages[:i+1]}); err != nil {
				return nil, fmt.Errorf("message %d: render up to it: %w", i, err)
			}
		}
		if !strings.HasPrefix(after, before) {
			return nil, t.promptError(i, messages[:i], before, after)
		}
		if !strings.HasPrefix(full, after) {
			return nil, fmt.Errorf("message %d: the template writes it differently when more messages follow (from byte %d of %d on); its assistant turns cannot be told apart without {%% generation %%}%s",
				i, common(full, after), len(full), t.outline(messages))
		}
		turn := after[len(before):]
		if end := len(before) + turnEnd(tok, turn, m.Content); end > len(before) {
			turns = append(turns, span{len(before), end})
		}
	}
	return turns, nil
}

// promptError says where an assistant's turn parts from the generation prompt. It shows only what
// the template itself wrote.
func (t *Template) promptError(i int, head []datasets.Message, before, after string) error {
	prompt := ""
	if plain, err := t.Render(Input{Messages: head}); err == nil {
		if p, ok := strings.CutPrefix(before, plain); ok {
			prompt = p
		}
	}
	return fmt.Errorf("message %d: the template's generation prompt %q (bytes %d to %d) is not how it begins an assistant's turn (they part at byte %d); its assistant turns cannot be told apart without {%% generation %%}%s",
		i, humanize.Excerpt(prompt, 80), len(before)-len(prompt), len(before), common(before, after), t.outline(append(head[:i:i], datasets.Message{Role: "assistant"})))
}

// outline shows what a template makes of a conversation, for errors: the text with a number in place
// of each message's words, which belong into no error. It is "" when the template refuses that.
func (t *Template) outline(messages []datasets.Message) string {
	const most = 6 // messages: what is wrong shows in the first turns
	numbered := make([]datasets.Message, min(len(messages), most))
	for i := range numbered {
		numbered[i] = datasets.Message{Role: messages[i].Role, Content: fmt.Sprintf("[message %d]", i)}
	}
	text, err := t.Render(Input{Messages: numbered})
	if err != nil || text == "" {
		return ""
	}
	return fmt.Sprintf("; it renders %q", humanize.Excerpt(text, 400))
}

// common returns how many bytes a and b have in common at the start.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// turnEnd returns how much of a turn is trained: up to the first special token after the message's
// words, that token included. A template that ends turns in ordinary text has no such token; then
// all counts but the white space at the end.
func turnEnd(tok *tokenizer.Tokenizer, turn, content string) int {
	from := 0
	if words := strings.TrimSpace(content); words != "" {
		if at := strings.LastIndex(turn, words); at >= 0 {
			from = at + len(words)
		}
	}
	ids, at := tok.EncodeOffsets(turn[from:], false)
	for i, id := range ids {
		if tok.IsSpecial(id) {
			return from + at[i].End
		}
	}
	return from + len(strings.TrimRightFunc(turn[from:], unicode.IsSpace))
}
