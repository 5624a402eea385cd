package table

import (
	"errors"
	"fmt"
	"path/filepath"
)

// Options say where files and row groups are cut. Zero values stand for the defaults.
type Options struct {
	// RowGroupBytes is the most that the rows of a row group weigh before encoding: default 32 MiB,
	// at most 128 MiB.
	RowGroupBytes int
	// ShardBytes is the same for a file: default 512 MiB.
	ShardBytes int
}

const (
	defaultRowGroup = 32 << 20
	maxRowGroupSize = 128 << 20
	defaultShard    = 512 << 20
)

func (o Options) withDefaults() (Options, error) {
	if o.RowGroupBytes == 0 {
		o.RowGroupBytes = defaultRowGroup
	}
	if o.ShardBytes == 0 {
		o.ShardBytes = defaultShard
	}
	if o.RowGroupBytes < 0 || o.RowGroupBytes > maxRowGroupSize || o.ShardBytes < 0 {
		return o, fmt.Errorf("row groups of %d bytes, shards of %d: out of range", o.RowGroupBytes, o.ShardBytes)
	}
	return o, nil
}

// Writer writes the rows of one kind to a directory, in shards. It is not safe for concurrent use:
// the order of Write is the order of the rows.
type Writer[T Row] struct {
	dir    string
	opts   Options
	format format[T]
	file   *shardFile
	enc    encoder[T]
	group  int // bytes in the open row group
	shard  int // bytes in the open shard
	done   []Shard
	rows   int64 // in the open shard
	err    error
}

// Shard describes a finished file.
type Shard struct {
	Name string // base name
	Size int64
	Rows int64
}

// Create starts a table in an existing directory. Shards of an earlier table there are an error.
func Create[T Row](dir string, opts Options) (*Writer[T], error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Writer[T]{dir: dir, opts: opts, format: formatOf[T]()}, nil
}

// Write appends a row. After an error the table is lost: Abort is all that is left.
func (w *Writer[T]) Write(row T) error {
	if w.err != nil {
		return w.err
	}
	if err := w.write(row); err != nil {
		w.err = fmt.Errorf("write %s, row %d: %w", filepath.Join(w.dir, w.shardName()), w.rows, err)
	}
	return w.err
}

func (w *Writer[T]) write(row T) error {
	size, err := w.format.size(row)
	if err != nil {
		return err
	}
	if size > maxRowGroupSize {
		return fmt.Errorf("row of %d bytes is larger than a row group of %d", size, maxRowGroupSize)
	}
	if w.file == nil {
		if err := w.start(); err != nil {
			return err
		}
	}
	switch {
	case w.rows > 0 && w.shard+size > w.opts.ShardBytes:
		if err := w.finish(); err != nil {
			return err
		}
		if err := w.start(); err != nil {
			return err
		}
	case w.group > 0 && w.group+size > w.opts.RowGroupBytes:
		if err := w.enc.flush(); err != nil {
			return err
		}
		w.group = 0
	}
	if err := w.enc.add(row); err != nil {
		return err
	}
	w.group += size
	w.shard += size
	w.rows++
	return nil
}

// Close finishes the last shard and returns all of them. A table without rows has one shard without
// rows, so that readers of *.parquet find the schema.
func (w *Writer[T]) Close() ([]Shard, error) {
	if w.err != nil {
		return nil, w.err
	}
	w.err = w.close()
	if w.err != nil {
		return nil, w.err
	}
	w.err = errClosed
	return w.done, nil
}

func (w *Writer[T]) close() error {
	if w.file == nil {
		if err := w.start(); err != nil {
			return fmt.Errorf("write %s: %w", filepath.Join(w.dir, w.shardName()), err)
		}
	}
	if err := w.finish(); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Join(w.dir, w.shardName()), err)
	}
	return nil
}

// Abort drops the shard that is being written; it does nothing after Close, nor to a table that is nil.
func (w *Writer[T]) Abort() {
	if w == nil {
		return
	}
	if w.file != nil {
		w.file.Abort()
		w.file = nil
	}
	if w.err == nil {
		w.err = errClosed
	}
}

var errClosed = errors.New("table is closed")

func (w *Writer[T]) shardName() string {
	return fmt.Sprintf("%s-%05d.parquet", w.format.name, len(w.done))
}

func (w *Writer[T]) start() error {
	file, err := createShard(w.dir, w.shardName())
	if err != nil {
		return err
	}
	w.file, w.enc = file, w.format.newEncoder(file)
	w.group, w.shard, w.rows = 0, 0, 0
	return nil
}

func (w *Writer[T]) finish() error {
	if err := w.enc.close(); err != nil {
		return err
	}
	if err := w.file.Commit(); err != nil {
		return err
	}
	w.done = append(w.done, Shard{Name: w.shardName(), Size: w.file.size, Rows: w.rows})
	w.file, w.enc = nil, nil
	return nil
}
