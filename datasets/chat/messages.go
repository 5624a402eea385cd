package chat

import (
	"errors"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/chat/jinja"
)

// reasoningFields are the names that a message's reasoning goes by, the standard one first.
var reasoningFields = []string{"reasoning_content", "thinking", "reasoning"}

// conversation makes the list of messages that a template sees, as apply_chat_template of
// transformers 5 does (tokenization_utils_base.py, utils/chat_template_utils.py): members that are
// null are left out, which templates would write as None, and reasoning is there under the names
// that templates read it by.
func conversation(v any) (*jinja.List, error) {
	if m, ok := v.([]datasets.Message); ok {
		return fromMessages(m), nil
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

// fromMessages puts the role first, as people write it.
func fromMessages(messages []datasets.Message) *jinja.List {
	l := &jinja.List{Items: make([]any, len(messages))}
	for i, m := range messages {
		d := jinja.NewDict()
		d.Set("role", m.Role)
		d.Set("content", m.Content)
		l.Items[i] = d
	}
	return l
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
