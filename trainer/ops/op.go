// Package ops holds the Gorgonia operators of a transformer and the tape that replays them.
//
// Each operator is one file: its forward, its derivative as further operators (SymDiff), and the
// kernels both call. All values are float32 matrices whose rows are tokens. Operators never keep
// results: they take memory from the arena of the machine that runs them, so that one graph,
// compiled once, serves every layer of a model.
package ops

import (
	"hash"
	"hash/fnv"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// base answers the methods of gorgonia.Op that are the same for every operator here.
//
// Names must be unique within a graph: Gorgonia merges nodes whose operator hashes and children
// are equal.
type base struct {
	name  string
	arity int
	cols  int                              // columns of the result
	rows  func(in []gorgonia.DimSizer) int // rows of the result; nil means those of the first input
}

var matrix = gorgonia.TensorType{Dims: 2, Of: tensor.Float32}

func (b *base) Arity() int           { return b.arity }
func (b *base) ReturnsPtr() bool     { return false }
func (b *base) CallsExtern() bool    { return false }
func (b *base) OverwritesInput() int { return -1 }
func (b *base) String() string       { return b.name }

func (b *base) WriteHash(h hash.Hash) { _, _ = h.Write([]byte(b.name)) }

func (b *base) Hashcode() uint32 {
	h := fnv.New32a()
	b.WriteHash(h)
	return h.Sum32()
}

func (b *base) Type() hm.Type {
	types := make([]hm.Type, b.arity+1)
	for i := range types {
		types[i] = matrix
	}
	return hm.NewFnType(types...)
}

func (b *base) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	if b.rows != nil {
		return tensor.Shape{b.rows(in), b.cols}, nil
	}
	rows, err := in[0].DimSize(0)
	return tensor.Shape{rows, b.cols}, err
}

// fixedRows makes the result's row count a constant.
func fixedRows(n int) func([]gorgonia.DimSizer) int {
	return func([]gorgonia.DimSizer) int { return n }
}

// floats returns the elements of a value: all values in these graphs are contiguous matrices.
func floats(v gorgonia.Value) []float32 { return v.(*tensor.Dense).Float32s() }

func dims(v gorgonia.Value) (rows, cols int) {
	s := v.Shape()
	return s[0], s[1]
}

// derivative is an operator whose gradient is never asked for: the operators that SymDiff returns.
type derivative struct{ base }

func (*derivative) DiffWRT(inputs int) []bool { return make([]bool, inputs) }

func (*derivative) SymDiff(gorgonia.Nodes, *gorgonia.Node, *gorgonia.Node) (gorgonia.Nodes, error) {
	panic("ops: second derivatives are not defined")
}
