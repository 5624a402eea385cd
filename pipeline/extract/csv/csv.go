// Package csv reads tables of separated values: row by row where a column holds the text of a
// document, else the whole as a Markdown table.
package csv

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/cultivar/cultivar/pipeline/extract"
)

// Format is the format of separated values.
type Format struct {
	Fields extract.Fields
}

// Name is "csv".
func (Format) Name() string { return "csv" }

// Accepts takes comma- and tab-separated values.
func (Format) Accepts(mime string) bool { return mime == extract.MIMECSV || mime == extract.MIMETSV }

// Extract returns a document a row, or one of the whole table.
func (f Format) Extract(ctx context.Context, in extract.Input) ([]extract.Document, error) {
	text, charset, err := extract.Decode(in)
	if err != nil {
		return nil, err
	}
	comma := separator(text)
	if in.MIME == extract.MIMETSV {
		comma = '\t'
	}
	table, err := read(ctx, text, comma)
	if err != nil || len(table) == 0 {
		return nil, err
	}
	if at := column(table[0], f.Fields.Text); at >= 0 {
		return f.rows(table, at), nil
	}
	doc := extract.Document{Title: extract.TitleFromPath(in.Path), Text: Markdown(table)}
	doc.NoteCharset(charset)
	return []extract.Document{doc}, nil
}

// read parses the table. Rows may differ in length, and a quote that is out of place is text.
func read(ctx context.Context, text string, comma rune) ([][]string, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.FieldsPerRecord, r.LazyQuotes = comma, -1, true
	var table [][]string
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return table, nil
		}
		if err != nil {
			return nil, &extract.Refusal{Rule: "malformed", Reason: fmt.Sprintf("not valid CSV after row %d", len(table))}
		}
		table = append(table, row)
		if len(table)%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

// separator picks the one of comma, semicolon, tab and bar that is most frequent outside of quotes in
// the first line, which as a rule names the columns.
func separator(text string) rune {
	counts := map[rune]int{}
	quoted := false
	for _, c := range text {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '\n':
			return most(counts)
		default:
			counts[c]++
		}
	}
	return most(counts)
}

func most(counts map[rune]int) rune {
	best := ','
	for _, c := range ";\t|" {
		if counts[c] > counts[best] {
			best = c
		}
	}
	return best
}

// column returns the index of the first of the names that the header has, or -1.
func column(header, names []string) int {
	for _, name := range names {
		same := func(h string) bool { return strings.EqualFold(strings.TrimSpace(h), name) }
		if i := slices.IndexFunc(header, same); i >= 0 {
			return i
		}
	}
	return -1
}

// rows makes each row below the header a document.
func (f Format) rows(table [][]string, text int) []extract.Document {
	header := table[0]
	id, title := column(header, f.Fields.ID), column(header, f.Fields.Title)
	docs := make([]extract.Document, 0, len(table)-1)
	for n, row := range table[1:] {
		doc := extract.Document{Row: "row-" + strconv.Itoa(n+1)}
		for i, value := range row {
			switch {
			case i == text:
				doc.Text = value
			case i == id && strings.TrimSpace(value) != "":
				doc.Row = strings.TrimSpace(value)
			case i == title:
				doc.Title = value
			case i < len(header):
				doc.Set(strings.TrimSpace(header[i]), value)
			default:
				doc.Set("column "+strconv.Itoa(i+1), value)
			}
		}
		docs = append(docs, doc)
	}
	return docs
}

// Markdown renders a table, the first row as its header, in GitHub's syntax.
func Markdown(table [][]string) string {
	width := 0
	for _, row := range table {
		width = max(width, len(row))
	}
	var out strings.Builder
	for i, row := range table {
		line(&out, row, width)
		if i == 0 {
			out.WriteString(strings.Repeat("| - ", width) + "|\n")
		}
	}
	return out.String()
}

func line(out *strings.Builder, row []string, width int) {
	for i := range width {
		cell := ""
		if i < len(row) {
			cell = cellText.Replace(strings.TrimSpace(row[i]))
		}
		out.WriteString("| " + cell + " ")
	}
	out.WriteString("|\n")
}

// cellText keeps a cell on its line and within its bars.
var cellText = strings.NewReplacer("|", `\|`, "\r\n", " ", "\n", " ", "\r", " ")
