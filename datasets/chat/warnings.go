package chat

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cultivar/cultivar/datasets"
)

// Ability is what a template does with conversations that are tried on it.
type Ability struct {
	System     bool // takes a system message
	Tools      bool // writes the tools it is given
	Generation bool // marks with {% generation %} what the assistant says
	Trains     bool // the assistant's turns can be told apart
	Ends       bool // ends them with a token that ends generation
}

// tried is a conversation that is tried: what a template does not show of it, it may still do of others.
var tried = datasets.Conversation{Messages: []datasets.Message{
	{Role: "user", Content: "one"}, {Role: assistant, Content: "two"},
	{Role: "user", Content: "three"}, {Role: assistant, Content: "four"},
}}

// Ability tries the template.
func (e *Encoder) Ability() Ability {
	a, _ := e.try()
	return a
}

// Warnings says what of the template may surprise somebody who trains on it, a sentence each.
func (e *Encoder) Warnings() []string {
	if e.Template == nil {
		return nil
	}
	if err := e.Template.Err(); err != nil {
		return []string{err.Error()}
	}
	a, err := e.try()
	var out []string
	switch {
	case errors.Is(err, ErrNothingTrained):
		out = append(out, fmt.Sprintf("the template trains nothing of a plain conversation: %v", err))
	case err != nil:
		out = append(out, fmt.Sprintf("conversations cannot be trained on: %v", err))
	case a.Trains && !a.Ends && len(e.stops()) > 0:
		out = append(out, fmt.Sprintf("the template ends no answer with a token that ends generation (%s): a model trained on it may not stop", e.names(e.stops())))
	}
	if id := e.added(); id != nil {
		out = append(out, fmt.Sprintf("the template ends answers with nothing: %s is put behind each, and trained", e.names([]int32{*id})))
	}
	for _, name := range e.missing() {
		out = append(out, fmt.Sprintf("the template writes %s, which no file names: it becomes nothing", name))
	}
	return out
}

func (e *Encoder) try() (a Ability, err error) {
	t := e.Template
	if t == nil || t.Err() != nil {
		return a, nil
	}
	a = Ability{System: t.writesSystem(), Tools: t.writesTools(), Generation: t.Generation()}
	seq, err := e.Conversation(tried)
	if err != nil {
		return a, err
	}
	a.Trains = true
	for _, s := range seq {
		for i, id := range s.IDs {
			a.Ends = a.Ends || s.Trained[i] && e.ends(id)
		}
	}
	return a, nil
}

// added returns the token that is put behind an answer which the template ends with nothing.
func (e *Encoder) added() *int32 {
	p, err := e.plan(tried)
	if err != nil || len(p.learned) == 0 {
		return nil
	}
	t, err := p.turn(p.learned[len(p.learned)-1])
	if err != nil {
		return nil
	}
	return t.stop
}

func (t *Template) writesSystem() bool {
	text, err := t.Render(Input{Messages: append([]datasets.Message{{Role: "system", Content: probe}}, tried.Messages[0])})
	return err == nil && strings.Contains(text, probe)
}

func (t *Template) writesTools() bool {
	text, err := t.Render(Input{Messages: tried.Messages[:1], Tools: []any{tool(probe)}, AddGenerationPrompt: true})
	return err == nil && strings.Contains(text, probe)
}

// names writes ids as people know them.
func (e *Encoder) names(ids []int32) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		if texts[i] = e.Tokenizer.Decode([]int32{id}, false); texts[i] == "" {
			texts[i] = strconv.Itoa(int(id))
		}
	}
	return strings.Join(texts, ", ")
}

// missing lists the special tokens that the template names and the tokenizer does not, unless the
// template asks whether they are defined.
func (e *Encoder) missing() []string {
	var missing []string
	source, named := e.Template.Source(), e.Tokenizer.Names()
	for _, name := range []string{"bos_token", "eos_token", "pad_token", "unk_token", "sep_token", "cls_token", "mask_token"} {
		asks := slices.ContainsFunc([]string{name + " is defined", name + " is not defined", "set " + name}, func(s string) bool { return strings.Contains(source, s) })
		if named[name] == "" && !asks && e.Template.reads(name) {
			missing = append(missing, name)
		}
	}
	return missing
}

func (t *Template) reads(name string) bool {
	return t.program != nil && t.program.Reads(name)
}
