// Package export gives rows of a dataset version to people and to other programs: files of a table, samples, and
// what differs between two versions.
package export

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/catalog"
	"github.com/cultivar/cultivar/datasets/rows"
	"github.com/cultivar/cultivar/datasets/table"
	"github.com/cultivar/cultivar/internal/atomicfile"
	"github.com/cultivar/cultivar/internal/rng"
)

// The formats that ExportRows writes.
var RowFormats = []string{"parquet", "jsonl", "arrow"}

// Tables are the kinds of rows that a dataset has.
var Tables = []string{"documents", "examples", "exclusions", "redactions"}

// RowsOptions say which rows to export, and where to.
type RowsOptions struct {
	Dataset *catalog.Dataset
	Table   string         // one of Tables
	Split   datasets.Split // of examples; "" for all
	Format  string         // one of RowFormats
	Out     string         // a file, which must not exist
}

// RowsFile is a file of rows that was written.
type RowsFile struct {
	Dataset string `json:"dataset"`
	Out     string `json:"out"`
	Table   string `json:"table"`
	Format  string `json:"format"`
	Rows    int64  `json:"rows"`
	Digest  string `json:"digest"` // SHA-256 of the file
}

// ExportRows writes the rows of a table of a dataset into one file, which appears whole or not at
// all.
func ExportRows(ctx context.Context, o RowsOptions) (RowsFile, error) {
	if _, err := os.Lstat(o.Out); err == nil {
		return RowsFile{}, fmt.Errorf("export %s: %s: %w", o.Dataset.Ref(), o.Out, fs.ErrExist)
	}
	switch o.Table {
	case "documents":
		return exportRows(ctx, o, o.Dataset.Documents())
	case "exclusions":
		return exportRows(ctx, o, o.Dataset.Exclusions())
	case "redactions":
		return exportRows(ctx, o, o.Dataset.Redactions())
	case "examples":
		return exportRows(ctx, o, ofSplit(o.Dataset.Examples(), o.Split))
	}
	return RowsFile{}, fmt.Errorf("export %s: there is no table %q", o.Dataset.Ref(), o.Table)
}

