package chat

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/cultivar/cultivar/datasets"
)

// errNoEnd means that a model that learns an answer would never stop.
var errNoEnd = errors.New("the template ends it with nothing, and the base names no stop token (eos_token) to end it with")

// close finds the end of a turn: behind the first token after the message's words that ends
// generation, or behind the text that the template ends turns with.
func (p *plan) close(i int, t turn) (turn, error) {
	from, err := p.wordsEnd(i, t.answer)
	if err != nil {
		return turn{}, err
	}
	tail := t.answer[from:]
	end, found := p.e.mark(tail, len(p.messages[i].ToolCalls) > 0)
	t.end = from + end
	if found {
		return t, nil
	}
	t.end = len(strings.TrimRightFunc(t.answer[:t.end], unicode.IsSpace))
	if end > 0 && len(p.messages[i].ToolCalls) == 0 {
		return t, nil
	}
	if len(p.e.stops()) == 0 {
		return turn{}, fmt.Errorf("message %d: %w", i+1, errNoEnd)
	}
	stop := p.endToken(i)
	t.stop = &stop
	return t, nil
}

// endToken returns the token that ends a turn which the template ends with nothing: what begins the next
// turn where that ends generation, as <|user|> does to GLM, else the first that does.
func (p *plan) endToken(i int) int32 {
	next := datasets.Message{Role: "user", Content: probe}
	if calls := p.messages[i].ToolCalls; len(calls) > 0 {
		next.Role, next.Name, next.ToolCallID = "tool", calls[len(calls)-1].Name, calls[len(calls)-1].ID
	}
	in := p.input(i+1, false)
	in.Messages = append(slices.Clone(p.messages[:i+1]), next)
	text, err := p.e.Template.Render(in)
	if at := strings.LastIndex(text, probe); err == nil && at >= 0 {
		ids := p.e.Tokenizer.Encode(text[:at], false)
		for _, id := range slices.Backward(ids) {
			if p.e.ends(id) {
				return id
			}
			if p.e.Tokenizer.IsSpecial(id) {
				break
			}
		}
	}
	return p.e.stops()[0]
}

// mark returns how much of what follows the words still is of the turn, and whether that ends with a
// special token.
func (e *Encoder) mark(tail string, call bool) (end int, found bool) {
	ids, at := e.Tokenizer.EncodeOffsets(tail, false)
	k := e.first(ids, call)
	if k < 0 {
		return len(strings.TrimRightFunc(tail, unicode.IsSpace)), false
	}
	// "<|end|>\n</s>", the first in letters to this vocabulary: a text ends the turn, and the token
	// the conversation.
	line, _, more := strings.Cut(tail[:at[k].Start], "\n")
	if more && !call && strings.TrimSpace(line) != "" {
		return len(line), false
	}
	return at[k].End, true
}

// first returns which token ends a turn: the first special one. In a call special tokens may stand
// between the words; it ends with a token that ends generation, or with the last special one.
func (e *Encoder) first(ids []int32, call bool) int {
	k := slices.IndexFunc(ids, func(id int32) bool { return e.ends(id) || !call && e.Tokenizer.IsSpecial(id) })
	for i := len(ids) - 1; k < 0 && i >= 0; i-- {
		if e.Tokenizer.IsSpecial(ids[i]) {
			k = i
		}
	}
	return k
}

func (e *Encoder) ends(id int32) bool { return slices.Contains(e.stops(), id) }

// stops are the tokens that end generation, as far as they are known.
func (e *Encoder) stops() []int32 {
	if len(e.Stop) > 0 {
		return e.Stop
	}
	return e.Tokenizer.Stops()
}

// wordsEnd returns where the words of message i end in the answer that the template makes of it.
func (p *plan) wordsEnd(i int, answer string) (int, error) {
	m := p.messages[i]
	if words := strings.TrimSpace(m.Content); len(m.ToolCalls) == 0 && words != "" && strings.Count(answer, words) == 1 {
		return strings.Index(answer, words) + len(words), nil
	}
	in := p.input(i+1, false)
	in.Messages = append(slices.Clone(p.messages[:i]), probed(m))
	text, err := p.e.Template.Render(in)
	if err != nil {
		return 0, p.refusal(i, err)
	}
	at := strings.LastIndex(text, probe)
	if at < 0 {
		return 0, fmt.Errorf("message %d: the template leaves out its content", i+1)
	}
	if !strings.HasSuffix(answer, text[at+len(probe):]) {
		return 0, nil
	}
	return len(answer) - len(text[at+len(probe):]), nil
}

// probed is a message with the probe after its words, or after the name of its last call.
func probed(m datasets.Message) datasets.Message {
	switch n := len(m.ToolCalls); {
	case n > 0:
		m.ToolCalls = slices.Clone(m.ToolCalls)
		m.ToolCalls[n-1].Name += probe
	case len(m.Parts) > 0:
		m.Parts = slices.Clone(m.Parts)
		m.Parts[len(m.Parts)-1] += probe
	default:
		m.Content += probe
	}
	return m
}
