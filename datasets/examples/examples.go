// Package examples reads training rows from plain files and turns rows into tokens.
package examples

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/table"
)

// ErrFormat means that a file is in none of the formats that hold rows.
var ErrFormat = errors.New("not a format for training rows")

// maxLine bounds a line of JSON, in bytes.
const maxLine = 64 << 20

// ReadFile reads the rows of a file by its extension: .jsonl (one {"text": …} or {"messages": […]}
// a line), .parquet (with a text or a messages column as datasets have it), .txt and .md (the whole
// file is one row).
func ReadFile(path string) ([]datasets.Example, error) {
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".jsonl", ".ndjson":
		return readJSONL(path)
	case ".parquet":
		return readParquet(path)
	case ".txt", ".md":
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if !utf8.Valid(text) {
			return nil, fmt.Errorf("%s: not UTF-8; ingest it first, which converts it", path)
		}
		return []datasets.Example{row(1, string(text), nil)}, nil
	}
	return nil, fmt.Errorf("%s: %w (.jsonl, .parquet, .txt, .md)", path, ErrFormat)
}

// line is a row of JSON; other keys are ignored.
type line struct {
	Text     *string            `json:"text"`
	Messages []datasets.Message `json:"messages"`

	// TRL's prompt-completion and preference rows.
	Prompt     *turns `json:"prompt"`
	Completion *turns `json:"completion"`
	Chosen     *turns `json:"chosen"`
	Rejected   *turns `json:"rejected"`
}

func readJSONL(path string) ([]datasets.Example, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	rows, err := ParseJSONL(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return rows, nil
}

// ParseJSONL reads rows of JSON, one a line. Blank lines are passed over; errors name the line.
func ParseJSONL(r io.Reader) ([]datasets.Example, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	var rows []datasets.Example
	for n := 1; len(data) > 0; n++ {
		text, rest, _ := bytes.Cut(data, []byte("\n"))
		data = rest
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		if len(text) > maxLine {
			return nil, fmt.Errorf("line %d: longer than %d bytes", n, maxLine)
		}
		e, err := parseLine(text, n)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		rows = append(rows, e)
	}
	return rows, nil
}

func parseLine(text []byte, n int) (datasets.Example, error) {
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return datasets.Example{}, describeJSON(err)
	}
	switch {
	case len(l.Messages) > 0:
		for i, m := range l.Messages {
			if m.Role == "" {
				return datasets.Example{}, fmt.Errorf("message %d has no role", i+1)
			}
		}
		return row(n, "", l.Messages), nil
	case l.Text != nil:
		return row(n, *l.Text, nil), nil
	case l.Chosen != nil || l.Rejected != nil:
		return l.preference(n)
	case l.Prompt != nil && l.Completion != nil:
		return row(n, "", append(l.Prompt.as("user"), l.Completion.as("assistant")...)), nil
	}
	return datasets.Example{}, errors.New(`has neither "text" nor "messages", nor "prompt" with "completion" or "chosen" and "rejected"`)
}

// describeJSON keeps the decoder's position and leaves out the content.
func describeJSON(err error) error {
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("not JSON (at byte %d)", syntax.Offset)
	case errors.As(err, &wrong):
		return fmt.Errorf("%q is a JSON %s, want %s", wrong.Field, wrong.Value, wrong.Type)
	}
	return errors.New("not a JSON object")
}

func row(n int, text string, messages []datasets.Message) datasets.Example {
	return datasets.Example{
		ExampleID:    fmt.Sprintf("row-%d", n),
		Split:        datasets.Train,
		End:          int64(utf8.RuneCountInString(text)),
		Text:         text,
		Conversation: datasets.Conversation{Messages: messages},
	}
}

func readParquet(path string) ([]datasets.Example, error) {
	var rows []datasets.Example
	for e, err := range table.Read[datasets.Example](path) {
		if err != nil {
			return nil, err
		}
		if e.ExampleID == "" {
			e.ExampleID = fmt.Sprintf("row-%d", len(rows)+1)
		}
		rows = append(rows, e)
	}
	return rows, nil
}
