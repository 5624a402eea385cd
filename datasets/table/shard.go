package table

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// shardFile is a file that appears under its name when it is whole and on disk, or never.
type shardFile struct {
	path string
	temp *os.File
	buf  *bufio.Writer
	size int64
}

func createShard(dir, name string) (*shardFile, error) {
	path := filepath.Join(dir, name)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(err, fs.ErrExist)
	}
	temp, err := os.OpenFile(filepath.Join(dir, "."+name+".tmp-"+rand.Text()[:12]), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	return &shardFile{path: path, temp: temp, buf: bufio.NewWriterSize(temp, 1<<18)}, nil
}

func (f *shardFile) Write(p []byte) (int, error) {
	n, err := f.buf.Write(p)
	f.size += int64(n)
	return n, err
}

// commit puts the file in place and returns its size. After an error nothing is left.
func (f *shardFile) commit() (int64, error) {
	// A full disk may be reported by any of the three.
	err := f.buf.Flush()
	if err == nil {
		err = f.temp.Sync()
	}
	if err = errors.Join(err, f.temp.Close()); err == nil {
		err = os.Rename(f.temp.Name(), f.path)
	}
	if err != nil {
		_ = os.Remove(f.temp.Name())
		return 0, err
	}
	return f.size, syncDir(filepath.Dir(f.path))
}

func (f *shardFile) abort() {
	_ = f.temp.Close()
	_ = os.Remove(f.temp.Name())
}

// syncDir makes a rename durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}
