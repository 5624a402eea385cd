package rows

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/cultivar/cultivar/datasets"
)

// Marshal returns a row as one line of JSON in the formats of the field, which Parse reads as the
// same row: "text"; "messages" with "tools"; "prompt" with "completion", "label", or "chosen" and
// "rejected". Ids and metadata stand beside it. A Text beside a conversation is not part of the row.
func Marshal(e datasets.Example) ([]byte, error) {
	var w writer
	w.open('{')
	w.ids(e)
	if e.Kind() == datasets.KindText {
		w.text("text", e.Text)
	} else {
		w.conversation(e.Conversation)
	}
	w.metadata(e.Metadata)
	w.close('}')
	return w.done()
}

// done returns what was written, if it is JSON: tools and arguments were not made here.
func (w *writer) done() ([]byte, error) {
	if !json.Valid(w.b.Bytes()) {
		return nil, errors.New("write a row: its tools or the arguments of a call are not JSON")
	}
	return w.b.Bytes(), nil
}

func (w *writer) conversation(c datasets.Conversation) {
	switch {
	case c.Kind() == datasets.KindPreference:
		w.turns("prompt", c.Messages, "user")
		w.turns("chosen", c.Chosen, "assistant")
		w.turns("rejected", c.Rejected, "assistant")
	case len(c.Completion) == 0:
		w.messages("messages", c.Messages)
	default:
		w.turns("prompt", c.Messages, "user")
		w.turns("completion", c.Completion, "assistant")
	}
	if c.Label != nil {
		w.raw("label", fmt.Sprint(*c.Label))
	}
	if c.Tools != "" {
		w.raw("tools", c.Tools)
	}
	w.optional("privileged_context", c.PrivilegedContext)
}

// writer writes JSON with the keys in the order of the calls, and tools and arguments as they are.
type writer struct {
	b     bytes.Buffer
	begun bool // something stands in the open object or list
}

func (w *writer) open(c byte) {
	w.b.WriteByte(c)
	w.begun = false
}

func (w *writer) close(c byte) {
	w.b.WriteByte(c)
	w.begun = true
}

func (w *writer) next() {
	if w.begun {
		w.b.WriteByte(',')
	}
	w.begun = true
}

func (w *writer) key(key string) {
	w.next()
	w.string(key)
	w.b.WriteByte(':')
}

func (w *writer) string(s string) {
	e := json.NewEncoder(&w.b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s)             // a string into memory: cannot fail
	w.b.Truncate(w.b.Len() - 1) // the line feed
}

func (w *writer) text(key, s string) {
	w.key(key)
	w.string(s)
}

// optional writes a text that is there.
func (w *writer) optional(key, s string) {
	if s != "" {
		w.text(key, s)
	}
}

func (w *writer) raw(key, value string) {
	w.key(key)
	w.b.WriteString(value)
}

func (w *writer) ids(e datasets.Example) {
	w.optional("example_id", e.ExampleID)
	w.optional("doc_id", e.DocID)
	w.optional("doc_version", e.DocVersion)
	w.optional("split", string(e.Split))
	if e.DocID != "" || e.Start != 0 || e.End != 0 {
		w.raw("start", fmt.Sprint(e.Start))
		w.raw("end", fmt.Sprint(e.End))
	}
}

func (w *writer) metadata(m map[string]string) {
	if len(m) == 0 {
		return
	}
	w.key("metadata")
	w.open('{')
	for _, key := range slices.Sorted(maps.Keys(m)) {
		w.text(key, m[key])
	}
	w.close('}')
}

// turns writes one message of that role that is nothing but a text as the text, all else as a list.
func (w *writer) turns(key string, list []datasets.Message, role string) {
	if len(list) == 1 {
		m := list[0]
		plain := len(m.Parts)+len(m.ToolCalls) == 0 && !m.Null && m.Reasoning+m.Name+m.ToolCallID == "" && m.Train == nil
		if plain && m.Role == role {
			w.text(key, m.Content)
			return
		}
	}
	w.messages(key, list)
}

func (w *writer) messages(key string, list []datasets.Message) {
	w.key(key)
	w.open('[')
	for _, m := range list {
		w.next()
		w.message(m)
	}
	w.close(']')
}

func (w *writer) message(m datasets.Message) {
	w.open('{')
	w.text("role", m.Role)
	switch {
	case m.Null:
		w.raw("content", "null")
	case len(m.Parts) > 0:
		w.parts(m.Parts)
	default:
		w.text("content", m.Content)
	}
	w.optional("reasoning_content", m.Reasoning)
	w.optional("name", m.Name)
	if len(m.ToolCalls) > 0 {
		w.calls(m.ToolCalls)
	}
	w.optional("tool_call_id", m.ToolCallID)
	if m.Train != nil {
		w.raw("weight", map[bool]string{false: "0", true: "1"}[*m.Train])
	}
	w.close('}')
}

func (w *writer) parts(parts []string) {
	w.key("content")
	w.open('[')
	for _, s := range parts {
		w.next()
		w.open('{')
		w.text("type", "text")
		w.text("text", s)
		w.close('}')
	}
	w.close(']')
}

func (w *writer) calls(calls []datasets.ToolCall) {
	w.key("tool_calls")
	w.open('[')
	for _, c := range calls {
		w.next()
		w.open('{')
		w.optional("id", c.ID)
		w.text("type", "function")
		w.key("function")
		w.open('{')
		w.text("name", c.Name)
		w.raw("arguments", c.Arguments)
		w.close('}')
		w.close('}')
	}
	w.close(']')
}
