package rows

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"unicode/utf8"

	"github.com/cultivar/cultivar/datasets/table/parquetjson"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/rows/objects"
	"github.com/cultivar/cultivar/datasets/table"
	"github.com/cultivar/cultivar/internal/bounded"
	"github.com/cultivar/cultivar/internal/machine"
)

// Limits on what one row may take, against files made to exhaust memory.
const (
	maxRow  = 64 << 20  // bytes of one row of JSON, CSV or TSV
	maxText = 256 << 20 // bytes of a file that is one text, or less where there is less memory
	// textGrowth is how many times its size a text takes as it is read: what it is read into grows, and is copied.
	textGrowth = 5
)

// Read yields the rows of a file, by its extension: .jsonl and .ndjson, .json (a list of objects, or
// one object after the other), .csv and .tsv (with a header), .parquet, .txt and .md (the file is one
// row); all but .parquet also compressed, as .gz or .zst. A directory stands for the files in it, as
// data sets of the Hub lie. Every row has an id and a split. The first error ends it.
func Read(path string, o Options) iter.Seq2[datasets.Example, error] {
	return func(yield func(datasets.Example, error) bool) {
		files, err := expand(path)
		if err != nil {
			yield(datasets.Example{}, err)
			return
		}
		for _, f := range files {
			for e, err := range f.rows(o) {
				if !yield(e, err) || err != nil {
					return
				}
			}
		}
	}
}

// file is one of the files that a path stands for.
type file struct {
	path  string
	id    string         // begins the ids of its rows
	split datasets.Split // what its name says
}

func (f file) rows(o Options) iter.Seq2[datasets.Example, error] {
	return func(yield func(datasets.Example, error) bool) {
		in, err := bounded.Open(f.path)
		if err != nil {
			yield(datasets.Example{}, err)
			return
		}
		defer func() { _ = in.Close() }()
		for e, err := range f.parsed(in, o) {
			if err == nil && e.Split == "" {
				e.Split = f.split
			}
			if err == nil {
				e.ExampleID = f.id + e.ExampleID
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

func (f file) parsed(in *os.File, o Options) iter.Seq2[datasets.Example, error] {
	if ext, packed := format(f.path); ext != ".parquet" || packed != "" {
		return From(f.path, in, o)
	}
	info, err := in.Stat()
	if err != nil {
		return func(yield func(datasets.Example, error) bool) { yield(datasets.Example{}, err) }
	}
	return FromParquet(f.path, in, info.Size(), o)
}

// From reads the rows of a file that the caller has open, of any format but Parquet; its name says
// which, and stands in errors.
func From(name string, r io.Reader, o Options) iter.Seq2[datasets.Example, error] {
	return func(yield func(datasets.Example, error) bool) {
		ext, packed := format(name)
		if !Holds(name) || ext == ".parquet" {
			yield(datasets.Example{}, fmt.Errorf("%s: %w (%s)", name, ErrFormat, formats))
			return
		}
		text, err := unpack(r, packed)
		if err != nil {
			yield(datasets.Example{}, fmt.Errorf("%s: %w", name, err))
			return
		}
		defer func() { _ = text.Close() }()
		var list iter.Seq2[objects.Object, error]
		switch ext {
		case ".jsonl", ".ndjson":
			list = objects.Lines(text, maxRow)
		case ".json":
			list = objects.Stream(text, maxRow)
		case ".csv":
			list = objects.Cells(text, 0, maxRow)
		case ".tsv":
			list = objects.Cells(text, '\t', maxRow)
		case ".txt", ".md":
			e, err := whole(text)
			if err != nil {
				err = fmt.Errorf("%s: %w", name, err)
			}
			yield(e, err)
			return
		}
		understand(name, list, o)(yield)
	}
}

// FromParquet reads the rows of a Parquet file that the caller has open; name stands for it in
// errors. A file of examples as our datasets have them is read as it is.
func FromParquet(name string, r io.ReaderAt, size int64, o Options) iter.Seq2[datasets.Example, error] {
	return func(yield func(datasets.Example, error) bool) {
		columns, err := parquetjson.Columns(name, r, size)
		switch {
		case err != nil:
			yield(datasets.Example{}, err)
		case table.IsExamples(columns):
			for e, err := range table.ReadAt[datasets.Example](name, r, size) {
				if !yield(e, err) || err != nil {
					return
				}
			}
		default:
			understand(name, numbered(parquetjson.Objects(name, r, size)), o)(yield)
		}
	}
}

// understand parses objects, gives each row an id, and says in errors where it stands.
func understand(name string, list iter.Seq2[objects.Object, error], o Options) iter.Seq2[datasets.Example, error] {
	return func(yield func(datasets.Example, error) bool) {
		for row, err := range list {
			var e datasets.Example
			if err == nil {
				e, err = Parse(row.JSON, o)
			}
			var corrupt *table.CorruptError
			if err != nil && !errors.As(err, &corrupt) { // which names the file
				err = fmt.Errorf("%q: %s %d: %w", name, row.Place, row.N, err)
			}
			if err == nil {
				e = complete(e, row.N)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// complete adds what a row of a plain file does not say.
func complete(e datasets.Example, n int) datasets.Example {
	if e.ExampleID == "" {
		e.ExampleID = fmt.Sprintf("row-%d", n)
	}
	if e.End == 0 && e.Start == 0 {
		e.End = int64(utf8.RuneCountInString(e.Text))
	}
	return e
}

// numbered counts the rows of a Parquet file.
func numbered(rows iter.Seq2[[]byte, error]) iter.Seq2[objects.Object, error] {
	return func(yield func(objects.Object, error) bool) {
		n := 0
		for raw, err := range rows {
			n++
			if !yield(objects.Object{JSON: raw, N: n, Place: "row"}, err) {
				return
			}
		}
	}
}

// whole reads a file that is one text.
func whole(r io.Reader) (datasets.Example, error) {
	limit := maxText
	if room := machine.Room() / textGrowth; room > 0 && room < maxText {
		limit = int(room)
	}
	text, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	switch {
	case err != nil:
		return datasets.Example{}, err
	case len(text) > limit:
		return datasets.Example{}, fmt.Errorf("longer than %d bytes; ingest it first, which cuts it", limit)
	case !utf8.Valid(text):
		return datasets.Example{}, errors.New("not UTF-8; ingest it first, which converts it")
	}
	for _, c := range text {
		if c == 0 {
			return datasets.Example{}, errZeros
		}
	}
	return complete(datasets.Example{Text: string(text)}, 1), nil
}

// relative returns the beginning of the ids of a file's rows.
func relative(root, path string) string {
	rel, err := filepath.Rel(root, path)
	if err != nil {
		rel = filepath.Base(path)
	}
	return filepath.ToSlash(rel) + ":"
}
