package atomicfile

import (
	"encoding/json"
	"io"
)

// WriteJSON is [WriteFile] of a value as indented JSON for people, without escapes for HTML.
func WriteJSON(path string, v any) error {
	return WriteFile(path, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(v)
	})
}
