package ops

import (
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/cultivar/cultivar/internal/kernels/blas"
	"github.com/cultivar/cultivar/internal/kernels/vec"
	"github.com/cultivar/cultivar/internal/parallel"
)

// elementGrain is how many elements an elementwise loop hands to a core at a time.
const elementGrain = 16 << 10

// Whatever Gorgonia multiplies by itself goes through our kernels too.
func init() { tensor.Use(blas.Implementation{}) }

// engine puts our kernels and the arena under the one operator of Gorgonia's own that these
// graphs use: the sum of gradients that Backpropagate inserts where a value has several readers.
type engine struct {
	gorgonia.StandardEngine
	run *Run
}

// Add implements tensor.Adder.
func (e *engine) Add(a, b tensor.Tensor, opts ...tensor.FuncOpt) (tensor.Tensor, error) {
	x, xok := a.(*tensor.Dense)
	y, yok := b.(*tensor.Dense)
	if !xok || !yok {
		return e.StandardEngine.Add(a, b, opts...)
	}
	sum := e.run.arena.matrix(x.Shape()[0], x.Shape()[1])
	add(sum.Float32s(), x.Float32s(), y.Float32s())
	if r := e.run.rehearsal; r != nil {
		r.did(e.run.arena, []gorgonia.Value{x, y}, sum)
	}
	return sum, nil
}

func add(dst, a, b []float32) {
	parallel.For(len(dst), elementGrain, func(lo, hi int) {
		vec.Add(dst[lo:hi], a[lo:hi], b[lo:hi])
	})
}
