package bases

import (
	"fmt"
	"slices"

	"github.com/cultivar/cultivar/bases/ggufarch"
	"github.com/cultivar/cultivar/internal/dtype"
	"github.com/cultivar/cultivar/internal/gguf"
	"github.com/cultivar/cultivar/internal/quant"
	"github.com/cultivar/cultivar/internal/safetensors"
)

// stackView is a published tensor that the file holds as one or two others. Two that are quantised are
// looked up where they are; of plain numbers a copy is made, see reorder.
func (w *ggufWeights) stackView(s ggufarch.Stack) (View, error) {
	files, shape, err := w.stackFiles(s)
	if err != nil {
		return View{}, fmt.Errorf("%s: %w", w.file.Path(), err)
	}
	v, err := w.stackOf(s, files, shape)
	if err != nil {
		return View{}, fmt.Errorf("%s: tensor %q: %w", w.file.Path(), s.Published, err)
	}
	v.Shape, v.Transposed = shape, s.Turned
	return v, nil
}

// stackFiles finds the parts of a stack, of one type and shape, and the shape of the whole: of matrices
// or of vectors, one for each expert.
func (w *ggufWeights) stackFiles(s ggufarch.Stack) ([]gguf.Tensor, []int, error) {
	var files []gguf.Tensor
	for _, name := range s.Files {
		t, ok := w.file.Tensor(name)
		if !ok {
			return nil, nil, fmt.Errorf("%w: %q", ErrNoTensor, name)
		}
		if first := append(files, t)[0]; t.Type != first.Type || !slices.Equal(t.Shape, first.Shape) {
			return nil, nil, fmt.Errorf("tensor %q is %v%v, its other part %v%v", name, t.Type, t.Shape, first.Type, first.Shape)
		}
		files = append(files, t)
	}
	shape := slices.Clone(files[0].Shape)
	if len(files[0].Data) == 0 || len(shape) == 0 {
		return nil, nil, fmt.Errorf("tensor %q is %v, want vectors or matrices", files[0].Name, shape)
	}
	if len(files) == 1 {
		return files, shape, nil
	}
	if len(shape) < 2 || len(shape) > 3 || shape[0] != w.model.Experts {
		return nil, nil, fmt.Errorf("tensor %q is %v, want a matrix or a vector for each of %d experts", files[0].Name, shape, w.model.Experts)
	}
	shape[1] *= len(files)
	return files, shape, nil
}

func (w *ggufWeights) stackOf(s ggufarch.Stack, files []gguf.Tensor, shape []int) (View, error) {
	typ, err := dtype.Parse(files[0].Type.String())
	plain := err == nil
	switch {
	case len(files) == 1 && plain:
		return plainView(typ, files[0])
	case len(files) == 1:
		return quantisedView(files[0], nil)
	case plain:
		whole := gguf.Tensor{Name: s.Published, Type: files[0].Type, Shape: shape, Data: w.joined(s, files, shape)}
		return plainView(typ, whole)
	}
	if len(shape) != 3 {
		return View{}, fmt.Errorf("vectors of %v", files[0].Type)
	}
	var parts []*quant.Tensor
	for _, t := range files {
		v, err := quantisedView(t, nil)
		if err != nil {
			return View{}, err
		}
		parts = append(parts, v.Quant)
	}
	q, err := quant.Join(parts...)
	if err != nil {
		return View{}, err
	}
	order := make([]int, 0, shape[0]*shape[1])
	each := shape[1] / len(files)
	for expert := range shape[0] {
		for i := range shape[1] {
			file, row := s.Row(i, shape[1])
			order = append(order, file*parts[0].Rows+expert*each+row)
		}
	}
	q, err = q.Select(order)
	return View{Quant: q}, err
}

// joined copies the rows of two tensors of plain numbers into their published order, once for as long
// as the base is open. The rows of vectors are their elements.
func (w *ggufWeights) joined(s ggufarch.Stack, files []gguf.Tensor, shape []int) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	if data := w.copied[s.Published]; data != nil {
		return data
	}
	size := len(files[0].Data) * len(files) / (shape[0] * shape[1])
	each := shape[1] / len(files)
	data := make([]byte, 0, len(files[0].Data)*len(files))
	for expert := range shape[0] {
		for i := range shape[1] {
			file, row := s.Row(i, shape[1])
			at := (expert*each + row) * size
			data = append(data, files[file].Data[at:at+size]...)
		}
	}
	w.copied[s.Published] = data
	return data
}

// rawStack is the parts of a stack, one after the other.
func (w *ggufWeights) rawStack(s ggufarch.Stack) (safetensors.Tensor, error) {
	files, shape, err := w.stackFiles(s)
	if err != nil {
		return safetensors.Tensor{}, fmt.Errorf("%s: %w", w.file.Path(), err)
	}
	t := safetensors.Tensor{Name: s.Published, DType: files[0].Type.String(), Shape: shape, Data: files[0].Data}
	if len(files) > 1 {
		t.Data = slices.Concat(files[0].Data, files[1].Data)
	}
	return t, nil
}
