package export

import (
	"fmt"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/bases/ggufarch"
	"github.com/cultivar/cultivar/internal/gguf"
	"github.com/cultivar/cultivar/internal/quant"
	"github.com/cultivar/cultivar/internal/safetensors"
)

// unstack makes the tensors of a file of a published one.
func (g *gathering) unstack(s ggufarch.Stack, name string, t bases.Plain) error {
	l, err := spreadOf(s, t.Tensor, g.model.Experts)
	if err != nil {
		return err
	}
	codes, microscaled := g.base.Microscaled(name)
	for i, file := range s.Files {
		x := ggufTensor{name: file, shape: l.shape(), parts: make([]string, max(l.experts, 1)), stack: s, file: i, quantised: t.Widened(), load: func() ([]float32, error) {
			values, err := t.Float32s()
			if err != nil {
				return nil, err
			}
			return l.pick(values, i), nil
		}}
		if microscaled {
			x.typ, x.packed = gguf.MXFP4, func() ([]byte, error) { return l.pack(codes, i) }
		}
		g.list = append(g.list, x)
	}
	return nil
}

// spread is how the rows of a published tensor are spread over those of a file.
type spread struct {
	ggufarch.Stack
	experts int // 0 where the tensor is one vector
	rows    int // of an expert, in all files
	cols    int // 1 of vectors
	vectors bool
}

func spreadOf(s ggufarch.Stack, t safetensors.Tensor, experts int) (spread, error) {
	l := spread{Stack: s, experts: experts, cols: 1, vectors: len(t.Shape) < 3}
	switch shape := t.Shape; {
	case len(shape) == 1 && len(s.Files) == 1:
		l.experts, l.rows = 0, shape[0]
		return l, nil
	case len(shape) == 2:
		l.rows = shape[1]
	case len(shape) == 3 && s.Turned:
		l.rows, l.cols = shape[2], shape[1]
	case len(shape) == 3:
		l.rows, l.cols = shape[1], shape[2]
	}
	if l.rows < 1 || t.Shape[0] != experts || l.rows%len(s.Files) != 0 {
		return l, fmt.Errorf("tensor %q is %v, which is not of %d experts", t.Name, t.Shape, experts)
	}
	return l, nil
}

// shape is that of each of the files' tensors.
func (l spread) shape() []int {
	rows := l.rows / len(l.Files)
	switch {
	case l.experts == 0:
		return []int{rows}
	case l.vectors:
		return []int{l.experts, rows}
	}
	return []int{l.experts, rows, l.cols}
}

// each calls f for the rows of one file: with their number there and in the published tensor, experts
// one after the other.
func (l spread) each(file int, f func(to, from int)) {
	rows := l.rows / len(l.Files)
	for e := range max(l.experts, 1) {
		for i := range l.rows {
			if of, row := l.Row(i, l.rows); of == file {
				f(e*rows+row, e*l.rows+i)
			}
		}
	}
}

// pick takes the rows of one file out of the elements of the published tensor.
func (l spread) pick(values []float32, file int) []float32 {
	out := make([]float32, len(values)/len(l.Files))
	l.each(file, func(to, from int) {
		dst := out[to*l.cols : (to+1)*l.cols]
		if !l.Turned || l.vectors {
			copy(dst, values[from*l.cols:])
			return
		}
		expert, column := from/l.rows, from%l.rows
		for c := range dst {
			dst[c] = values[(expert*l.cols+c)*l.rows+column]
		}
	})
	return out
}

// pack takes the rows of one file out of a weight of MXFP4, in GGUF's order of codes.
func (l spread) pack(q quant.Microscaled, file int) ([]byte, error) {
	if q.Rows != l.experts*l.rows || q.Cols != l.cols {
		return nil, fmt.Errorf("%d×%d codes are not %d experts of %d×%d", q.Rows, q.Cols, l.experts, l.rows, l.cols)
	}
	if _, err := q.Tensor(); err != nil {
		return nil, err
	}
	size := l.cols / 32 * 17
	out := make([]byte, l.experts*l.rows/len(l.Files)*size)
	l.each(file, func(to, from int) { q.GGUFRow(out[to*size:(to+1)*size], from) })
	return out, nil
}
