// Package jsonl reads JSON Lines, and JSON files that are a list of objects or one object: each
// object is a document.
package jsonl

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/cultivar/cultivar/pipeline/extract"
)

// Format is the JSON format.
type Format struct {
	Fields extract.Fields
}

// Name is "json".
func (Format) Name() string { return "json" }

// Accepts takes JSON and JSON Lines.
func (Format) Accepts(mime string) bool { return mime == extract.MIMEJSON || mime == extract.MIMEJSONL }

// Extract returns a document for each object. A line that is not an object with a text refuses itself
// only, so that one bad line does not cost the file.
func (f Format) Extract(ctx context.Context, in extract.Input) ([]extract.Document, error) {
	text, _, err := extract.Decode(in)
	if err != nil {
		return nil, err
	}
	if in.MIME == extract.MIMEJSON {
		return f.whole(text)
	}
	var docs []extract.Document
	number := 0
	for line := range strings.Lines(text) {
		if number++; number%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if line = strings.TrimSpace(line); line != "" {
			docs = append(docs, f.row([]byte(line), number))
		}
	}
	return docs, nil
}

// whole reads a file that is one JSON value.
func (f Format) whole(text string) ([]extract.Document, error) {
	raw := bytes.TrimSpace([]byte(text))
	if !bytes.HasPrefix(raw, []byte("[")) {
		doc := f.row(raw, 1)
		if doc.Row == rowName(1) {
			doc.Row = "" // the file is the document
		}
		return []extract.Document{doc}, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, &extract.Refusal{Rule: "malformed", Reason: "not valid JSON"}
	}
	docs := make([]extract.Document, len(list))
	for i, object := range list {
		docs[i] = f.row(object, i+1)
	}
	return docs, nil
}

// rowName identifies a row without an id by its number, from 1.
func rowName(number int) string { return "row-" + strconv.Itoa(number) }

// row reads one object.
func (f Format) row(raw []byte, number int) extract.Document {
	refuse := func(rule, reason string) extract.Document {
		return extract.Document{Row: rowName(number), Refused: &extract.Refusal{Rule: rule, Reason: reason}}
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber() // ids keep their digits
	var object map[string]any
	if err := dec.Decode(&object); err != nil || object == nil {
		return refuse("malformed", fmt.Sprintf("row %d is not a JSON object", number))
	}
	if _, err := dec.Token(); err != io.EOF {
		return refuse("malformed", fmt.Sprintf("row %d holds more than one value", number))
	}
	text, ok := take(object, f.Fields.Text)
	if !ok {
		return refuse("no_text", fmt.Sprintf("row %d has none of the text fields", number))
	}
	doc := extract.Document{Row: rowName(number), Text: text}
	if id, ok := take(object, f.Fields.ID); ok && id != "" {
		doc.Row = id
	}
	if title, ok := take(object, f.Fields.Title); ok {
		doc.Title = title
	}
	for _, key := range sortedKeys(object) {
		doc.SetTree(key, object[key])
	}
	return doc
}

// take removes the first of the named fields that holds a string or number.
func take(object map[string]any, names []string) (string, bool) {
	for _, name := range names {
		for _, key := range sortedKeys(object) {
			if !strings.EqualFold(key, name) {
				continue
			}
			switch v := object[key].(type) {
			case string:
				delete(object, key)
				return v, true
			case json.Number:
				delete(object, key)
				return v.String(), true
			}
		}
	}
	return "", false
}

// sortedKeys returns the keys in order, so that of two that differ in case the same one wins always.
func sortedKeys(object map[string]any) []string { return slices.Sorted(maps.Keys(object)) }
