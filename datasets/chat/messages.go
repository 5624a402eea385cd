package chat

import (
	"errors"
	"fmt"

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
			calls, err := t.calls(m.ToolCalls)
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
	l, ok := tools.(*jinja.List)
	if !ok {
		return nil
	}
	var names []string
	for _, x := range l.Items {
		function := member(x, "function")
		if function == nil {
			function = x
		}
		if name, ok := member(function, "name").(string); ok {
			names = append(names, name)
		}
	}
	return names
}

func member(v any, key string) any {
	d, ok := v.(*jinja.Dict)
	if !ok {
		return nil
	}
	x, _ := d.Get(key)
	return x
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
