// Package csv reads tables of separated values: row by row where a column holds the text of a
// document or the columns are those of training rows, else the whole as a Markdown table.
package csv

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/cultivar/cultivar/datasets/rows"
	"github.com/cultivar/cultivar/pipeline/extract"
)

// Format is the format of separated values.
type Format struct {
	extract.RowReader
}

// Name is "csv".
func (Format) Name() string { return "csv" }

// Accepts takes comma- and tab-separated values.
func (Format) Accepts(mime string) bool { return mime == extract.MIMECSV || mime == extract.MIMETSV }

// Rows yields a document a row, or one of the whole table.
func (f Format) Rows(ctx context.Context, in extract.Input) iter.Seq2[extract.Document, error] {
	return func(yield func(extract.Document, error) bool) {
		text, charset, err := in.Text()
		if err != nil {
			yield(extract.Document{}, err)
			return
		}
		defer text.Close()
		t := open(ctx, text, in.MIME)
		header, err := t.next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				yield(extract.Document{}, err)
			}
			return
		}
		err = f.body(t, header, yield, func() extract.Document {
			doc := extract.Document{Title: extract.TitleFromPath(in.Path)}
			doc.NoteCharset(charset)
			return doc
		})
		if err != nil && !errors.Is(err, io.EOF) {
			yield(extract.Document{}, err)
		}
	}
}

// body reads what is below the header; whole makes the document of a table that has no rows of ours.
func (f Format) body(t *table, header []string, yield func(extract.Document, error) bool, whole func() extract.Document) error {
	header = slices.Clone(header)
	for i := range header {
		header[i] = strings.TrimSpace(header[i])
	}
	training := rows.Known(header, f.RowReader.Rows)
	if column(header, f.Fields.Text) < 0 && !training {
		lines, err := t.rest(header)
		if err != nil {
			return err
		}
		doc := whole()
		doc.Text = Markdown(lines)
		yield(doc, nil)
		return nil
	}
	var c columns
	if !training {
		c = f.columns(header)
	}
	for number := 1; ; number++ {
		row, err := t.next()
		if err != nil {
			return err
		}
		doc := extract.Document{}
		if training {
			doc = f.Document(object(header, row), number)
		} else {
			doc = c.document(row, number)
		}
		if !yield(doc, nil) {
			return nil
		}
	}
}

// table reads rows, which may differ in length.
type table struct {
	ctx    context.Context
	ration *extract.Rationed
	read   func() ([]string, error)
	rows   int
}

// headerBytes is how much of the first line is looked at for the separator.
const headerBytes = 64 << 10

func open(ctx context.Context, text io.Reader, mime string) *table {
	t := &table{ctx: ctx, ration: &extract.Rationed{R: text}}
	t.ration.Refill()
	in := bufio.NewReaderSize(t.ration, headerBytes)
	head, _ := in.Peek(headerBytes)
	comma, skip := separator(string(head))
	if mime == extract.MIMETSV && skip == 0 {
		comma = '\t'
	}
	if mime == extract.MIMETSV && !quotes(head[skip:], comma) {
		_, _ = in.Discard(skip) // it was peeked at
		t.read = plain(in, comma)
		return t
	}
	_, _ = in.Discard(skip)
	c := csv.NewReader(in)
	c.Comma, c.FieldsPerRecord, c.LazyQuotes, c.ReuseRecord = comma, -1, true, true // a quote out of place is text
	t.read = c.Read
	return t
}

// quotes reports whether the quotation marks of a table enclose cells. Where one stands inside of a
// cell without being doubled, as an inch mark does, they are characters like others: programs that
// separate by tabs seldom quote.
func quotes(head []byte, comma rune) bool {
	c := csv.NewReader(bytes.NewReader(head))
	c.Comma, c.FieldsPerRecord, c.ReuseRecord = comma, -1, true
	for {
		_, err := c.Read()
		if err != nil {
			cut := c.InputOffset() == int64(len(head)) && len(head) == headerBytes
			return errors.Is(err, io.EOF) || cut
		}
	}
}

// plain reads a table without quotes.
func plain(in *bufio.Reader, comma rune) func() ([]string, error) {
	return func() ([]string, error) {
		line, err := in.ReadString('\n')
		if err != nil && (line == "" || !errors.Is(err, io.EOF)) {
			return nil, err
		}
		return strings.Split(strings.TrimRight(line, "\r\n"), string(comma)), nil
	}
}

