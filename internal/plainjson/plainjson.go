// Package plainjson writes JSON as it is read outside of web pages: without the escapes of <, > and &
// that encoding/json adds for HTML.
package plainjson

import (
	"bytes"
	"encoding/json"
)

// Marshal returns v in one line, without white space.
func Marshal(v any) ([]byte, error) {
	text, err := marshal(v, "")
	return bytes.TrimSuffix(text, []byte("\n")), err
}

// MarshalFile returns v as files that people read have it: indented by two, with a last line feed.
func MarshalFile(v any) ([]byte, error) { return marshal(v, "  ") }

func marshal(v any, indent string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	err := e.Encode(v)
	return b.Bytes(), err
}
