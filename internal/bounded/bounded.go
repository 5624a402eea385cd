// Package bounded opens files that somebody else made, and reads them into memory: to a limit, and never past it.
package bounded

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// TooLargeError says that a file is larger than its reader takes. It was not read, or not to its end.
type TooLargeError struct {
	Name        string
	Size, Limit int64 // bytes; Size is as far as it was read where the system knows no size
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("%s: %d bytes, more than the %d that it may have", e.Name, e.Size, e.Limit)
}

// Open opens the file at path for reading. A pipe, a socket or a device is refused, and never waited for, unless it is
// given by its name in /dev, as a shell does where a command stands for a file.
func Open(path string) (*os.File, error) {
	if strings.HasPrefix(path, "/dev/") {
		return os.Open(path)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // which makes no difference to files
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		err = fmt.Errorf("%s: is a pipe, a socket or a device, not a file", path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// ReadFile returns the content of the file at path, or a *TooLargeError when that is more than limit
// bytes.
func ReadFile(path string, limit int64) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return Read(f, limit)
}

// Read is ReadFile of a file that is open and was not read yet. It stays open.
func Read(f *os.File, limit int64) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	size := info.Size()
	if size <= limit {
		buf := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead)) // room to see the end without growing
		if _, err := buf.ReadFrom(io.LimitReader(f, limit+1)); err != nil {
			return nil, err
		}
		if size = int64(buf.Len()); size <= limit { // it may have grown, and a device has no size
			return buf.Bytes(), nil
		}
	}
	return nil, &TooLargeError{Name: f.Name(), Size: size, Limit: limit}
}
