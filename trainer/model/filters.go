package model

import (
	"fmt"

	"github.com/cultivar/cultivar/internal/kernels/gemm"
	"github.com/cultivar/cultivar/trainer/ops"
)

// Filters implements nn.Weights. PyTorch's convolution has a row for each channel, (channels, 1,
// kernel); GGUF leaves the dimension of one out. The copy that has a row for each tap lets the
// operator take channels next to each other at a time.
func (s *scan) Filters(b *ops.Builder, name string, channels, kernel int) *ops.Weight {
	s.mustBeFrozen(name)
	v, err := s.model.source.Tensor(s.prefix + name)
	if err != nil {
		panic(missing{err})
	}
	flat := v
	flat.Shape = []int{channels, kernel}
	if n := len(v.Shape); n < 2 || n > 3 || v.Shape[0] != channels || v.Shape[n-1] != kernel || n == 3 && v.Shape[1] != 1 {
		panic(missing{fmt.Errorf("tensor %q is %v, want filters [%d 1 %d]", s.prefix+name, v.Shape, channels, kernel)})
	}
	taps := make([]float32, kernel*channels)
	row := make([]float32, kernel)
	for c := range channels {
		asMatrix(flat).Row(row, c)
		for k, w := range row {
			taps[k*channels+c] = w
		}
	}
	m := matrixOrParam{matrix: gemm.F32(taps, kernel, channels)}
	s.found[name] = m
	return slotFor(b, name, m)
}

// FrozenVector implements nn.Weights.
func (s *scan) FrozenVector(b *ops.Builder, name string, n int) *ops.Weight {
	s.mustBeFrozen(name)
	w := s.Vector(b, name)
	if w.Cols != n {
		panic(missing{fmt.Errorf("tensor %q has %d elements, want %d", s.prefix+name, w.Cols, n)})
	}
	return w
}

// Has implements nn.Weights.
func (s *scan) Has(name string) bool { return s.model.has(s.prefix + name) }

// mustBeFrozen refuses a parameter in the place of a weight that no operator has a gradient for.
func (s *scan) mustBeFrozen(name string) {
	if s.model.attach.Param != nil && s.model.attach.Param(s.prefix+name) != nil {
		panic(missing{fmt.Errorf("tensor %q cannot be trained", s.prefix+name)})
	}
}
