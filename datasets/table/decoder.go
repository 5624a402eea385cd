package table

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/cultivar/cultivar/internal/parallel"
	"github.com/parquet-go/parquet-go"
	footer "github.com/parquet-go/parquet-go/format"
)

// Batch is how many rows come out of the library at once: enough to hide the cost of a call, few
// enough that long documents do not pile up.
const Batch = 64

// parquetDecoder reads stored rows R of one row group and converts them to T.
type parquetDecoder[T Row, R any] struct {
	r      *parquet.GenericReader[R]
	schema *parquet.Schema
	kinds  []parquet.Kind // of the leaf columns
	caps   []int          // of the leaf columns: the level down to which the file has them
	load   func(R) T
	buf    []parquet.Row
}

func newDecoder[T Row, R any](load func(R) T) func(parquet.RowGroup) decoder[T] {
	return func(group parquet.RowGroup) decoder[T] {
		d := &parquetDecoder[T, R]{
			r:    parquet.NewGenericRowGroupReader[R](group),
			load: load,
			buf:  make([]parquet.Row, Batch),
		}
		d.schema = d.r.Schema()
		for _, path := range d.schema.Columns() {
			leaf, _ := d.schema.Lookup(path...)
			d.kinds = append(d.kinds, leaf.Node.Type().Kind())
			d.caps = append(d.caps, levelInFile(d.schema, group.Schema(), path))
		}
		return d
	}
}

func (d *parquetDecoder[T, R]) seek(row int64) error { return d.r.SeekToRow(row) }

func (d *parquetDecoder[T, R]) read(rows []T) (int, error) {
	n, err := d.r.ReadRows(d.buf[:min(len(rows), len(d.buf))])
	for i, values := range d.buf[:n] {
		d.empty(values)
		if err := d.check(values); err != nil {
			return i, err
		}
		var row R
		if err := d.schema.Reconstruct(&row, values); err != nil {
			return i, err
		}
		rows[i] = d.load(row)
	}
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// levelInFile returns the definition level of the deepest node on the way to a leaf that the file
// has; -1 when it has the leaf.
func levelInFile(ours, file parquet.Node, path []string) int {
	level := 0
	for _, name := range path {
		ours, file = child(ours, name), child(file, name)
		if file == nil {
			return level
		}
		if ours.Optional() || ours.Repeated() {
			level++
		}
	}
	return -1
}

func child(n parquet.Node, name string) parquet.Node {
	for _, f := range n.Fields() {
		if f.Name() == name {
			return f
		}
	}
	return nil
}

// empty makes columns that the file does not have null or empty: for one in a list or an optional one
// the library hands out a zero as if it were there.
func (d *parquetDecoder[T, R]) empty(values parquet.Row) {
	for i, v := range values {
		at := v.Column()
		if at < 0 || at >= len(d.caps) || d.caps[at] < 0 || v.DefinitionLevel() <= d.caps[at] {
			continue
		}
		values[i] = parquet.Value{}.Level(v.RepetitionLevel(), d.caps[at], at)
	}
}

// check holds a row to the schema: values of every column, in order, each of its kind. Where a
// damaged page header claims fewer values than the row group has rows, the library hands out rows
// with gaps and would then take a number for the length of a string.
func (d *parquetDecoder[T, R]) check(values parquet.Row) error {
	next := 0
	for _, v := range values {
		switch v.Column() {
		case next:
			next++
		case next - 1: // a repeated column
		default:
			return errors.New("row has values of a wrong column")
		}
		if next == 0 || next > len(d.kinds) || !v.IsNull() && v.Kind() != d.kinds[next-1] {
			return errors.New("row has a value of a wrong type")
		}
	}
	if next != len(d.kinds) {
		return errors.New("row ends early")
	}
	return nil
}

func (d *parquetDecoder[T, R]) close() error { return d.r.Close() }

// readAhead decodes the row groups of a file at once and hands them out in order. Up to maxBusy of
// them are in memory; one that is larger than ours can be waits for its reader instead.
type readAhead[T Row] struct {
	file    *parquet.File
	groups  []parquet.RowGroup
	started []chan decoded[T] // of the first row groups
	quit    chan struct{}
	work    sync.WaitGroup
}

// decoded is a batch of rows, and what went wrong after them.
type decoded[T Row] struct {
	rows []T
	err  error
}

// group returns the batches of row group i and starts on those after it.
func (a *readAhead[T]) group(i int) <-chan decoded[T] {
	for len(a.started) < min(len(a.groups), i+min(parallel.Workers(), maxBusy)) {
		group := a.groups[len(a.started)]
		batches := make(chan decoded[T], ahead(&a.file.Metadata().RowGroups[len(a.started)]))
		a.started = append(a.started, batches)
		a.work.Go(func() {
			defer close(batches)
			a.decode(group, batches)
		})
	}
	return a.started[i]
}

// ahead is how many batches may wait: all of a row group of ours, which is bounded, and few of one
// that may be anything.
func ahead(group *footer.RowGroup) int {
	size := int64(0)
	for i := range group.Columns {
		size += group.Columns[i].MetaData.TotalUncompressedSize
	}
	if size > maxRowGroupSize {
		return 1
	}
	return int(min(group.NumRows/Batch+1, 1<<16))
}

// stop ends the goroutines and waits for them: they read a file that the caller may close.
func (a *readAhead[T]) stop() {
	close(a.quit)
	a.work.Wait()
}

func (a *readAhead[T]) decode(group parquet.RowGroup, out chan<- decoded[T]) {
	send := func(b decoded[T]) bool {
		select {
		case out <- b:
			return true
		case <-a.quit:
			return false
		}
	}
	var d decoder[T]
	if err := Guard(func() error { d = formatOf[T]().newDecoder(group); return nil }); err != nil {
		send(decoded[T]{err: err})
		return
	}
	defer func() { _ = Guard(d.close) }()
	for left := group.NumRows(); left > 0; {
		rows := make([]T, Batch)
		n := 0
		err := Guard(func() (err error) { n, err = d.read(rows); return err })
		if err == nil && (n == 0 || int64(n) > left) {
			err = fmt.Errorf("row group has other than %d rows", group.NumRows())
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if !send(decoded[T]{rows[:n], err}) || err != nil {
			return
		}
		left -= int64(n)
	}
}
