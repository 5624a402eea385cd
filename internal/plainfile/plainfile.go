// Package plainfile opens files that must be plain ones. A pipe would be waited on, a device has no end, and a
// link leads to what has another name; where data is kept, none of them is data.
package plainfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// Open opens a plain file for reading. Anything else in its place is fs.ErrNotExist, and is not waited on.
func Open(path string) (*os.File, fs.FileInfo, error) {
	return open(path, os.Lstat, os.OpenFile)
}

// OpenIn is Open within a root, from which no link leads out.
func OpenIn(root *os.Root, path string) (*os.File, fs.FileInfo, error) {
	return open(path, root.Lstat, root.OpenFile)
}

func open(path string, lstat func(string) (fs.FileInfo, error), openFile func(string, int, fs.FileMode) (*os.File, error)) (*os.File, fs.FileInfo, error) {
	named, err := lstat(path)
	if err != nil {
		return nil, nil, err
	}
	if !named.Mode().IsRegular() {
		return nil, nil, notPlain(path)
	}
	f, err := openFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() { // it was replaced meanwhile
		err = notPlain(path)
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, info, nil
}

func notPlain(path string) error {
	return fmt.Errorf("%w: %s is not a plain file", fs.ErrNotExist, path)
}
