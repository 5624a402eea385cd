//go:build !unix

package mapped

import "os"

// mapFile reads the file into memory where mapping is not to be had.
func mapFile(f *os.File, size int) (data []byte, unmap func() error, err error) {
	data = make([]byte, size)
	if _, err := f.ReadAt(data, 0); err != nil && size > 0 {
		return nil, nil, err
	}
	return data, func() error { return nil }, nil
}

// Forget does nothing where files are not mapped.
func Forget([]byte) {}
