package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Limits on what a file may hold.
const (
	maxAddedToken = 512 // bytes of an added token
	maxHoles      = 1 << 16
)

// file is tokenizer.json. Truncation and padding are for batches of a fixed length; HF's
// tokenizers switch them off before encoding, so they are read and ignored.
type file struct {
	Version       json.RawMessage `json:"version"`
	Truncation    json.RawMessage `json:"truncation"`
	Padding       json.RawMessage `json:"padding"`
	AddedTokens   []addedToken    `json:"added_tokens"`
	Normalizer    json.RawMessage `json:"normalizer"`
	PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
	PostProcessor json.RawMessage `json:"post_processor"`
	Decoder       json.RawMessage `json:"decoder"`
	Model         json.RawMessage `json:"model"`
}

// strict decodes JSON and refuses fields that v does not have: a parameter that is not known is
// one that would not be honoured.
func strict(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows the JSON value")
	}
	return nil
}

// absent reports whether an optional component is not there.
func absent(data json.RawMessage) bool { return len(data) == 0 || string(data) == "null" }

// typeOf returns the "type" of a component.
func typeOf(data json.RawMessage) (string, error) {
	var t struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(data, &t); err != nil {
		return "", err
	}
	if t.Type == "" {
		return "", errors.New("component has no type")
	}
	return t.Type, nil
}

// typed is embedded in the parameters of every component.
type typed struct {
	Type string `json:"type"`
}

// patternJSON is {"String": …} or {"Regex": …}.
type patternJSON struct {
	String *string `json:"String"`
	Regex  *string `json:"Regex"`
}

func (p patternJSON) compile() (pattern, error) {
	switch {
	case p.String != nil && p.Regex == nil && *p.String != "":
		return literal(*p.String), nil
	case p.Regex != nil && p.String == nil:
		return compilePattern(*p.Regex)
	}
	return nil, errors.New("pattern is neither a String nor a Regex")
}

func parseNormalizer(data json.RawMessage) (normalizer, error) {
	return parseComponent("normalizer", data, normalizerTypes)
}

func parsePreTokenizer(data json.RawMessage) ([]splitter, error) {
	return parseComponent("pre-tokenizer", data, preTokenizerTypes)
}

func parseDecoder(data json.RawMessage) ([]decoder, error) {
	return parseComponent("decoder", data, decoderTypes)
}

// post is what a post-processor adds around a text: ids before and after.
type post struct{ prefix, suffix []int32 }

func parsePost(data json.RawMessage) (post, error) {
	return parseComponent("post-processor", data, postTypes)
}

// parseComponent reads an optional component by its type; one that is absent is T's zero.
func parseComponent[T any](what string, data json.RawMessage, types map[string]func(json.RawMessage) (T, error)) (T, error) {
	var none T
	if absent(data) {
		return none, nil
	}
	kind, err := typeOf(data)
	if err != nil {
		return none, err
	}
	parse, ok := types[kind]
	if !ok {
		return none, fmt.Errorf("%s %q is not supported", what, kind)
	}
	c, err := parse(data)
	if err != nil {
		return none, fmt.Errorf("%s %q: %w", what, kind, err)
	}
	return c, nil
}
