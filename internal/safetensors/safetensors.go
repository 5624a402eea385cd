// Package safetensors reads and writes the safetensors format and the sharded checkpoints made of
// it. It knows no model: tensors are names, types, shapes and bytes.
//
// The format (github.com/huggingface/safetensors, README "Format"): a little-endian uint64 N, N
// bytes of JSON {name: {"dtype", "shape", "data_offsets": [begin, end]}} with an optional string
// map "__metadata__", then the data, row-major and little-endian. Files come from strangers: all of
// the header is validated before a tensor is handed out, and errors name the file, the tensor and
// what is wrong with it.
//
// # Lifetime
//
// Tensor data is the file itself, mapped read-only: opening is cheap, pages are read when touched,
// and nothing may write to the bytes. They are valid until Close; using them afterwards crashes, as
// does truncating the file while it is open, so weights must be replaced by renaming, never in
// place.
package safetensors

import (
	"fmt"
	"maps"
	"slices"

	"github.com/cultivar/cultivar/internal/mapped"
)

// Tensor is one array of a file. Data is shared and read-only, see the package's Lifetime section.
type Tensor struct {
	Name  string
	DType string // the format's name, e.g. F32, BF16
	Shape []int  // empty for a scalar
	Data  []byte // row-major, little-endian, densely packed
}

// Len is the number of elements.
func (t Tensor) Len() int {
	n := 1
	for _, d := range t.Shape {
		n *= d // cannot overflow: the header's check bounded it
	}
	return n
}

// File is an open safetensors file. Its methods are safe for concurrent use, Close excepted.
type File struct {
	path   string
	header *header
	names  []string
	data   []byte // the whole file
	close  func() error
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

// Parse reads a file that is already in memory; name is for errors. The tensors share data.
func Parse(name string, data []byte) (*File, error) {
	h, err := parseHeader(data, int64(len(data)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &File{
		path:   name,
		header: h,
		names:  slices.Sorted(maps.Keys(h.spans)),
		data:   data,
		close:  func() error { return nil },
	}, nil
}

// Path is the name the file was opened under.
func (f *File) Path() string { return f.path }

// Tensors returns the names of the tensors, sorted. The caller must not change the slice.
func (f *File) Tensors() []string { return f.names }

// Tensor returns the tensor with that name.
func (f *File) Tensor(name string) (Tensor, bool) {
	s, ok := f.header.spans[name]
	if !ok {
		return Tensor{}, false
	}
	at := f.header.start
	data := f.data[at+s.begin : at+s.end : at+s.end]
	return Tensor{Name: name, DType: s.dtype, Shape: slices.Clone(s.shape), Data: data}, true
}

// Metadata returns a copy of the header's free-form strings; it is never nil.
func (f *File) Metadata() map[string]string {
	m := maps.Clone(f.header.metadata)
	if m == nil {
		m = map[string]string{}
	}
	return m
}

// Close unmaps the file. Tensors obtained from it must no longer be used. Closing twice is harmless.
func (f *File) Close() error {
	if f.close == nil {
		return nil
	}
	unmap := f.close
	f.close, f.data = nil, nil
	f.header, f.names = &header{}, nil
	return unmap()
}
