package rows

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/internal/strictjson"
)

// roles are the names that others have for the roles of OpenAI's format.
var roles = map[string]string{
	"human": "user", "gpt": "assistant", "chatgpt": "assistant", "bot": "assistant", "chatbot": "assistant",
	"model": "assistant", "ai": "assistant",
	"observation": "tool", "function_response": "tool", "tool_response": "tool", "function": "tool",
	"function_call": "assistant", "tool_call": "assistant",
}

var ownRoles = []string{"system", "developer", "user", "assistant", "tool"}

// messages reads a list of messages. A text is taken for the JSON of such a list, as tables have it
// in a column of texts.
func (r *row) messages(f *field) ([]datasets.Message, error) {
	raw, err := embedded(f)
	if err != nil {
		return nil, err
	}
	if k := strictjson.Kind(raw); k != "a list" {
		return nil, fmt.Errorf("%q is %w, want a list of messages", f.key, k)
	}
	return r.list(f.key, strictjson.Values(raw))
}

// embedded returns the JSON that stands in a text, or the value itself when it is no text.
func embedded(f *field) ([]byte, error) {
	raw, err := held(f.raw)
	if err != nil {
		err = fmt.Errorf("%q %w", f.key, err)
	}
	return raw, err
}

// held is embedded of a value whose key the caller names.
func held(raw []byte) ([]byte, error) {
	if strictjson.Kind(raw) != "a text" {
		return raw, nil
	}
	s, err := strictjson.Text(raw)
	if err == nil {
		err = strictjson.Check([]byte(s))
	}
	switch twice := strictjson.Twice(""); {
	case errors.As(err, &twice):
		return nil, fmt.Errorf("in a text: %w", err)
	case err != nil:
		return nil, fmt.Errorf("in a text that holds no JSON: %w", err)
	}
	return bytes.TrimSpace([]byte(s)), nil
}

func (r *row) list(key string, values [][]byte) ([]datasets.Message, error) {
	if len(values) == 0 {
		return nil, fmt.Errorf("%q is empty", key)
	}
	list := make([]datasets.Message, len(values))
	for i, raw := range values {
		m, err := r.message(raw, fmt.Sprintf("%s.%d", key, i+1))
		if err != nil {
			return nil, fmt.Errorf("message %d of %q: %w", i+1, key, err)
		}
		list[i] = m
	}
	return list, nil
}

// turns reads one side of a row: a text, a message, or a list of messages. A text is a message of
// the given role.
func (r *row) turns(f *field, role string) ([]datasets.Message, error) {
	switch strictjson.Kind(f.raw) {
	case "a text":
		s, err := strictjson.Text(f.raw)
		if err == nil && strings.TrimSpace(s) == "" {
			err = errors.New("the content is empty")
		}
		if err != nil {
			return nil, fmt.Errorf("%q: %w", f.key, err)
		}
		return []datasets.Message{{Role: role, Content: s}}, nil
	case "a list":
		return r.list(f.key, strictjson.Values(f.raw))
	case "an object":
		return r.list(f.key, [][]byte{f.raw})
	}
	return nil, fmt.Errorf("%q is %w, want a text or a list of messages", f.key, strictjson.Kind(f.raw))
}

// message reads one message; where is the beginning of the names of what is kept of it.
func (r *row) message(raw []byte, where string) (datasets.Message, error) {
	list, err := strictjson.Members(raw)
	if err != nil {
		return datasets.Message{}, fmt.Errorf("is %w, want an object with \"role\" and \"content\"", err)
	}
	p := messageParser{m: datasets.Message{Null: true}}
	for _, m := range list {
		known, err := p.key(m)
		if err != nil {
			return p.m, fmt.Errorf("%q %w", m.Key, err)
		}
		if known {
			continue
		}
		if !r.opts.KeepUnknown {
			return p.m, fmt.Errorf("unknown key %q%s", m.Key, suggest(m.Key, messageKeys))
		}
		if err := r.keep(where+"."+m.Key, m.Value); err != nil {
			return p.m, err
		}
	}
	return p.done()
}

// messageParser gathers a message from its keys.
type messageParser struct {
	m       datasets.Message
	role    string // as it was written
	content bool   // there is a content
	set     map[string]string
}

// key takes a key of a message; false when nobody knows it.
func (p *messageParser) key(m strictjson.Member) (known bool, err error) {
	if strictjson.IsNull(m.Value) {
		return slices.Contains(messageKeys, m.Key) || slices.Contains([]string{"refusal", "audio", "annotations"}, m.Key), nil
	}
	switch m.Key {
	case "role", "from":
		err = p.once("role", m, &p.role)
	case "content", "value":
		if p.content {
			return true, errors.New("is a second content")
		}
		p.content, p.m.Null = true, false
		p.m.Content, p.m.Parts, err = content(m.Value)
	case "reasoning_content", "reasoning", "thinking":
		err = p.once("reasoning", m, &p.m.Reasoning)
	case "name":
		err = p.once("name", m, &p.m.Name)
	case "tool_call_id":
		err = p.once("tool_call_id", m, &p.m.ToolCallID)
	case "weight", "train", "training":
		err = p.train(m)
	case "tool_calls":
		err = p.calls(m.Value)
	case "function_call":
		err = p.call(m.Value)
	default:
		return m.Key == "annotations" && strictjson.Compact(m.Value) == "[]", nil
	}
	return true, err
}

