// Package source is where raw files come from. A source yields files in a stable order, so that the
// same input gives the same rows; it knows nothing of formats. Each kind of source is one file here.
package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// File is one raw file of a source. It is cheap until read.
type File struct {
	Path string // slash-separated, relative to the source's root; the identity of the file there
	Size int64  // bytes, as listed; the file may have changed since
	Open func() (io.ReadCloser, error)
}

// TooLargeError says that a file is larger than the limit. It was not read, or not to its end.
type TooLargeError struct {
	Size  int64 // as listed, or limit+1 when the file grew while it was read
	Limit int64
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("file of %d bytes is over the limit of %d", e.Size, e.Limit)
}

// Read returns the whole content, or a *TooLargeError when that is more than limit bytes.
func (f File) Read(limit int64) (data []byte, err error) {
	if f.Size > limit {
		return nil, &TooLargeError{Size: f.Size, Limit: limit}
	}
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", f.Path, err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	buf := bytes.NewBuffer(make([]byte, 0, f.Size+bytes.MinRead)) // room to see the end without growing
	if _, err = buf.ReadFrom(io.LimitReader(r, limit+1)); err != nil {
		return nil, fmt.Errorf("read %s: %w", f.Path, err)
	}
	if n := int64(buf.Len()); n > limit {
		return nil, &TooLargeError{Size: n, Limit: limit}
	}
	return buf.Bytes(), nil
}

// Head returns the beginning of the content, n bytes or what there is.
func (f File) Head(n int) (head []byte, err error) {
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", f.Path, err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	head, err = io.ReadAll(io.LimitReader(r, int64(n)))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.Path, err)
	}
	return head, nil
}

// Config says which files of a source are taken.
type Config struct {
	// Size over which a file is excluded unread; files of rows are read row by row whatever their size.
	MaxFileBytes int64 `yaml:"max_file_bytes" json:"max_file_bytes"`
	// Patterns to leave out, in the syntax of .cultivarignore, relative to the source.
	Ignore []string `yaml:"ignore" json:"ignore"`
	// Take files and folders whose names start with a dot; those of version control never.
	Hidden bool `yaml:"hidden" json:"hidden"`
}

// DefaultConfig takes everything that is not hidden, up to 64 MiB a file.
func DefaultConfig() Config { return Config{MaxFileBytes: 64 << 20} }

// Validate reports every setting that cannot work, by its path.
func (c Config) Validate() error {
	var errs []error
	if c.MaxFileBytes < 1 {
		errs = append(errs, fmt.Errorf("max_file_bytes: %d is not positive", c.MaxFileBytes))
	}
	for i, line := range c.Ignore {
		if _, _, err := parsePattern(line); err != nil {
			errs = append(errs, fmt.Errorf("ignore[%d]: %w", i, err))
		}
	}
	return errors.Join(errs...)
}
