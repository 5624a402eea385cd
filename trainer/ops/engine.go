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
	v, err := e.run.rehearsal.do(sum{e.run}, []gorgonia.Value{x, y})
	if err != nil {
		return nil, err
	}
	return v.(*tensor.Dense), nil
}

// sum is the same operator in a program.
type sum struct{ run *Run }

// overwrites implements overwriting.
func (sum) overwrites() int { return 0 }

// Do adds the gradients of two readers.
func (o sum) Do(inputs ...gorgonia.Value) (gorgonia.Value, error) {
	rows, cols := dims(inputs[0])
	out := o.run.arena.matrix(rows, cols)
	add(out.Float32s(), floats(inputs[0]), floats(inputs[1]))
	return out, nil
}

func add(dst, a, b []float32) {
	parallel.For(len(dst), elementGrain, func(lo, hi int) {
		vec.Add(dst[lo:hi], a[lo:hi], b[lo:hi])
	})
}
