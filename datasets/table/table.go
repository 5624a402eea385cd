// Package table reads and writes the Parquet files of a dataset: documents, exclusions, redactions
// and examples, in shards named documents-00000.parquet and so on. It is the only importer of the
// Parquet library; docs/format/dataset.md lists the columns.
//
// The bytes of a file depend on its rows alone: the library version is pinned, map keys are sorted,
// created_by is fixed, and row groups and shards are cut by the size of the rows.
package table

import (
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/cultivar/cultivar/datasets"
	"github.com/parquet-go/parquet-go"
)

// Row is what a table can hold.
type Row interface {
	datasets.Document | datasets.Exclusion | datasets.Redaction | datasets.Example
}

// CorruptError reports a file that is not what it should be: cut short, altered, not Parquet, or
// without the columns of its kind. It never quotes the content.
type CorruptError struct {
	Path string
	Err  error
}

func (e *CorruptError) Error() string { return fmt.Sprintf("read %s: %v", e.Path, e.Err) }

// Unwrap returns what the Parquet library, or a check of ours, had to say.
func (e *CorruptError) Unwrap() error { return e.Err }

// format is how one kind of row is stored.
type format[T Row] struct {
	name       string                   // base of the shard names
	needs      []string                 // a file with none of these columns is not of this kind
	size       func(row T) (int, error) // bytes before encoding; an error when it cannot be stored
	newEncoder func(w io.Writer) encoder[T]
	newDecoder func(group parquet.RowGroup) decoder[T]
	arrow      *arrow.Schema
	append     func(b *array.RecordBuilder, row T)
}

// encoder writes the rows of one file.
type encoder[T Row] interface {
	add(row T) error
	flush() error // ends the row group
	close() error // ends the file, not the writer below it
}

// decoder reads the rows of one row group in order.
type decoder[T Row] interface {
	seek(row int64) error
	// read fills rows and returns how many; io.EOF with 0 at the end.
	read(rows []T) (int, error)
	close() error
}

// Name is the base name of T's shards and the name of their directory in a dataset version:
// documents, exclusions, redactions or examples.
func Name[T Row]() string { return formatOf[T]().name }

func formatOf[T Row]() format[T] {
	var row T
	var f any
	switch any(row).(type) {
	case datasets.Document:
		f = documentFormat
	case datasets.Exclusion:
		f = exclusionFormat
	case datasets.Redaction:
		f = redactionFormat
	case datasets.Example:
		f = exampleFormat
	}
	return f.(format[T])
}
