package rows

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/internal/strictjson"
)

// calls reads "tool_calls", which a table may hold as the text of their JSON.
func (p *messageParser) calls(raw []byte) error {
	raw, err := held(raw)
	if err != nil {
		return err
	}
	if k := strictjson.Kind(raw); k != "a list" {
		return fmt.Errorf("is %w, want a list of calls", k)
	}
	for i, raw := range strictjson.Values(raw) {
		if err := p.call(raw); err != nil {
			return fmt.Errorf("has a call %d that %w", i+1, err)
		}
	}
	return nil
}

// call reads {"id", "type", "function": {"name", "arguments"}}, or the function alone.
func (p *messageParser) call(raw []byte) error {
	list, err := strictjson.Members(raw)
	if err != nil {
		return fmt.Errorf("is %w, want an object", err)
	}
	var c datasets.ToolCall
	for _, m := range list {
		if m.Key == "function" && strictjson.Kind(m.Value) == "an object" {
			err = function(m.Value, &c)
		} else {
			err = callKey(m, &c)
		}
		if err != nil {
			return err
		}
	}
	if c.Name == "" {
		return errors.New(`has no "name" of a function`)
	}
	if c.Arguments == "" {
		c.Arguments = "{}"
	}
	p.m.ToolCalls = append(p.m.ToolCalls, c)
	return nil
}

func function(raw []byte, c *datasets.ToolCall) error {
	list, err := strictjson.Members(raw)
	if err != nil {
		return err
	}
	for _, m := range list {
		if m.Key != "name" && m.Key != "arguments" {
			return fmt.Errorf("has an unknown key %q%s", m.Key, suggest(m.Key, []string{"name", "arguments"}))
		}
		if err := callKey(m, c); err != nil {
			return err
		}
	}
	return nil
}

func callKey(m strictjson.Member, c *datasets.ToolCall) (err error) {
	if strictjson.IsNull(m.Value) && m.Key != "function" {
		return nil
	}
	switch m.Key {
	case "id":
		c.ID, err = strictjson.Text(m.Value)
	case "name":
		if c.Name != "" {
			return errors.New(`has two names`)
		}
		c.Name, err = strictjson.Text(m.Value)
	case "type":
		if !bytes.Equal(m.Value, []byte(`"function"`)) {
			return fmt.Errorf("is of type %s, where only functions can be called", word(m.Value))
		}
	case "arguments":
		if c.Arguments != "" {
			return errors.New(`has two "arguments"`)
		}
		if c.Arguments, err = arguments(m.Value); err != nil {
			return fmt.Errorf("has \"arguments\" %w", err)
		}
	case "function":
		return fmt.Errorf("has a \"function\" that is %w, want an object", strictjson.Kind(m.Value))
	default:
		return fmt.Errorf("has an unknown key %q%s", m.Key, suggest(m.Key, callKeys))
	}
	if err != nil {
		return fmt.Errorf("has a %q that is %w, want a text", m.Key, err)
	}
	return nil
}

// arguments reads an object, or a text that holds one, which a template may want as a text.
func arguments(raw []byte) (string, error) {
	if s, err := strictjson.Text(raw); err == nil && strings.TrimSpace(s) == "" {
		return "{}", nil // what a service says where there are none
	}
	inner, err := held(raw)
	if err != nil {
		return "", err
	}
	switch k := strictjson.Kind(inner); {
	case k == "an object":
		return strictjson.Compact(raw), nil
	case strictjson.Kind(raw) == "a text":
		return "", fmt.Errorf("in a text that holds %w, want an object", k)
	default:
		return "", fmt.Errorf("that are %w, want an object, or a text that holds one", k)
	}
}

// callInContent reads ShareGPT's turn of a call: its value is the JSON of one call, or of a list.
func (p *messageParser) callInContent() error {
	raw := []byte(p.m.Content)
	if err := strictjson.Check(raw); err != nil {
		return fmt.Errorf("is a call whose value cannot be read: %w", err)
	}
	p.m.Content, p.m.Null = "", true
	if strictjson.Kind(raw) == "a list" {
		return p.calls(raw)
	}
	return p.call(bytes.TrimSpace(raw))
}
