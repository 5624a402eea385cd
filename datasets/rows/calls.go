package rows

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cultivar/cultivar/datasets"
)

// calls reads "tool_calls", which a table may hold as the text of their JSON.
func (p *messageParser) calls(raw []byte) error {
	f := field{key: "tool_calls", raw: raw}
	raw, err := embedded(&f)
	if err != nil {
		return errors.New("is a text that holds no JSON")
	}
	if k := kind(raw); k != "a list" {
		return fmt.Errorf("is %w, want a list of calls", k)
	}
	for i, raw := range values(raw) {
		if err := p.call(raw); err != nil {
			return fmt.Errorf("has a call %d that %w", i+1, err)
		}
	}
	return nil
}

// call reads {"id", "type", "function": {"name", "arguments"}}, or the function alone.
func (p *messageParser) call(raw []byte) error {
	list, err := members(raw)
	if err != nil {
		return fmt.Errorf("is %w, want an object", err)
	}
	var c datasets.ToolCall
	for _, m := range list {
		if m.key == "function" && kind(m.value) == "an object" {
			err = function(m.value, &c)
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
	list, err := members(raw)
	if err != nil {
		return err
	}
	for _, m := range list {
		if m.key != "name" && m.key != "arguments" {
			return fmt.Errorf("has an unknown key %q%s", m.key, suggest(m.key, []string{"name", "arguments"}))
		}
		if err := callKey(m, c); err != nil {
			return err
		}
	}
	return nil
}

func callKey(m member, c *datasets.ToolCall) (err error) {
	if isNull(m.value) && m.key != "function" {
		return nil
	}
	switch m.key {
	case "id":
		c.ID, err = text(m.value)
	case "name":
		if c.Name != "" {
			return errors.New(`has two names`)
		}
		c.Name, err = text(m.value)
	case "type":
		if !bytes.Equal(m.value, []byte(`"function"`)) {
			return fmt.Errorf("is of type %s, where only functions can be called", word(m.value))
		}
	case "arguments":
		if k := kind(m.value); k != "an object" && k != "a text" {
			return fmt.Errorf("has \"arguments\" that are %w, want an object, or a text that holds one", k)
		}
		if c.Arguments != "" {
			return errors.New(`has two "arguments"`)
		}
		c.Arguments = compact(m.value)
	case "function":
		return fmt.Errorf("has a \"function\" that is %w, want an object", kind(m.value))
	default:
		return fmt.Errorf("has an unknown key %q%s", m.key, suggest(m.key, callKeys))
	}
	if err != nil {
		return fmt.Errorf("has a %q that is %w, want a text", m.key, err)
	}
	return nil
}

// callInContent reads ShareGPT's turn of a call: its value is the JSON of one call, or of a list.
func (p *messageParser) callInContent() error {
	raw := []byte(p.m.Content)
	if err := check(raw); err != nil {
		return fmt.Errorf("is a call whose value is no JSON: %w", err)
	}
	p.m.Content, p.m.Null = "", true
	if kind(raw) == "a list" {
		return p.calls(raw)
	}
	return p.call(bytes.TrimSpace(raw))
}
