package table

import (
	"bytes"
	"io"

	"github.com/cultivar/cultivar/internal/parallel"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// createdBy stands in every footer, in the form that Parquet's readers parse. The version is the
// format's and not the program's, because the same rows must give the same bytes.
const createdBy = "cultivar version 1.0.0 (build dataset)"

// bitsPerValue of the bloom filter on doc_id gives about 1 % false positives.
const bitsPerValue = 10

// maxBusy bounds the row groups that are encoded at once, and with them the memory of a writer on a
// machine of many cores.
const maxBusy = 4

// parquetEncoder converts rows T to their stored form R and writes them. Nearly all of the work is
// compression, so that each row group is encoded by a goroutine of its own, into a file in memory,
// whose column chunks are then copied as they are, in order. The bytes do not depend on how many
// are encoded at once.
type parquetEncoder[T Row, R any] struct {
	out   *parquet.GenericWriter[R]
	store func(T, *meter) R
	rows  []R // of the open row group
	busy  []chan encoded
}

// encoded is a finished row group, or why there is none.
type encoded struct {
	group parquet.RowGroup
	err   error
}

func measure[T Row, R any](store func(T, *meter) R) func(T) (int, error) {
	return func(row T) (int, error) {
		var m meter
		store(row, &m)
		return m.size, m.err()
	}
}

func newEncoder[T Row, R any](store func(T, *meter) R) func(io.Writer) encoder[T] {
	return func(w io.Writer) encoder[T] {
		return &parquetEncoder[T, R]{out: newParquetWriter[R](w), store: store}
	}
}

func newParquetWriter[R any](w io.Writer) *parquet.GenericWriter[R] {
	options := append(unbounded(),
		&parquet.WriterConfig{CreatedBy: createdBy},
		parquet.Compression(&zstd.Codec{Level: zstd.SpeedFastest}),
		parquet.DataPageStatistics(true),
		parquet.BloomFilters(parquet.SplitBlockFilter(bitsPerValue, "doc_id")),
	)
	return parquet.NewGenericWriter[R](w, options...)
}

func (e *parquetEncoder[T, R]) add(row T) error {
	e.rows = append(e.rows, e.store(row, new(meter)))
	return nil
}

func (e *parquetEncoder[T, R]) flush() error {
	if len(e.rows) == 0 {
		return nil
	}
	if len(e.busy) >= min(parallel.Workers(), maxBusy) {
		if err := e.copyOldest(); err != nil {
			return err
		}
	}
	// One place in the channel: the goroutine ends also when nobody asks for the result any more.
	done := make(chan encoded, 1)
	e.busy = append(e.busy, done)
	rows := e.rows
	e.rows = nil
	go func() { done <- encodeRowGroup(rows) }()
	return nil
}

func encodeRowGroup[R any](rows []R) (result encoded) {
	result.err = Guard(func() error {
		var file bytes.Buffer
		w := newParquetWriter[R](&file)
		if _, err := w.Write(rows); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		f, err := parquet.OpenFile(bytes.NewReader(file.Bytes()), int64(file.Len()))
		if err != nil {
			return err
		}
		result.group = f.RowGroups()[0]
		return nil
	})
	return result
}

// copyOldest waits for the row group that was started first and writes it.
func (e *parquetEncoder[T, R]) copyOldest() error {
	result := <-e.busy[0]
	e.busy = e.busy[1:]
	if result.err != nil {
		return result.err
	}
	_, err := e.out.WriteRowGroup(result.group)
	return err
}

func (e *parquetEncoder[T, R]) close() error {
	if err := e.flush(); err != nil {
		return err
	}
	for len(e.busy) > 0 {
		if err := e.copyOldest(); err != nil {
			return err
		}
	}
	return e.out.Close()
}
