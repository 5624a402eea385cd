package bases

import (
	"fmt"
	"slices"

	"github.com/cultivar/cultivar/internal/parallel"
	"github.com/cultivar/cultivar/internal/quant"
)

// QuantMethod names how weights of the base are stored in fewer bits, "" where none is: a quant_method
// of config.json, or the types of a GGUF file.
func (b *Base) QuantMethod() string {
	switch {
	case b.quantised != nil:
		return b.quantised.method
	case b.gguf != nil:
		return b.gguf.quantTypes()
	}
	return ""
}

// Widened returns the shape that a quantised weight has in a checkpoint of plain numbers, and what
// computes its elements into memory of the caller's, in which nothing of it stays behind. values is nil
// where the tensor is plain. The base must stay open.
func (b *Base) Widened(name string) (shape []int, values func() ([]float32, error), err error) {
	v, err := b.quantisedView(name)
	if err != nil || v.Quant == nil {
		return nil, nil, err
	}
	shape, transposed := slices.Clone(v.Shape), v.Transposed
	n := len(shape)
	if transposed {
		shape[n-2], shape[n-1] = shape[n-1], shape[n-2]
	}
	return shape, func() ([]float32, error) {
		v, err := b.quantisedView(name) // again: some repack themselves, and keep that
		if err != nil {
			return nil, err
		}
		out := widen(v.Quant)
		if transposed {
			out = turned(out, shape[n-1], shape[n-2])
		}
		return out, nil
	}, nil
}

// quantisedView is a view of a tensor that is quantised, an empty one of others: those may have types
// that no view has.
func (b *Base) quantisedView(name string) (View, error) {
	if b.gguf == nil {
		if _, ok := b.quantised.weight(b.stored(name)); !ok {
			if !b.Has(name) {
				return View{}, fmt.Errorf("%s: %w: %q", b.dir, ErrNoTensor, name)
			}
			return View{}, nil
		}
	}
	return b.Tensor(name)
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
