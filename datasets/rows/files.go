package rows

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/cultivar/cultivar/datasets"
)

const formats = ".jsonl, .ndjson, .json, .csv, .tsv, .parquet, .txt, .md"

// tables are the formats that have many rows, and texts those that are one.
var (
	tables = []string{".parquet", ".jsonl", ".ndjson", ".json", ".csv", ".tsv"}
	texts  = []string{".txt", ".md"}
)

// format returns the extension that names the format, and the one of the compression after it.
func format(path string) (ext, packed string) {
	name := strings.ToLower(filepath.Base(path))
	for _, p := range []string{".gz", ".zst"} {
		if inner, ok := strings.CutSuffix(name, p); ok {
			return filepath.Ext(inner), p
		}
	}
	return filepath.Ext(name), ""
}

// Holds tells whether the name of a file is that of a format with rows.
func Holds(path string) bool {
	ext, packed := format(path)
	return slices.Contains(tables, ext) && (packed == "" || ext != ".parquet") || slices.Contains(texts, ext)
}

// expand returns the files that a path stands for. Of a directory these are all files of one format,
// in order of their names; what describes a data set of the Hub is no data.
func expand(path string) ([]file, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []file{{path: path, split: datasets.Train}}, nil
	}
	found := map[string][]file{}
	err = filepath.WalkDir(path, func(at string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := strings.HasPrefix(d.Name(), ".") && at != path
		switch {
		case d.IsDir() && hidden:
			return fs.SkipDir
		case d.IsDir(), hidden, describes(d.Name()), !Holds(at):
			return nil
		}
		ext, _ := format(at)
		found[ext] = append(found[ext], file{path: at, id: relative(path, at), split: splitOf(path, at)})
		return nil
	})
	if err != nil {
		return nil, err
	}
	var kinds []string
	for _, ext := range slices.Concat(tables, texts) {
		if len(found[ext]) > 0 {
			kinds = append(kinds, ext)
		}
	}
	switch len(kinds) {
	case 0:
		return nil, fmt.Errorf("%s: %w: no file of %s", path, ErrFormat, formats)
	case 1:
		return found[kinds[0]], nil
	}
	return nil, fmt.Errorf("%s: holds files of several formats, %s: name one of them", path, strings.Join(kinds, " and "))
}

// describes tells whether a file is about a data set and not of it.
func describes(name string) bool {
	name = strings.ToLower(name)
	base, _, _ := strings.Cut(name, ".")
	return slices.Contains([]string{"readme", "license", "licence", "changelog", "dataset_info", "dataset_infos", "dataset_dict", "state"}, base)
}

// splitOf takes the split from a name as the Hub has it: train-00000-of-00002.parquet, or a directory
// of that name.
func splitOf(root, path string) datasets.Split {
	rel, _ := filepath.Rel(root, path)
	for _, part := range strings.Split(strings.ToLower(filepath.ToSlash(rel)), "/") {
		word := strings.FieldsFunc(part, func(c rune) bool { return strings.ContainsRune("-_.", c) })
		if len(word) == 0 {
			continue
		}
		switch word[0] {
		case "test":
			return datasets.Test
		case "validation", "valid", "val", "dev":
			return datasets.Validation
		}
	}
	return datasets.Train
}

// errZeros means bytes of zero, of which a text has none.
var errZeros = errors.New("has bytes of zero: it is no text, or UTF-16 without a byte order mark")

// unpacked says in words what is wrong with what was compressed.
type unpacked struct {
	io.Reader
	by string
}

func (u unpacked) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	switch {
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, new(*fs.PathError)):
		return n, err
	}
	return n, fmt.Errorf("is not compressed by %s, as its name says, or damaged", u.by)
}

// unpack decompresses and decodes a text: a byte order mark says whether it is UTF-8 or UTF-16, and
// is no part of it; without one it is UTF-8.
func unpack(r io.Reader, packed string) (io.ReadCloser, error) {
	var closer io.Closer = io.NopCloser(nil)
	switch packed {
	case ".gz":
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, errors.New("is not compressed by gzip, as its name says, or cut")
		}
		r, closer = unpacked{z, "gzip"}, z
	case ".zst":
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return nil, err
		}
		r, closer = unpacked{z, "zstd"}, z.IOReadCloser()
	}
	text := bufio.NewReader(transform.NewReader(r, unicode.BOMOverride(transform.Nop)))
	if head, _ := text.Peek(4); bytes.IndexByte(head, 0) >= 0 { // an error comes again
		return nil, errors.Join(errZeros, closer.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{text, closer}, nil
}
