package chat

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/chat/jinja"
)

// reasoningFields are the names that a message's reasoning goes by, the standard one first.
var reasoningFields = []string{"reasoning_content", "thinking", "reasoning"}

// conversation makes the list of messages that a template sees, as apply_chat_template of
// transformers 5 does (tokenization_utils_base.py, utils/chat_template_utils.py): members that are
// null are left out, which templates would write as None, and reasoning is there under the names
// that templates read it by.
func (t *Template) conversation(v any) (*jinja.List, error) {
	if m, ok := v.([]datasets.Message); ok {
		return t.fromMessages(m)
	}
	if v == nil {
		return &jinja.List{}, nil
	}
	x, err := jinja.From(v)
	if err != nil {
		return nil, err
	}
	l, ok := x.(*jinja.List)
	if !ok {
		return nil, errors.New("messages are not a list")
	}
	out := &jinja.List{Items: make([]any, len(l.Items))}
	for i, m := range l.Items {
		out.Items[i] = m
		if d, ok := m.(*jinja.Dict); ok {
			out.Items[i] = normalize(d)
		}
	}
	return out, nil
}

// assistant is the role of the model itself.
const assistant = "assistant"

// fromMessages makes messages as people write them, the role first.
func (t *Template) fromMessages(messages []datasets.Message) (*jinja.List, error) {
	l := &jinja.List{Items: make([]any, len(messages))}
	for i, m := range messages {
		d := jinja.NewDict()
		d.Set("role", m.Role)
		if !m.Null {
			d.Set("content", t.content(m))
		}
		if len(m.ToolCalls) > 0 {
			calls, err := fromCalls(m.ToolCalls)
			if err != nil {
				return nil, fmt.Errorf("message %d: %w", i+1, err)
			}
			d.Set("tool_calls", calls)
		}
		for _, f := range []struct{ key, value string }{
			{"reasoning_content", m.Reasoning}, {"name", m.Name}, {"tool_call_id", m.ToolCallID},
		} {
			if f.value != "" {
				d.Set(f.key, f.value)
			}
		}
		l.Items[i] = normalize(d)
	}
	return l, nil
}

// content is a text, or a list of parts to templates that read such.
func (t *Template) content(m datasets.Message) any {
	if len(m.Parts) == 0 {
		return m.Content
	}
	if !t.readsParts() {
		return strings.Join(m.Parts, "")
	}
	return partsOf(m.Parts)
}

func partsOf(texts []string) *jinja.List {
	l := &jinja.List{}
	for _, text := range texts {
		d := jinja.NewDict()
		d.Set("type", "text")
		d.Set("text", text)
		l.Items = append(l.Items, d)
	}
	return l
}

// readsParts reports whether the template writes the texts of a content that is a list of parts, and
// not the list.
func (t *Template) readsParts() bool {
	if t.program == nil {
		return false
	}
	t.parts.once.Do(func() {
		d := jinja.NewDict()
		d.Set("role", "user")
		d.Set("content", partsOf([]string{probe}))
		text, err := t.Render(Input{Messages: &jinja.List{Items: []any{d}}})
		t.parts.read = err == nil && strings.Contains(text, probe) && !strings.Contains(text, "'text'") && !strings.Contains(text, `"text"`)
	})
	return t.parts.read
}

// partsRead is whether a template reads parts, once it was tried.
type partsRead struct {
	once sync.Once
	read bool
}

func fromCalls(calls []datasets.ToolCall) (*jinja.List, error) {
	l := &jinja.List{}
	for i, c := range calls {
		call, function := jinja.NewDict(), jinja.NewDict()
		if c.ID != "" {
			call.Set("id", c.ID)
		}
		call.Set("type", "function")
		function.Set("name", c.Name)
		if c.Arguments != "" {
			v, err := jinja.FromJSON([]byte(c.Arguments))
			if err != nil {
				return nil, fmt.Errorf("tool_calls %d: arguments are not JSON", i+1)
			}
			function.Set("arguments", v)
		}
		call.Set("function", function)
		l.Items = append(l.Items, call)
	}
	return l, nil
}

// parseTools reads the tools of a conversation, nil when there are none.
func parseTools(text string) (any, error) {
	if text == "" {
		return nil, nil
	}
	v, err := jinja.FromJSON([]byte(text))
	l, ok := v.(*jinja.List)
	if err != nil || !ok {
		return nil, errors.New("tools are not a JSON list")
	}
	if len(l.Items) == 0 {
		return nil, nil
	}
	return l, nil
}

// toolNames lists the names of tools, which are described as OpenAI does or plainly.
func toolNames(tools any) []string {
	l, _ := tools.(*jinja.List)
	if l == nil {
		return nil
	}
	var names []string
	for _, x := range l.Items {
		d, _ := x.(*jinja.Dict)
		if d == nil {
			continue
		}
		if f, _ := d.Get("function"); f != nil {
			if fd, ok := f.(*jinja.Dict); ok {
				d = fd
			}
		}
		if v, _ := d.Get("name"); v != nil {
			if name, ok := v.(string); ok {
				names = append(names, name)
			}
		}
	}
	return names
}

func normalize(d *jinja.Dict) *jinja.Dict {
	var reasoning any
	for _, name := range reasoningFields {
		if v, _ := d.Get(name); v != nil {
			reasoning = v
			break
		}
	}
	out := jinja.NewDict()
	if reasoning != nil {
		out.Set("thinking", reasoning)
	}
	for _, k := range d.Keys() {
		if v, _ := d.Get(k); v != nil {
			out.Set(k, v)
		}
	}
	if reasoning != nil {
		out.Set("reasoning_content", reasoning)
	}
	return out
}