// next returns a row, valid until the one after it; io.EOF at the end.
func (t *table) next() ([]string, error) {
	if t.rows%1024 == 0 && t.ctx.Err() != nil {
		return nil, t.ctx.Err()
	}
	t.ration.Refill()
	row, err := t.read()
	if err == nil {
		t.rows++
		return row, nil
	}
	if r := new(extract.Refusal); errors.Is(err, io.EOF) || errors.As(err, &r) {
		return nil, err
	}
	return nil, &extract.Refusal{Rule: "malformed", Reason: fmt.Sprintf("not valid CSV after row %d", t.rows)}
}

// rest returns the whole table, which has to fit.
func (t *table) rest(header []string) ([][]string, error) {
	all, size := [][]string{header}, 0
	for {
		row, err := t.next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		for _, cell := range row {
			size += len(cell)
		}
		if size > extract.MaxRowBytes {
			return nil, extract.RowTooLong()
		}
		all = append(all, slices.Clone(row))
	}
}

// separator picks the one of comma, semicolon, tab and bar that is most frequent outside of quotes in
// the first line, which as a rule names the columns. A spreadsheet's line sep=; says it, and skip is
// the length of that line.
func separator(text string) (comma rune, skip int) {
	if said, found := strings.CutPrefix(text, "sep="); found {
		if line, _, ok := strings.Cut(said, "\n"); ok && len(strings.TrimRight(line, "\r")) == 1 && strings.Contains(",;\t|", line[:1]) {
			return rune(line[0]), len("sep=") + len(line) + 1
		}
	}
	counts := map[rune]int{}
	quoted := false
	for _, c := range text {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '\n':
			return most(counts), 0
		default:
			counts[c]++
		}
	}
	return most(counts), 0
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
		same := func(h string) bool { return strings.EqualFold(h, name) }
		if i := slices.IndexFunc(header, same); i >= 0 {
			return i
		}
	}
	return -1
}

// columns says what each column of a table is.
type columns struct {
	text, id, title int
	names           []string        // of metadata, each once
	taken           map[string]bool // of these
}

func (f Format) columns(header []string) columns {
	c := columns{text: column(header, f.Fields.Text), id: column(header, f.Fields.ID), title: column(header, f.Fields.Title)}
	c.taken = map[string]bool{}
	next := map[string]int{}
	for i, key := range header {
		if i == c.text || i == c.id || i == c.title {
			c.names = append(c.names, "")
			continue
		}
		free := key
		for n := max(next[key], 2); c.taken[free]; n++ {
			free, next[key] = key+" "+strconv.Itoa(n), n+1
		}
		c.taken[free] = true
		c.names = append(c.names, free)
	}
	return c
}

// document makes a row a document.
func (c columns) document(row []string, number int) extract.Document {
	doc := extract.Document{Row: extract.RowName(number)}
	fields := make(map[string]any, len(row))
	for i, value := range row {
		switch {
		case i == c.text:
			doc.Text = value
		case i == c.id:
			if value = strings.TrimSpace(value); value != "" {
				doc.Row = value
			}
		case i == c.title:
			doc.Title = value
		default:
			key := name(c.names, i)
			for i >= len(c.names) && c.taken[key] {
				key += " 2"
			}
			fields[key] = value
		}
	}
	doc.SetFields(fields)
	return doc
}

// name is the header of a column.
func name(header []string, i int) string {
	if i < len(header) {
		return header[i]
	}
	return "column " + strconv.Itoa(i+1)
}

// object makes a row of cells the object that rows read. A cell without anything in it is a key that
// is not there; two columns of one name are a key that stands twice, which they refuse.
func object(header, row []string) []byte {
	out := []byte{'{'}
	for i, cell := range row {
		if cell == "" {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		for n, s := range []string{name(header, i), cell} {
			if n > 0 {
				out = append(out, ':')
			}
			quoted, err := json.Marshal(s)
			if err != nil {
				panic("csv: encode a text: " + err.Error()) // texts always encode
			}
			out = append(out, quoted...)
		}
	}
	return append(out, '}')
}

// Markdown renders a table, the first row as its header, in GitHub's syntax. Rows are filled up to
// the widest, unless most of the table would be filling: one wide row must not make thousands of
// others as wide.
func Markdown(table [][]string) string {
	width, cells := 0, 0
	for _, row := range table {
		width, cells = max(width, len(row)), cells+len(row)
	}
	fill := width
	if width*len(table) > maxFilling*cells {
		fill = 0
	}
	var out strings.Builder
	for i, row := range table {
		if i > 0 {
			line(&out, row, max(len(row), fill))
			continue
		}
		line(&out, row, width)
		out.WriteString(strings.Repeat("| - ", width) + "|\n")
	}
	return out.String()
}

// maxFilling is how many times its own cells a table may be filled to.
const maxFilling = 8

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
