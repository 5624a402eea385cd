package bases

import (
	"bytes"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/internal/parallel"
	"github.com/cultivar/cultivar/internal/quant"
	"github.com/cultivar/cultivar/internal/safetensors"
)

// Plain is a tensor as a checkpoint of plain numbers has it, under the name that it has in the base's
// files. Of one that is stored in fewer bits there is no Data, and DType is that of the embeddings.
type Plain struct {
	safetensors.Tensor
	widened func() ([]float32, error) // nil where Data holds the numbers
}

// Plain returns a tensor as a checkpoint of plain numbers has it. The base must stay open.
func (b *Base) Plain(name string) (Plain, error) {
	if !b.quantised(name) {
		t, err := b.Raw(name)
		t.Name = b.Stored(name)
		return Plain{Tensor: t}, err
	}
	v, err := b.Tensor(name)
	if err != nil {
		return Plain{}, err
	}
	shape, transposed := slices.Clone(v.Shape), v.Transposed
	n := len(shape)
	if transposed {
		shape[n-2], shape[n-1] = shape[n-1], shape[n-2]
	}
	values := func() ([]float32, error) {
		v, err := b.Tensor(name) // again: some repack themselves, and keep that
		if err != nil {
			return nil, err
		}
		out := widen(v.Quant)
		if transposed {
			out = turned(out, shape[n-1], shape[n-2])
		}
		return out, nil
	}
	return Plain{safetensors.Tensor{Name: b.Stored(name), DType: b.embeddingType(), Shape: shape}, values}, nil
}

// Microscaled returns the codes of a tensor that is stored as MXFP4 in a directory, if it is one.
func (b *Base) Microscaled(name string) (quant.Microscaled, bool) {
	d, ok := b.format.(*directory)
	if !ok {
		return quant.Microscaled{}, false
	}
	return d.packed.Microscaled(d.Stored(name))
}

// Widened reports whether the base has the tensor in fewer bits.
func (p Plain) Widened() bool { return p.widened != nil }

// Float32s returns the elements in memory of the caller's, in which nothing of the base's stays behind.
func (p Plain) Float32s() ([]float32, error) {
	if p.widened != nil {
		return p.widened()
	}
	return safetensors.Float32s(p.Tensor)
}

// embeddings is the tensor of the embeddings, if it is one of plain numbers.
func (b *Base) embeddings() (safetensors.Tensor, bool) {
	for _, name := range b.Tensors() {
		if strings.HasSuffix(name, "embed_tokens"+weightSuffix) && !b.quantised(name) {
			t, err := b.Raw(name)
			return t, err == nil
		}
	}
	return safetensors.Tensor{}, false
}

func (b *Base) embeddingType() string {
	if t, ok := b.embeddings(); ok {
		return t.DType
	}
	return safetensors.BF16
}

// RepeatsEmbeddings reports whether a tensor is the embeddings once more.
func (b *Base) RepeatsEmbeddings(name string) bool {
	e, ok := b.embeddings()
	t, err := b.Raw(name)
	return ok && err == nil && !b.quantised(name) && t.DType == e.DType && bytes.Equal(t.Data, e.Data)
}

// widen decodes a whole matrix.
func widen(t *quant.Tensor) []float32 {
	out := make([]float32, t.Rows*t.Cols)
	parallel.For(t.Rows, 16, func(lo, hi int) {
		for row := lo; row < hi; row++ {
			t.Decode(out[row*t.Cols:(row+1)*t.Cols], row, 0)
		}
	})
	return out
}

// turned transposes matrices that lie one behind the other.
func turned(in []float32, rows, cols int) []float32 {
	out := make([]float32, len(in))
	size := rows * cols
	for at := 0; at < len(in); at += size {
		for i := range rows {
			for j := range cols {
				out[at+j*rows+i] = in[at+i*cols+j]
			}
		}
	}
	return out
}