// once sets a text that may have several names; two that differ are refused.
func (p *messageParser) once(what string, m strictjson.Member, to *string) error {
	s, err := strictjson.Text(m.Value)
	if err != nil {
		return fmt.Errorf("is %w, want a text", err)
	}
	if p.set == nil {
		p.set = map[string]string{}
	}
	if before, twice := p.set[what]; twice && before != s {
		return fmt.Errorf("says another %s than a key before it", what)
	}
	p.set[what], *to = s, s
	return nil
}

func (p *messageParser) train(m strictjson.Member) error {
	yes := bytes.Equal(m.Value, []byte("true"))
	switch k := strictjson.Kind(m.Value); {
	case m.Key == "weight":
		w, err := strconv.ParseFloat(string(m.Value), 64)
		if err != nil || w != 0 && w != 1 {
			return errors.New("is neither 0 nor 1")
		}
		yes = w == 1
	case k != "true or false":
		return fmt.Errorf("is %w, want true or false", k)
	}
	if p.m.Train != nil && *p.m.Train != yes {
		return errors.New("contradicts a key before it")
	}
	p.m.Train = &yes
	return nil
}

// content reads a text, or a list of parts that are texts.
func content(raw []byte) (string, []string, error) {
	switch k := strictjson.Kind(raw); k {
	case "a text":
		s, err := strictjson.Text(raw)
		if err != nil {
			err = fmt.Errorf("is %w", err)
		}
		return s, nil, err
	case "a list":
	default:
		return "", nil, fmt.Errorf("is %w, want a text or a list of parts", k)
	}
	var parts []string
	for i, raw := range strictjson.Values(raw) {
		s, err := part(raw)
		if err != nil {
			return "", nil, fmt.Errorf("has a part %d that %w", i+1, err)
		}
		parts = append(parts, s)
	}
	return "", parts, nil
}

func part(raw []byte) (string, error) {
	if strictjson.Kind(raw) == "a text" {
		return strictjson.Text(raw)
	}
	list, err := strictjson.Members(raw)
	if err != nil {
		return "", fmt.Errorf("is %w, want an object with \"type\" and \"text\"", err)
	}
	var s string
	found := false
	for _, m := range list {
		switch {
		case m.Key == "text" && strictjson.Kind(m.Value) == "a text":
			found = true
			if s, err = strictjson.Text(m.Value); err != nil {
				return "", fmt.Errorf("is %w", err)
			}
		case m.Key == "type" && string(m.Value) == `"text"`, strictjson.IsNull(m.Value):
		case m.Key == "type":
			return "", fmt.Errorf("is of type %s: only text can be read", word(m.Value))
		default:
			return "", fmt.Errorf("has the key %q: only text can be read", m.Key)
		}
	}
	if !found {
		return "", errors.New(`has no "text"`)
	}
	return s, nil
}

// word returns a JSON text if it looks like the name of a type, else words for it: contents are not
// quoted in errors.
func word(raw []byte) string {
	if len(raw) <= 32 && raw[0] == '"' && strings.Trim(string(raw), `"abcdefghijklmnopqrstuvwxyz_`) == "" {
		return string(raw)
	}
	return "another kind"
}

// done holds the message together: what one role may have and another may not.
func (p *messageParser) done() (datasets.Message, error) {
	if p.role == "" {
		return p.m, errors.New(`has no "role"`)
	}
	p.m.Role = p.role
	if role, ok := roles[p.role]; ok {
		p.m.Role = role
	} else if !slices.Contains(ownRoles, p.role) {
		known := slices.Concat(ownRoles, slices.Sorted(maps.Keys(roles)))
		if near := suggest(strings.ToLower(p.role), known); near != "" {
			return p.m, errors.New("unknown role" + near)
		}
	}
	if p.role == "function_call" || p.role == "tool_call" {
		if err := p.callInContent(); err != nil {
			return p.m, err
		}
	}
	return p.m, sound(p.m)
}

// sound refuses a message that says nothing, or has what its role cannot have.
func sound(m datasets.Message) error {
	switch {
	case len(m.ToolCalls) > 0 && m.Role != "assistant":
		return fmt.Errorf(`has "tool_calls", which only the assistant makes`)
	case m.ToolCallID != "" && m.Role != "tool":
		return errors.New(`has a "tool_call_id", which only the answer of a tool has`)
	case m.Reasoning != "" && m.Role != "assistant":
		return errors.New(`has "reasoning_content", which only the assistant has`)
	case len(m.ToolCalls) > 0:
		return nil
	case m.Null:
		return fmt.Errorf("of the %s has no \"content\"", speaker(m.Role))
	case (m.Role == "user" || m.Role == "assistant") && strings.TrimSpace(m.Content+strings.Join(m.Parts, "")) == "":
		return fmt.Errorf("of the %s: the content is empty", speaker(m.Role))
	}
	return nil
}

// speaker names a role in an error; one that we do not know could be any text.
func speaker(role string) string {
	if slices.Contains(ownRoles, role) {
		return role
	}
	return "speaker"
}
