// Package parquet reads Parquet files of any columns: each row is a document or a training row, as
// the same keys would be in JSON.
package parquet

import (
	"context"
	"iter"

	"github.com/cultivar/cultivar/datasets/table/parquetjson"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/table"
	"github.com/cultivar/cultivar/pipeline/extract"
)

// Format is the Parquet format.
type Format struct {
	extract.RowReader
}

// Name is "parquet".
func (Format) Name() string { return "parquet" }

// Accepts takes Parquet.
func (Format) Accepts(mime string) bool { return mime == extract.MIMEParquet }

// Rows yields a document for each row.
func (f Format) Rows(ctx context.Context, in extract.Input) iter.Seq2[extract.Document, error] {
	return func(yield func(extract.Document, error) bool) {
		at, closer, err := in.ReaderAt()
		if err != nil {
			yield(extract.Document{}, err)
			return
		}
		defer closer.Close()
		columns, err := parquetjson.Columns(in.Path, at, in.Size())
		if err != nil {
			yield(extract.Document{}, err)
			return
		}
		if table.IsExamples(columns) { // of a dataset of ours
			send(ctx, table.ReadAt[datasets.Example](in.Path, at, in.Size()), f.Example, yield)
			return
		}
		send(ctx, parquetjson.Objects(in.Path, at, in.Size()), f.Document, yield)
	}
}

// send makes a document of each row.
func send[T any](ctx context.Context, rows iter.Seq2[T, error], document func(T, int) extract.Document, yield func(extract.Document, error) bool) {
	number := 0
	for row, err := range rows {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			yield(extract.Document{}, err)
			return
		}
		if number++; !yield(document(row, number), nil) {
			return
		}
	}
}
