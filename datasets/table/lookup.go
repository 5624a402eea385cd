package table

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cultivar/cultivar/datasets"
	"github.com/parquet-go/parquet-go"
)

// FindDocument returns the document with that id from the files or directories at paths. It reads
// the bloom filters first, then the ids of the row groups that may have it, then one row.
// datasets.ErrNotFound means that none has it.
func FindDocument(docID string, paths ...string) (datasets.Document, error) {
	for _, path := range paths {
		files, err := shards(path)
		if err != nil {
			return datasets.Document{}, err
		}
		for _, file := range files {
			doc, err := findInFile(docID, file)
			if !errors.Is(err, datasets.ErrNotFound) {
				return doc, err
			}
		}
	}
	return datasets.Document{}, fmt.Errorf("document %q: %w", docID, datasets.ErrNotFound)
}

func findInFile(docID, path string) (datasets.Document, error) {
	f, err := os.Open(path)
	if err != nil {
		return datasets.Document{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return datasets.Document{}, err
	}
	return FindDocumentAt(docID, path, f, info.Size())
}

// FindDocumentAt is FindDocument in one file that the caller has open; name stands for it in errors.
func FindDocumentAt(docID, name string, r io.ReaderAt, size int64) (doc datasets.Document, err error) {
	err = Guard(func() (err error) { doc, err = find(docID, r, size); return err })
	if err != nil && !errors.Is(err, datasets.ErrNotFound) {
		err = &CorruptError{name, err}
	}
	return doc, err
}

func find(docID string, r io.ReaderAt, size int64) (datasets.Document, error) {
	var none datasets.Document
	f, err := OpenParquet(r, size, documentFormat.needs)
	if err != nil {
		return none, err
	}
	column, ok := f.Schema().Lookup("doc_id")
	if !ok {
		return none, datasets.ErrNotFound
	}
	for _, group := range f.RowGroups() {
		at, err := rowOf(docID, group.ColumnChunks()[column.ColumnIndex])
		if err == nil {
			return readRow(group, at)
		}
		if !errors.Is(err, datasets.ErrNotFound) {
			return none, err
		}
	}
	return none, datasets.ErrNotFound
}

// rowOf returns the row in a row group whose doc_id is docID. The column is flat, so that values and
// rows are the same count.
func rowOf(docID string, chunk parquet.ColumnChunk) (int64, error) {
	want := parquet.ByteArrayValue([]byte(docID))
	if filter := chunk.BloomFilter(); filter != nil {
		maybe, err := filter.Check(want)
		if err != nil {
			return 0, fmt.Errorf("bloom filter: %w", err)
		}
		if !maybe {
			return 0, datasets.ErrNotFound
		}
	}
	pages := chunk.Pages()
	defer pages.Close()
	row := int64(0)
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return 0, datasets.ErrNotFound
		}
		if err != nil {
			return 0, err
		}
		at, err := indexInPage(docID, page)
		n := page.NumRows()
		parquet.Release(page)
		if err != nil || at >= 0 {
			return row + at, err
		}
		row += n
	}
}

// indexInPage returns -1 when the page has no such value.
func indexInPage(docID string, page parquet.Page) (int64, error) {
	values, buf, at := page.Values(), make([]parquet.Value, 256), int64(0)
	for {
		n, err := values.ReadValues(buf)
		for i, v := range buf[:n] {
			if string(v.ByteArray()) == docID {
				return at + int64(i), nil
			}
		}
		at += int64(n)
		switch {
		case errors.Is(err, io.EOF):
			return -1, nil
		case err != nil:
			return 0, err
		}
	}
}

func readRow(group parquet.RowGroup, row int64) (datasets.Document, error) {
	d := documentFormat.newDecoder(group)
	defer d.close()
	if err := d.seek(row); err != nil {
		return datasets.Document{}, err
	}
	var rows [1]datasets.Document
	if n, err := d.read(rows[:]); n == 0 {
		return datasets.Document{}, errors.Join(errors.New("row is missing"), err)
	}
	return rows[0], nil
}
