package table

import (
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/parquet-go/parquet-go"

	"github.com/cultivar/cultivar/internal/bounded"
)

// Read yields the rows of the files, one file after the other, in their order. A directory stands
// for its *.parquet files in order of name. The first error ends it; errors about a file's content
// are *CorruptError. Columns of other names are passed over, absent ones read as zero.
func Read[T Row](paths ...string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, path := range paths {
			files, err := shards(path)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, file := range files {
				if !readFile(file, yield) {
					return
				}
			}
		}
	}
}

// shards lists the files a path stands for.
func shards(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []string{path}, err
	}
	files, err := fs.Glob(os.DirFS(path), "*.parquet") // in order of name
	for i, name := range files {
		files[i] = filepath.Join(path, name)
	}
	return files, err
}

// readFile reports whether to go on with the next file.
func readFile[T Row](path string, yield func(T, error) bool) bool {
	var none T
	f, err := bounded.Open(path)
	if err != nil {
		return yield(none, err) && false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return yield(none, err) && false
	}
	for row, err := range ReadAt[T](path, f, info.Size()) {
		if !yield(row, err) || err != nil {
			return false
		}
	}
	return true
}

// ReadAt yields the rows of one file that the caller has open; name stands for it in errors. It is
// safe to run several on one r, which must allow parallel calls, as io.ReaderAt demands.
func ReadAt[T Row](name string, r io.ReaderAt, size int64) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		f, err := open[T](r, size)
		if err != nil {
			yield(none, &CorruptError{name, err})
			return
		}
		ahead := readAhead[T]{file: f, groups: f.RowGroups(), quit: make(chan struct{})}
		defer ahead.stop()
		for i := range ahead.groups {
			for b := range ahead.group(i) {
				for _, row := range b.rows {
					if !yield(row, nil) {
						return
					}
				}
				if b.err != nil {
					yield(none, &CorruptError{name, b.err})
					return
				}
			}
		}
	}
}

func open[T Row](r io.ReaderAt, size int64) (f *parquet.File, err error) {
	err = Guard(func() error {
		f, err = OpenParquet(r, size, formatOf[T]().needs, parquet.SkipBloomFilters(true))
		return err
	})
	return f, err
}

// Guard turns a panic of the Parquet library into an error: on some damaged files it indexes out of
// range, and it reads through unsafe pointers, so that faults become panics too while f runs.
// Runtime errors of ours inside f would be hidden, so f holds calls into the library and no more.
func Guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("decode: %v", r)
		}
	}()
	return f()
}
