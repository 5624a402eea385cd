// Package gguf reads and writes GGUF, the file format of ggml and llama.cpp: typed metadata under
// keys, then tensors. It knows the format and no model; what keys and tensor names mean is in
// package arch below it.
//
// The format (github.com/ggml-org/ggml, docs/gguf.md), little-endian throughout: the magic "GGUF", a
// version, the numbers of tensors and of metadata pairs, the pairs, then a name, dimensions, a type
// and an offset for each tensor, then the data, each tensor at a multiple of the alignment. Files
// come from strangers: the whole header is validated before anything is handed out, lengths are held
// against what the file has before memory is taken for them, and errors name the key or tensor.
//
// # Lifetime
//
// Tensor data is the file itself, mapped read-only: opening is cheap, pages are read when touched,
// and nothing may write to the bytes. They are valid until Close; using them afterwards crashes, as
// does truncating the file while it is open. Metadata is copied and outlives the file.
package gguf

import (
	"errors"
	"io"
	"slices"

	"github.com/cultivar/cultivar/internal/bounded"
	"github.com/cultivar/cultivar/internal/mapped"
)

// ErrNotGGUF means that a file does not begin as GGUF files do.
var ErrNotGGUF = errors.New("not a GGUF file")

// magic is the first four bytes of every file.
const magic = "GGUF"

// Tensor is one array of a file. Data is shared and read-only, see the package's Lifetime section.
type Tensor struct {
	Name  string
	Type  Type
	Shape []int  // row-major, the last dimension varies fastest: the reverse of the order in the file
	Data  []byte // rows of whole blocks, densely packed
}

// Len is the number of elements.
func (t Tensor) Len() int {
	n := 1
	for _, d := range t.Shape {
		n *= d // cannot overflow: the header's check bounded it
	}
	return n
}

// File is an open GGUF file. Its methods are safe for concurrent use, Close excepted.
type File struct {
	path    string
	version uint32
	keys    []string // in the order of the file
	values  map[string]value
	names   []string // in the order of the file
	tensors map[string]Tensor
	close   func() error
}

// Is reports whether the file at path begins as GGUF files do.
func Is(path string) bool {
	f, err := bounded.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	var head [len(magic)]byte
	_, err = io.ReadFull(f, head[:])
	return err == nil && string(head[:]) == magic
}

// Open maps the file at path and validates its header.
func Open(path string) (*File, error) {
	data, unmap, err := mapped.Open(path)
	if err != nil {
		return nil, err
	}
	file, err := Parse(path, data)
	if err != nil {
		_ = unmap()
		return nil, err
	}
	file.close = unmap
	return file, nil
}

// Path is the name the file was opened under.
func (f *File) Path() string { return f.path }

// Version is the version of the format: 2 or 3.
func (f *File) Version() uint32 { return f.version }

// Tensors returns the names of the tensors in the order of the file. The caller must not change the
// slice.
func (f *File) Tensors() []string { return f.names }

// Tensor returns the tensor with that name.
func (f *File) Tensor(name string) (Tensor, bool) {
	t, ok := f.tensors[name]
	t.Shape = slices.Clone(t.Shape)
	return t, ok
}

// Close unmaps the file. Tensors obtained from it must no longer be used. Closing twice is harmless.
func (f *File) Close() error {
	if f.close == nil {
		return nil
	}
	unmap := f.close
	f.close, f.names, f.tensors = nil, nil, nil
	return unmap()
}
