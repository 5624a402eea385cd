package ops

import (
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Builder builds one graph. It panics on misuse: a graph is our own code, not input.
type Builder struct {
	graph   *gorgonia.ExprGraph
	run     *Run
	weights []*Weight
	serial  int
}

// NewBuilder returns a builder for an empty graph.
func NewBuilder() *Builder {
	b := &Builder{graph: gorgonia.NewGraph(), run: &Run{}}
	b.run.builder = b
	return b
}

// Input adds a (rows, cols) input.
func (b *Builder) Input(name string, rows, cols int) *gorgonia.Node {
	return gorgonia.NewMatrix(b.graph, tensor.Float32, gorgonia.WithShape(rows, cols), gorgonia.WithName(name))
}

// Frozen adds a slot for a weight that is not trained.
func (b *Builder) Frozen(name string, rows, cols int) *Weight {
	w := &Weight{Name: name, Rows: rows, Cols: cols}
	b.weights = append(b.weights, w)
	return w
}

// Trainable adds a slot for a weight that is.
func (b *Builder) Trainable(name string, rows, cols int) *Weight {
	w := b.Frozen(name, rows, cols)
	w.node = b.Input(name, rows, cols)
	return w
}

// Weights lists the slots in the order in which they were added.
func (b *Builder) Weights() []*Weight { return b.weights }

func (b *Builder) apply(op gorgonia.Op, inputs ...*gorgonia.Node) *gorgonia.Node {
	n, err := gorgonia.ApplyOp(op, inputs...)
	if err != nil {
		panic(fmt.Sprintf("ops: apply %v: %v", op, err))
	}
	return n
}

// unique makes an operator's name unique within the graph.
func (b *Builder) unique(name string) string {
	b.serial++
	return fmt.Sprintf("%s #%d", name, b.serial)
}