func ofSplit(rows iter.Seq2[datasets.Example, error], split datasets.Split) iter.Seq2[datasets.Example, error] {
	return func(yield func(datasets.Example, error) bool) {
		for e, err := range rows {
			if err == nil && split != "" && e.Split != split {
				continue
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

func exportRows[T table.Row](ctx context.Context, o RowsOptions, rows iter.Seq2[T, error]) (RowsFile, error) {
	var n int64
	counted := func(yield func(T, error) bool) {
		for row, err := range rows {
			if err = errors.Join(err, ctx.Err()); err == nil {
				n++
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
	h := sha256.New()
	err := atomicfile.WriteFile(o.Out, func(w io.Writer) error {
		w = io.MultiWriter(w, h)
		switch o.Format {
		case "parquet":
			return writeParquet(w, o.Out, counted)
		case "arrow":
			return table.WriteArrowFile(w, counted)
		case "jsonl":
			return writeJSONL(w, counted)
		}
		return fmt.Errorf("there is no format %q", o.Format)
	})
	if err != nil {
		return RowsFile{}, fmt.Errorf("export %s: %w", o.Dataset.Ref(), err)
	}
	return RowsFile{o.Dataset.Ref(), o.Out, o.Table, o.Format, n, "sha256:" + hex.EncodeToString(h.Sum(nil))}, nil
}

// writeParquet makes one file of what may be several shards in the dataset. The writer of tables
// works in directories, so the file is made in one of its own beside path, where there is room for it.
func writeParquet[T table.Row](w io.Writer, path string, rows iter.Seq2[T, error]) (err error) {
	scratch, remove, err := atomicfile.MakeDir(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	t, err := table.Create[T](scratch, table.Options{ShardBytes: math.MaxInt})
	if err != nil {
		return err
	}
	defer t.Abort()
	for row, err := range rows {
		if err != nil {
			return err
		}
		if err := t.Write(row); err != nil {
			return err
		}
	}
	shards, err := t.Close()
	if err != nil {
		return err
	}
	for _, s := range shards { // one: ShardBytes is out of reach
		if err := copyInto(w, filepath.Join(scratch, s.Name)); err != nil {
			return err
		}
	}
	return nil
}

func copyInto(w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	_, err = io.Copy(w, f)
	return err
}

func writeJSONL[T table.Row](w io.Writer, list iter.Seq2[T, error]) error {
	for row, err := range list {
		if err != nil {
			return err
		}
		line, err := rows.JSON(row)
		if err != nil {
			return err
		}
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return nil
}

// Sample returns n rows, drawn without replacement, in their order. The same seed draws the same
// rows of the same version.
func Sample[T table.Row](rows iter.Seq2[T, error], n int, seed uint64) ([]T, error) {
	type drawn struct {
		at  uint64 // the row's place
		key uint64
		row T
	}
	stream := rng.New(seed, "sample of rows")
	var kept []drawn // the n smallest keys, ascending
	at := uint64(0)
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		d := drawn{at, stream.At(0, at).Uint64(), row}
		at++
		i, _ := slices.BinarySearchFunc(kept, d, func(a, b drawn) int { return cmp.Compare(a.key, b.key) })
		if i >= n {
			continue
		}
		kept = slices.Insert(kept, i, d)
		kept = kept[:min(n, len(kept))]
	}
	slices.SortFunc(kept, func(a, b drawn) int { return cmp.Compare(a.at, b.at) })
	out := make([]T, len(kept))
	for i, d := range kept {
		out[i] = d.row
	}
	return out, nil
}

// DocumentRef names a document for people and programs.
type DocumentRef struct {
	DocID     string `json:"doc_id"`
	SourceURI string `json:"source_uri"`
}

// Setting is a key of the configuration with its value on either side, as JSON; "" where it is absent.
type Setting struct {
	Key string `json:"key"`
	A   string `json:"a"`
	B   string `json:"b"`
}

// DatasetDiff is what differs between two dataset versions. Lists are in order of source.
type DatasetDiff struct {
	A        string        `json:"a"`
	B        string        `json:"b"`
	Same     bool          `json:"same_content"`
	Settings []Setting     `json:"settings"`
	Added    []DocumentRef `json:"added"`
	Removed  []DocumentRef `json:"removed"`
	Changed  []DocumentRef `json:"changed"` // the text is another
}

// DiffDatasets compares documents by their ids and the settings that made them.
func DiffDatasets(a, b *catalog.Dataset) (DatasetDiff, error) {
	d := DatasetDiff{
		A: a.Ref(), B: b.Ref(), Same: a.Manifest.Digest == b.Manifest.Digest,
		Settings: []Setting{}, Added: []DocumentRef{}, Removed: []DocumentRef{}, Changed: []DocumentRef{},
	}
	if d.Same {
		return d, nil
	}
	d.Settings = append(d.Settings, diffSettings(a.Manifest.Config, b.Manifest.Config)...)
	before := map[string]datasets.Document{} // without texts
	for doc, err := range a.Documents() {
		if err != nil {
			return d, err
		}
		before[doc.DocID] = datasets.Document{DocVersion: doc.DocVersion, SourceURI: doc.SourceURI}
	}
	for doc, err := range b.Documents() {
		if err != nil {
			return d, err
		}
		old, ok := before[doc.DocID]
		delete(before, doc.DocID)
		switch {
		case !ok:
			d.Added = append(d.Added, DocumentRef{doc.DocID, doc.SourceURI})
		case old.DocVersion != doc.DocVersion:
			d.Changed = append(d.Changed, DocumentRef{doc.DocID, doc.SourceURI})
		}
	}
	for id, doc := range before {
		d.Removed = append(d.Removed, DocumentRef{id, doc.SourceURI})
	}
	for _, list := range [][]DocumentRef{d.Added, d.Removed, d.Changed} {
		slices.SortFunc(list, func(a, b DocumentRef) int {
			return strings.Compare(a.SourceURI+"\x00"+a.DocID, b.SourceURI+"\x00"+b.DocID)
		})
	}
	return d, nil
}

func diffSettings(a, b json.RawMessage) []Setting {
	left, right := map[string]string{}, map[string]string{}
	flatten("", a, left)
	flatten("", b, right)
	var list []Setting
	for key, v := range left {
		if right[key] != v {
			list = append(list, Setting{key, v, right[key]})
		}
	}
	for key, v := range right {
		if _, ok := left[key]; !ok {
			list = append(list, Setting{key, "", v})
		}
	}
	slices.SortFunc(list, func(a, b Setting) int { return strings.Compare(a.Key, b.Key) })
	return list
}

// flatten lists the leaves of nested objects by their dotted paths.
func flatten(path string, raw json.RawMessage, into map[string]string) {
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil || object == nil {
		if len(raw) > 0 {
			into[path] = string(raw)
		}
		return
	}
	for key, value := range object {
		if path != "" {
			key = path + "." + key
		}
		flatten(key, value, into)
	}
}
