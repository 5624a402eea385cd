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
	inputs  map[*gorgonia.Node]gorgonia.Nodes // of the cheap operators, by their results, as are the next two
	repeats map[*gorgonia.Node]*gorgonia.Node
	derived map[*gorgonia.Node]*gorgonia.Node // the derivatives that restore them

	readers   map[*gorgonia.Node]gorgonia.Nodes // of every node: the results from which a gradient comes back
	wanted    map[*gorgonia.Node]bool           // whether a gradient is, of that node or of what it is made of
	shortcuts []*shortcut
}

// NewBuilder returns a builder for an empty graph.
func NewBuilder() *Builder {
	b := &Builder{
		graph:   gorgonia.NewGraph(),
		run:     &Run{},
		inputs:  make(map[*gorgonia.Node]gorgonia.Nodes),
		readers: make(map[*gorgonia.Node]gorgonia.Nodes),
		repeats: make(map[*gorgonia.Node]*gorgonia.Node),
		derived: make(map[*gorgonia.Node]*gorgonia.Node),
		wanted:  make(map[*gorgonia.Node]bool),
	}
	b.run.builder = b
	return b
}

// Input adds the input of the graph: (rows, cols) with any number of rows, for which one stands while
// the graph is built.
func (b *Builder) Input(name string, cols int) *gorgonia.Node { return b.leaf(name, 1, cols) }

func (b *Builder) leaf(name string, rows, cols int) *gorgonia.Node {
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
	w.node = b.leaf(name, rows, cols)
	return w
}

// Weights lists the slots in the order in which they were added.
func (b *Builder) Weights() []*Weight { return b.weights }

func (b *Builder) apply(op op, inputs ...*gorgonia.Node) *gorgonia.Node {
	n, err := gorgonia.ApplyOp(&recorded{op, b.run}, inputs...)
	if err != nil {
		panic(fmt.Sprintf("ops: apply %v: %v", op, err))
	}
	if _, ok := op.(cheap); ok {
		b.inputs[n] = inputs
	}
	for i, passes := range op.DiffWRT(len(inputs)) {
		if passes {
			b.readers[inputs[i]] = append(b.readers[inputs[i]], n)
		}
	}
	return n
}

// unique makes an operator's name unique within the graph.
func (b *Builder) unique(name string) string {
	b.serial++
	return fmt.Sprintf("%s #%d", name, b.serial)
}
