// Package jsonl reads JSON Lines, and JSON files that are a list of objects or one object: each
// object is a document.
package jsonl

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"

	"github.com/cultivar/cultivar/pipeline/extract"
)

// Format is the JSON format.
type Format struct {
	extract.RowReader
}

// Name is "json".
func (Format) Name() string { return "json" }

// Accepts takes JSON and JSON Lines.
func (Format) Accepts(mime string) bool { return mime == extract.MIMEJSON || mime == extract.MIMEJSONL }

// Rows yields a document for each object. A line that is not an object with a text refuses itself
// only, so that one bad line does not cost the file.
func (f Format) Rows(ctx context.Context, in extract.Input) iter.Seq2[extract.Document, error] {
	return func(yield func(extract.Document, error) bool) {
		text, _, err := in.Text()
		if err != nil {
			yield(extract.Document{}, err)
			return
		}
		defer text.Close()
		if in.MIME == extract.MIMEJSON {
			err = f.whole(ctx, text, func(d extract.Document) bool { return yield(d, nil) })
		} else {
			err = f.lines(ctx, text, func(d extract.Document) bool { return yield(d, nil) })
		}
		if err != nil {
			yield(extract.Document{}, err)
		}
	}
}

// checkEvery is the number of rows between two looks at the context.
const checkEvery = 1024

func (f Format) lines(ctx context.Context, text io.Reader, yield func(extract.Document) bool) error {
	in := bufio.NewReaderSize(text, 64<<10)
	var line []byte
	for number := 1; ; number++ {
		if number%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		var long bool
		var err error
		line, long, err = readLine(in, line[:0])
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		var doc extract.Document
		switch row := bytes.TrimSpace(line); {
		case long:
			doc = extract.Document{Row: extract.RowName(number), Refused: extract.RowTooLong()}
		case len(row) > 0:
			doc = f.Document(row, number)
		}
		if doc.Row != "" && !yield(doc) || err != nil {
			return nil
		}
	}
}

// readLine appends a line to buf. Of one that is too long the rest is passed over.
func readLine(in *bufio.Reader, buf []byte) (line []byte, long bool, err error) {
	for {
		part, err := in.ReadSlice('\n')
		if len(buf)+len(part) > extract.MaxRowBytes {
			long = true
		}
		if !long {
			buf = append(buf, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return buf, long, err
		}
	}
}

// whole reads a file that is one JSON value: an object, or a list of them.
func (f Format) whole(ctx context.Context, text io.Reader, yield func(extract.Document) bool) error {
	ration := &extract.Rationed{R: text}
	ration.Refill()
	in := bufio.NewReader(ration)
	first, err := firstByte(in)
	if errors.Is(err, io.EOF) {
		return f.single(nil, yield)
	}
	if err != nil {
		return err
	}
	if first != '[' {
		raw, err := io.ReadAll(in)
		if err != nil {
			return err
		}
		return f.single(bytes.TrimSpace(raw), yield)
	}
	return f.list(ctx, json.NewDecoder(in), ration, yield)
}

// single reads a file that is one object. An object without an id is the file.
func (f Format) single(raw []byte, yield func(extract.Document) bool) error {
	doc := f.Document(raw, 1)
	if doc.Row == extract.RowName(1) {
		doc.Row = ""
	}
	yield(doc)
	return nil
}

func (f Format) list(ctx context.Context, dec *json.Decoder, ration *extract.Rationed, yield func(extract.Document) bool) error {
	if _, err := dec.Token(); err != nil {
		return syntax(err)
	}
	for number := 1; dec.More(); number++ {
		if number%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		ration.Refill()
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return syntax(err)
		}
		if !yield(f.Document(raw, number)) {
			return nil
		}
	}
	if _, err := dec.Token(); err != nil {
		return syntax(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return syntax(err)
	}
	return nil
}

// syntax keeps what a reader below refused, and hides what the decoder quotes.
func syntax(err error) error {
	if r := new(extract.Refusal); errors.As(err, &r) {
		return r
	}
	return &extract.Refusal{Rule: "malformed", Reason: "not valid JSON"}
}

func firstByte(in *bufio.Reader) (byte, error) {
	for {
		b, err := in.ReadByte()
		if err != nil {
			return 0, err
		}
		if !bytes.ContainsRune([]byte(" \t\r\n"), rune(b)) {
			return b, in.UnreadByte()
		}
	}
}
