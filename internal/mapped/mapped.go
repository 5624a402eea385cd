// Package mapped opens files as memory: the bytes of a file that is mapped read-only, or read where
// files cannot be mapped. Opening is cheap, pages are read when touched, and nothing may write to them.
package mapped

import (
	"fmt"

	"github.com/cultivar/cultivar/internal/bounded"
)

// Open returns the content of the file at path, which must be a regular one. It is valid until unmap
// is called; using it afterwards crashes, as does truncating the file before.
func Open(path string) (data []byte, unmap func() error, err error) {
	f, err := bounded.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = f.Close() }() // a mapping outlives its descriptor
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s: not a regular file", path)
	}
	if info.Size() != int64(int(info.Size())) {
		return nil, nil, fmt.Errorf("%s: %d bytes do not fit into this machine's address space", path, info.Size())
	}
	data, unmap, err = mapFile(f, int(info.Size()))
	if err != nil {
		return nil, nil, fmt.Errorf("map %s: %w", path, err)
	}
	return data, unmap, nil
}
