// Package objects finds the rows of a file before anybody understands them: each is an object of JSON, with the place
// where it stands. One row takes a bounded number of bytes, whatever the file does.
package objects

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"unicode/utf8"
)

// Object is a row.
type Object struct {
	JSON  []byte
	N     int    // its number in the file, by lines or rows
	Place string // what is counted: line or row
}

// ErrLong means that one row is longer than a row may be.
var ErrLong = errors.New("longer than a row may be")

// Lines yields the lines of JSON Lines. Blank ones are passed over and counted.
func Lines(r io.Reader, most int) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		in := bufio.NewReaderSize(r, 1<<16)
		var line []byte
		for n := 1; ; n++ {
			var err error
			if line, err = readLine(in, line[:0], most); err != nil && err != io.EOF {
				yield(Object{N: n, Place: "line"}, err)
				return
			}
			if row := bytes.TrimSpace(line); len(row) > 0 && !yield(Object{row, n, "line"}, nil) || err != nil {
				return
			}
		}
	}
}

// readLine appends a line to buf; io.EOF with the last one.
func readLine(in *bufio.Reader, buf []byte, most int) ([]byte, error) {
	for {
		part, err := in.ReadSlice('\n')
		buf = append(buf, part...)
		switch {
		case len(buf) > most:
			return buf, ErrLong
		case !errors.Is(err, bufio.ErrBufferFull):
			return buf, err
		}
	}
}

// rationed refuses to read more than left bytes.
type rationed struct {
	r    io.Reader
	left int
}

func (b *rationed) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, ErrLong
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// Stream yields the objects of a JSON file: of one list, or one after the other.
func Stream(r io.Reader, most int) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		limit := &rationed{r, most}
		in := bufio.NewReader(limit)
		first, err := firstByte(in)
		if err != nil {
			if err != io.EOF {
				yield(Object{N: 1, Place: "row"}, err)
			}
			return
		}
		d := json.NewDecoder(in)
		if first == '[' {
			_, _ = d.Token() // the bracket that was seen
		}
		for n := 1; ; n++ {
			limit.left = most
			if first == '[' && !d.More() {
				if _, err := d.Token(); err != nil {
					yield(Object{N: n, Place: "row"}, where(err))
				} else if _, err := d.Token(); err != io.EOF {
					yield(Object{N: n, Place: "row"}, errors.New("more after the end of the list"))
				}
				return
			}
			var raw json.RawMessage
			err := d.Decode(&raw)
			if err == io.EOF && first != '[' {
				return
			}
			if !yield(Object{raw, n, "row"}, where(err)) || err != nil {
				return
			}
		}
	}
}

func firstByte(in *bufio.Reader) (byte, error) {
	for {
		b, err := in.ReadByte()
		if err != nil {
			return 0, err
		}
		if !strings.ContainsRune(" \t\r\n", rune(b)) {
			return b, in.UnreadByte()
		}
	}
}

// where keeps the decoder's position and leaves out the content.
func where(err error) error {
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("not JSON (at byte %d of the file)", syntax.Offset)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errors.New("the file ends within it")
	}
	return err
}

// Cells yields the rows of a table of texts as objects of texts. A cell without anything in it is a
// key that is not there. A separator of 0 is the one that the header has most of.
func Cells(r io.Reader, separator rune, most int) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		limit := &rationed{r, most}
		in := bufio.NewReaderSize(limit, 1<<16)
		if separator == 0 {
			separator = sniff(in)
		}
		c := csv.NewReader(in)
		c.Comma, c.ReuseRecord, c.LazyQuotes = separator, true, separator == '\t'
		keys, err := header(c)
		if err != nil {
			yield(Object{N: 1, Place: "line"}, err)
			return
		}
		for {
			limit.left = most
			record, err := c.Read()
			if err == io.EOF {
				return
			}
			n, raw := 0, []byte(nil)
			if err == nil {
				n, _ = c.FieldPos(0)
				raw, err = objectOf(keys, record)
			}
			var syntax *csv.ParseError
			if errors.As(err, &syntax) {
				n, err = syntax.StartLine, syntax.Err
			}
			if !yield(Object{raw, n, "line"}, err) || err != nil {
				return
			}
		}
	}
}

// sniff finds the separator in the first line, which a spreadsheet may say: sep=;
func sniff(in *bufio.Reader) rune {
	head, _ := in.Peek(1 << 16)
	line, _, _ := bytes.Cut(head, []byte("\n"))
	if said, ok := bytes.CutPrefix(bytes.TrimRight(line, "\r"), []byte("sep=")); ok && len(said) == 1 {
		_, _ = in.Discard(len(line) + 1)
		return rune(said[0])
	}
	best, count := ',', 0
	for _, c := range []rune{',', ';', '\t', '|'} {
		if n := bytes.Count(line, []byte(string(c))); n > count {
			best, count = c, n
		}
	}
	return best
}

func header(c *csv.Reader) ([]string, error) {
	record, err := c.Read()
	if err != nil {
		if err == io.EOF {
			return nil, errors.New("has no header")
		}
		return nil, errors.New("has a header that is no CSV")
	}
	keys := make([]string, len(record))
	for i, key := range record {
		switch {
		case !utf8.ValidString(key):
			return nil, errNotUTF8
		case strings.Contains(key, "\r"):
			return nil, errors.New("has lines that end with a carriage return alone, where a line feed is wanted")
		}
		keys[i] = strings.TrimSpace(key)
		if i == 0 && keys[0] == "" { // pandas writes its index so
			keys[0] = "index"
		}
	}
	return keys, nil
}

var errNotUTF8 = errors.New("not UTF-8")

// objectOf writes a record as an object, keys in the order of the columns.
func objectOf(keys, record []string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	before := "{"
	for i, key := range keys {
		if !utf8.ValidString(record[i]) {
			return nil, errNotUTF8
		}
		if record[i] == "" {
			continue
		}
		for n, s := range []string{key, record[i]} {
			b.WriteString([]string{before, ":"}[n])
			_ = e.Encode(s) // a string into memory: cannot fail; the line feed after it is space in JSON
		}
		before = ","
	}
	if before == "{" {
		b.WriteString(before)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}
