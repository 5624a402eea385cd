package extract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/rows"
	"github.com/cultivar/cultivar/internal/strictjson"
)

// RowReader makes documents of the rows of JSON Lines, JSON lists and Parquet, all of which are
// objects of JSON.
type RowReader struct {
	Fields Fields
	Rows   rows.Options
}

// MaxRowBytes bounds one row of a file that is read row by row.
const MaxRowBytes = 64 << 20

// RowTooLong refuses a row that is larger than that.
func RowTooLong() *Refusal {
	return &Refusal{Rule: "max_row_bytes", Reason: "a row is over the size limit", Threshold: MaxRowBytes}
}

// RowName identifies a row without an id by its number, from 1.
func RowName(number int) string { return "row-" + strconv.Itoa(number) }

// Document reads one object: a training row if its keys say so, else a document with a text.
func (r RowReader) Document(raw []byte, number int) Document {
	refuse := func(rule, reason string) Document {
		return Document{Row: RowName(number), Refused: &Refusal{Rule: rule, Reason: reason}}
	}
	object, err := objectOf(raw)
	if err != nil {
		return refuse("malformed", fmt.Sprintf("row %d %v", number, err))
	}
	if len(object) > maxFields {
		return Document{Row: RowName(number), Refused: tooManyFields(len(object))}
	}
	keys := sortedKeys(object)
	if rows.Known(keys, r.Rows) {
		if doc, ok := r.training(raw, number); ok {
			return doc
		}
	}
	if err := strictjson.Check(raw); err != nil { // of two texts neither is the document's
		return refuse("malformed", fmt.Sprintf("row %d: %v", number, err))
	}
	text, ok := take(object, keys, r.Fields.Text)
	if !ok {
		return refuse("no_text", r.textless(raw, number))
	}
	doc := Document{Row: RowName(number), Text: text}
	if id, ok := take(object, keys, r.Fields.ID); ok && id != "" {
		doc.Row = id
	}
	if title, ok := take(object, keys, r.Fields.Title); ok {
		doc.Title = title
	}
	doc.SetFields(object)
	return doc
}

func objectOf(raw []byte) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber() // ids keep their digits
	var object map[string]any
	if err := dec.Decode(&object); err != nil || object == nil {
		return nil, errors.New("is not a JSON object")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("holds more than one value")
	}
	return object, nil
}

// textless says why a row is no document, and why no training row either: a misspelt key makes it one.
func (r RowReader) textless(raw []byte, number int) string {
	reason := fmt.Sprintf("row %d has none of the text fields", number)
	if _, err := rows.Parse(raw, r.Rows); err != nil {
		reason += ", and is no training row: " + err.Error()
	}
	return reason
}

// training reads a training row. What is wrong with it names a key, never what stands there. It is
// false for a text beside an empty conversation, as a table of rows of both kinds has it.
func (r RowReader) training(raw []byte, number int) (Document, bool) {
	e, err := rows.Parse(raw, r.Rows)
	if err != nil {
		return Document{Row: RowName(number), Refused: &Refusal{Rule: "training_row", Reason: fmt.Sprintf("row %d %v", number, err)}}, true
	}
	if e.Kind() == datasets.KindText {
		return Document{}, false
	}
	return r.Example(e, number), true
}

// Example makes a document of a training row that was read: a text, or a conversation.
func (r RowReader) Example(e datasets.Example, number int) Document {
	doc := Document{Row: RowName(number), Conversation: e.Conversation}
	if e.Kind() == datasets.KindText {
		doc.Text = e.Text
	}
	fields := map[string]any{"doc_id": e.DocID, "doc_version": e.DocVersion, "split": string(e.Split)}
	for key, value := range e.Metadata {
		fields[key] = value
	}
	doc.SetFields(fields)
	doc.Row = r.identity(e, doc.Row)
	return doc
}

// identity is the id that a training row has of its own, else its number.
func (r RowReader) identity(e datasets.Example, number string) string {
	if e.ExampleID != "" {
		return e.ExampleID
	}
	for _, name := range r.Fields.ID {
		for _, key := range slices.Sorted(maps.Keys(e.Metadata)) {
			if id := strings.TrimSpace(e.Metadata[key]); strings.EqualFold(key, name) && id != "" {
				return id
			}
		}
	}
	return number
}

// take removes the first of the named fields that holds a string or number. The very name goes before keys that
// differ from it in case, of which the first in order counts.
func take(object map[string]any, keys, names []string) (string, bool) {
	for _, name := range names {
		if text, ok := pull(object, name); ok {
			return text, true
		}
		for _, key := range keys {
			if !strings.EqualFold(key, name) {
				continue
			}
			if text, ok := pull(object, key); ok {
				return text, true
			}
		}
	}
	return "", false
}

// pull removes a string or number.
func pull(object map[string]any, key string) (text string, ok bool) {
	switch v := object[key].(type) {
	case string:
		text, ok = v, true
	case json.Number:
		text, ok = v.String(), true
	}
	if ok {
		delete(object, key)
	}
	return text, ok
}

// sortedKeys returns the keys in order, so that of two that differ in case the same one wins always.
func sortedKeys(object map[string]any) []string { return slices.Sorted(maps.Keys(object)) }

// Rationed is a reader that gives MaxRowBytes until it is filled up again, once a row.
type Rationed struct {
	R    io.Reader
	left int
}

// Refill lets another row pass.
func (r *Rationed) Refill() { r.left = MaxRowBytes }

// Read implements io.Reader.
func (r *Rationed) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, RowTooLong()
	}
	n, err := r.R.Read(p[:min(len(p), r.left)])
	r.left -= n
	return n, err
}
