package inspect

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/cultivar/cultivar/bases/words"
	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/chat"
)

// Template is what a base's chat template does with conversations that are tried on it.
type Template struct {
	Names      []string `json:"names"`      // of several; one alone is "default"
	Digest     string   `json:"digest"`     // of its text and the special tokens it may write
	System     bool     `json:"system"`     // takes a system message
	Tools      bool     `json:"tools"`      // writes the tools it is given
	Generation bool     `json:"generation"` // marks with {% generation %} what the assistant says
	Masks      bool     `json:"masks"`      // the assistant's turns can be told apart, by marks or prefixes
	Ends       bool     `json:"ends"`       // ends them with a token that ends generation
}

// tried are the conversations that are tried: what a template does not show it may still do.
var tried = []datasets.Message{
	{Role: "user", Content: "one"}, {Role: "assistant", Content: "two"},
	{Role: "user", Content: "three"}, {Role: "assistant", Content: "four"},
}

const probeTool = "probe_tool_7"

// try tries the template.
func (info *Base) try(b *words.Base) {
	t := b.Template
	c := &Template{Names: t.Names(), Digest: "sha256:" + t.Digest(), Generation: t.Generation()}
	if len(c.Names) == 0 {
		c.Names = []string{"default"}
	}
	info.Chat = c
	c.System = takesSystem(b)
	if c.Tools = writesTools(b); !c.Tools {
		info.odd("the template has no branch for tools: they would be left out without a word")
	}
	ids, trained, err := t.Example(b.Tokenizer, tried)
	switch {
	case errors.Is(err, chat.ErrNothingTrained):
		info.odd("the template trains nothing of a plain conversation: %v", err)
	case err != nil:
		info.odd("conversations cannot be trained on: %v", err)
	default:
		c.Masks = true
		if c.Ends = endsTurns(ids, trained, b.Stop()); !c.Ends && len(b.Stop()) > 0 {
			info.odd("the template ends no answer with a token that ends generation (%s): a model trained on it may not stop", tokens(b, b.Stop()))
		}
	}
	for _, name := range missingTokens(b) {
		info.odd("the template writes %s, which no file names: it becomes nothing", name)
	}
}

func takesSystem(b *words.Base) bool {
	const words = "probe_system_7"
	text, err := b.Template.Render(chat.Input{Messages: append([]datasets.Message{{Role: "system", Content: words}}, tried[:1]...)})
	return err == nil && strings.Contains(text, words)
}

// writesTools renders a conversation with a tool, in the form that OpenAI's API and transformers have.
func writesTools(b *words.Base) bool {
	tool := map[string]any{"type": "function", "function": map[string]any{
		"name": probeTool, "description": "tries the template",
		"parameters": map[string]any{"type": "object", "properties": map[string]any{}, "required": []any{}},
	}}
	text, err := b.Template.Render(chat.Input{Messages: tried[:1], Tools: []any{tool}, AddGenerationPrompt: true})
	return err == nil && strings.Contains(text, probeTool)
}

// endsTurns reports whether a trained token is one that ends generation.
func endsTurns(ids []int32, trained []bool, stop []int32) bool {
	for i, id := range ids {
		if trained[i] && slices.Contains(stop, id) {
			return true
		}
	}
	return false
}

// tokens writes ids as people know them.
func tokens(b *words.Base, ids []int32) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		if texts[i] = b.Tokenizer.Decode([]int32{id}, false); texts[i] == "" {
			texts[i] = strconv.Itoa(int(id))
		}
	}
	return strings.Join(texts, ", ")
}

var namedToken = regexp.MustCompile(`\b(?:bos|eos|pad|unk|sep|cls|mask)_token\b`)

// missingTokens lists the special tokens that the template's text names and the tokenizer does not,
// unless the template asks whether they are defined.
func missingTokens(b *words.Base) []string {
	var missing []string
	source, names := b.Template.Source(), b.Tokenizer.Names()
	for _, name := range namedToken.FindAllString(source, -1) {
		asks := strings.Contains(source, name+" is defined") || strings.Contains(source, name+" is not defined") || strings.Contains(source, "set "+name)
		if names[name] == "" && !asks && !slices.Contains(missing, name) {
			missing = append(missing, name)
		}
	}
	return missing
}
