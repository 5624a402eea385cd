package table

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cultivar/cultivar/internal/atomicfile"
)

// shardFile is a file that appears under its name when it is whole and on disk, or never.
type shardFile struct {
	*atomicfile.File
	size int64 // bytes written
}

// createShard begins a file whose name must be free.
func createShard(dir, name string) (*shardFile, error) {
	path := filepath.Join(dir, name)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(err, fs.ErrExist)
	}
	f, err := atomicfile.Create(path)
	if err != nil {
		return nil, err
	}
	return &shardFile{File: f}, nil
}

// Write appends to the file.
func (f *shardFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	f.size += int64(n)
	return n, err
}
