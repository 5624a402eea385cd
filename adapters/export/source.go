package export

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/internal/safetensors"
)

// Quantised is a base of which weights are stored in fewer bits. Which tensors those are made of, and
// how they widen, another room knows (bases).
type Quantised interface {
	// Tensors returns the names of all tensors, a quantised weight under the one that it has in a
	// checkpoint of plain numbers.
	Tensors() []string
	// Raw returns a tensor of plain numbers.
	Raw(name string) (safetensors.Tensor, error)
	// Widened returns the shape of a quantised weight in a checkpoint of plain numbers, and what
	// computes its elements into memory of the caller's. values is nil where the tensor is plain.
	Widened(name string) (shape []int, values func() ([]float32, error), err error)
}

// source is the weights of a model directory as a checkpoint of plain numbers has them.
type source struct {
	*safetensors.Sharded
	names   []string // sorted
	tensors map[string]tensor
}

// tensor is a weight of a source. Of one that is widened there is no Data, and its DType is what it is
// stored as where no other type is asked for: that of the embeddings.
type tensor struct {
	safetensors.Tensor
	widened func() ([]float32, error) // nil where Data holds the numbers
}

// openSource opens the weights in dir, of which q knows the quantised ones; nil where there are none.
func openSource(dir string, q Quantised) (*source, error) {
	files, err := safetensors.OpenSharded(dir)
	if err != nil {
		return nil, err
	}
	s := &source{Sharded: files, names: files.Tensors(), tensors: map[string]tensor{}}
	if q != nil {
		s.names = slices.Sorted(slices.Values(q.Tensors()))
	}
	for _, name := range s.names {
		t, err := s.open(name, q)
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, errors.Join(err, files.Close()))
		}
		s.tensors[name] = t
	}
	s.typeWidened()
	return s, nil
}

func (s *source) open(name string, q Quantised) (tensor, error) {
	if q == nil {
		t, _ := s.Sharded.Tensor(name)
		return tensor{Tensor: t}, nil
	}
	shape, values, err := q.Widened(name)
	if err != nil {
		return tensor{}, err
	}
	if values != nil {
		return tensor{safetensors.Tensor{Name: name, Shape: shape}, values}, nil
	}
	t, err := q.Raw(name)
	t.Name = name
	return tensor{Tensor: t}, err
}

// typeWidened gives widened weights the type of the embeddings.
func (s *source) typeWidened() {
	stored := safetensors.BF16
	for name, t := range s.tensors {
		if strings.HasSuffix(name, "embed_tokens"+weightSuffix) && t.widened == nil {
			stored = t.DType
		}
	}
	for name, t := range s.tensors {
		if t.widened != nil {
			t.DType = stored
			s.tensors[name] = t
		}
	}
}

// Tensors returns the names of all tensors, sorted.
func (s *source) Tensors() []string { return s.names }

// Tensor returns a tensor by its name.
func (s *source) Tensor(name string) (tensor, bool) {
	t, ok := s.tensors[name]
	return t, ok
}

// float32s returns the elements in memory of the caller's.
func (t tensor) float32s() ([]float32, error) {
	if t.widened != nil {
		return t.widened()
	}
	return safetensors.Float32s(t.Tensor)
}

// repeats reports whether a tensor is the embeddings once more.
func (s *source) repeats(name string) bool {
	t := s.tensors[name]
	for other, e := range s.tensors {
		if strings.HasSuffix(other, "embed_tokens"+weightSuffix) {
			return t.widened == nil && e.widened == nil && t.DType == e.DType && bytes.Equal(t.Data, e.Data)
		}
	}
	return false
}
