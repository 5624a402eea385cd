package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/chat/jinja"
)

// forms are the ways in which a template takes what may be written in two: found by trying, once.
type forms struct {
	once           sync.Once
	text, parts    bool                  // contents as a text, as a list of parts
	object, quoted bool                  // arguments of a call as an object, as a string that holds one
	endless        atomic.Pointer[error] // of a template that exceeds its limits on as little as a word: it is not tried again
}

// probe is put into a message to see where the template writes it.
const probe = "cvq7zq"

// takes tries the forms.
func (t *Template) takes() *forms {
	f := t.forms
	f.once.Do(func() {
		f.text = strings.Contains(t.probe("content", probe), probe)
		parts := t.probe("content", partsOf([]string{probe}))
		f.parts = strings.Contains(parts, probe) && !strings.Contains(parts, "'text'") && !strings.Contains(parts, `"text"`)
		object := jinja.NewDict()
		object.Set(probe, probe)
		f.object = strings.Contains(t.probe("arguments", object), probe)
		// A template that makes JSON of a call's arguments makes a quoted string of a string: the model
		// would learn to call with one argument that is JSON in JSON.
		quoted := t.probe("arguments", `{"`+probe+`": 1}`)
		f.quoted = strings.Contains(quoted, probe) && !strings.Contains(quoted, `\"`+probe)
	})
	return f
}

// probe renders a question whose content, or an answer whose call's arguments, are v; "" when the
// template refuses.
func (t *Template) probe(key string, v any) string {
	user := jinja.NewDict()
	user.Set("role", "user")
	in := Input{Messages: &jinja.List{Items: []any{user}}}
	if key == "content" {
		user.Set(key, v)
	} else {
		user.Set("content", "one")
		in = Input{Messages: &jinja.List{Items: []any{user, callOf("call", v)}}, Tools: []any{tool("call")}}
	}
	text, err := t.Render(in)
	if errors.Is(err, jinja.ErrLimit) {
		err = unusable(err)
		t.forms.endless.Store(&err)
	}
	if err != nil {
		return ""
	}
	return text
}

func callOf(name string, arguments any) *jinja.Dict {
	function, call, m := jinja.NewDict(), jinja.NewDict(), jinja.NewDict()
	function.Set("name", name)
	function.Set("arguments", arguments)
	call.Set("id", "aaaaaaaaa") // Mistral's templates want nine letters
	call.Set("type", "function")
	call.Set("function", function)
	m.Set("role", assistant)
	m.Set("content", "")
	m.Set("tool_calls", &jinja.List{Items: []any{call}})
	return m
}

// tool describes a tool in the form that OpenAI's API and transformers have.
func tool(name string) map[string]any {
	return map[string]any{"type": "function", "function": map[string]any{
		"name": name, "description": "tries the template",
		"parameters": map[string]any{"type": "object", "properties": map[string]any{}, "required": []any{}},
	}}
}

// content is a text, or a list of parts: as written, unless the template takes only the other.
func (t *Template) content(m datasets.Message) any {
	f := t.takes()
	switch {
	case len(m.Parts) > 0 && f.parts:
		return partsOf(m.Parts)
	case len(m.Parts) > 0:
		return strings.Join(m.Parts, "")
	case f.parts && !f.text:
		return partsOf([]string{m.Content})
	}
	return m.Content
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

// arguments of a call: as written, unless the template takes only the other form.
func (t *Template) arguments(written string) (any, error) {
	v, err := jinja.FromJSON([]byte(written))
	if err != nil {
		return nil, err
	}
	f := t.takes()
	text, isText := v.(string)
	switch {
	case isText && !f.quoted && f.object:
		if inner, err := jinja.FromJSON([]byte(text)); err == nil {
			return inner, nil
		}
	case !isText && !f.object && f.quoted:
		return written, nil
	}
	return v, nil
}

func (t *Template) calls(calls []datasets.ToolCall) (*jinja.List, error) {
	l := &jinja.List{}
	for i, c := range calls {
		call, function := jinja.NewDict(), jinja.NewDict()
		if c.ID != "" {
			call.Set("id", c.ID)
		}
		call.Set("type", "function")
		function.Set("name", c.Name)
		if c.Arguments != "" {
			v, err := t.arguments(c.Arguments)
			if err != nil {
				if json.Valid([]byte(c.Arguments)) {
					return nil, fmt.Errorf("tool_calls: the arguments of call %d hold a number that is too large, or too many levels", i+1)
				}
				return nil, fmt.Errorf("tool_calls: the arguments of call %d are not JSON", i+1)
			}
			function.Set("arguments", v)
		}
		call.Set("function", function)
		l.Items = append(l.Items, call)
	}
	return l, nil
}
