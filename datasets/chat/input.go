package chat

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/cultivar/cultivar/internal/bounded"
)

// maxInput bounds a file of messages or of tools, in bytes. What a template makes of it has bounds of its own.
const maxInput = 64 << 20

// ReadInput reads what a template renders from a file: an array of messages, or an object with "messages", "tools",
// "add_generation_prompt" and other variables of the template.
func ReadInput(path string) (Input, error) {
	data, err := bounded.ReadFile(path, maxInput)
	if err != nil {
		return Input{}, err
	}
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("[")) {
		if !json.Valid(data) {
			return Input{}, fmt.Errorf("%s: not JSON", path)
		}
		return Input{Messages: json.RawMessage(data)}, nil
	}
	in, err := ParseInput(data)
	if err != nil {
		return in, fmt.Errorf("%s: %w", path, err)
	}
	return in, nil
}

// ReadTools reads the tools of a conversation from a file.
func ReadTools(path string) (json.RawMessage, error) {
	data, err := bounded.ReadFile(path, maxInput)
	if err == nil && !json.Valid(data) {
		err = fmt.Errorf("%s: want a JSON array of tools", path)
	}
	return data, err
}
