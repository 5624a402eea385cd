// Package nn is the vocabulary in which a model family is written down: a layer as a function over
// weights that are called by their published names. What a name stands for (a frozen matrix, a
// matrix with a LoRA update, a trainable parameter) is decided by whoever builds the graph.
package nn

import (
	"fmt"

	"gorgonia.org/gorgonia"

	"github.com/cultivar/cultivar/internal/kernels/attention"
	"github.com/cultivar/cultivar/trainer/ops"
)

// Node is a value in a layer's graph: (tokens, width).
type Node = gorgonia.Node

// Family is how one model architecture computes.
type Family struct {
	// Layer is one decoder layer: (tokens, hidden) → (tokens, hidden).
	Layer func(l *Layer, x *Node) *Node
	// Final is what happens between the last layer and the vocabulary projection.
	Final func(l *Layer, x *Node) *Node

	// Kinds is how many sorts of layers there are; each is compiled once. Kind maps a layer to its sort.
	Kinds int
	Kind  func(layer int) int
	// Rope returns the rotary table of a kind of layer, nil when it has none.
	Rope func(kind int) *ops.Rope
	// Mixing is how many floating-point operations a kind of layer takes for each token to mix it with
	// those before, and false where attention does that. Nil means that it does in all.
	Mixing func(kind int) (flops float64, ok bool)

	Head       ops.HeadConfig
	EmbedScale float32 // multiplies embeddings; 0 means 1

	LayerPrefix string // e.g. "model.layers.%d."
	FinalPrefix string // e.g. "model."
	Embed       string // embedding weight
	Unembed     string // vocabulary projection; equal to Embed when tied
	Untied      string // takes its place where the weights hold it in spite of that
}

// Layer builds the graph of one layer.
type Layer struct {
	*ops.Builder
	Kind    int
	Weights Weights
}

// Weights resolves published names to slots. A name that the base has not, or has although it must
// not, ends the building of the graph with an error.
type Weights interface {
	// Vector is a norm's weight.
	Vector(b *ops.Builder, name string) *ops.Weight
	// VectorPlusOne is the weight of a norm that multiplies by 1 + w.
	VectorPlusOne(b *ops.Builder, name string) *ops.Weight
	// Projection is a linear module, with a bias or without, and with whatever is attached to it.
	Projection(b *ops.Builder, module string, bias bool) ops.Projection
	// Filters is the frozen weight of a depthwise convolution, (channels, 1, kernel), as rows for each
	// tap: (kernel, channels).
	Filters(b *ops.Builder, name string, channels, kernel int) *ops.Weight
	// FrozenVector is a vector of n elements that is no norm's weight and cannot be trained.
	FrozenVector(b *ops.Builder, name string, n int) *ops.Weight
	// Has reports whether the base has a tensor.
	Has(name string) bool
	// Matrix is a frozen matrix of a layer of experts. share is how much of it a token needs: the
	// experts that it is sent to, of all.
	Matrix(b *ops.Builder, name string, share float64) *ops.Weight
	// Stacked is a matrix in a tensor (experts, rows, cols), or a vector in a tensor (experts, cols).
	Stacked(b *ops.Builder, name string, s Stack, share float64) *ops.Weight
	// Update is what is attached to the matrices (out, in) of all experts, which PEFT knows as one
	// parameter, or to their router, for which experts is 0; nil when nothing is. share is that of
	// [Weights.Matrix].
	Update(b *ops.Builder, parameter string, experts, out, in int, share float64) *ops.StackedLoRA
}

// Stack says which part of a tensor of stacked matrices or vectors is meant.
type Stack struct {
	Index       int
	Transposed  bool // the matrix is (in, out) in a checkpoint of plain tensors
	Every, From int  // of the outputs only From, From+Every, …; all when Every is 0
}

// Misfit is panicked by a layer whose weights have not the shapes that its config asks for. Whoever
// builds the graph makes an error of it.
type Misfit struct{ error }

// MustHave refuses a value that has not the columns which its reader, a module, expects.
func MustHave(x *Node, cols int, reader string) { fit(reader, cols, x.Shape()[1]) }

func fit(reader string, want, got int) {
	if got != want {
		panic(Misfit{fmt.Errorf("%s is for %d columns, but its input has %d", reader, want, got)})
	}
}

// RMSNorm normalises x with the named weight.
func (l *Layer) RMSNorm(x *Node, name string, eps float64) *Node {
	w := l.Weights.Vector(l.Builder, name)
	MustHave(x, w.Cols, name)
	return l.Builder.RMSNorm(x, w, float32(eps))
}

// RMSNormPlusOne normalises x and multiplies by one more than the named weight, as the Gemma family
// does.
func (l *Layer) RMSNormPlusOne(x *Node, name string, eps float64) *Node {
	w := l.Weights.VectorPlusOne(l.Builder, name)
	MustHave(x, w.Cols, name)
	return l.Builder.RMSNorm(x, w, float32(eps))
}

// FinalNorm is a [Family.Final] that normalises by norm.weight.
func FinalNorm(eps float64) func(*Layer, *Node) *Node {
	return func(l *Layer, x *Node) *Node { return l.RMSNorm(x, "norm.weight", eps) }
}

// FinalNormPlusOne is FinalNorm by one more than the weight.
func FinalNormPlusOne(eps float64) func(*Layer, *Node) *Node {
	return func(l *Layer, x *Node) *Node { return l.RMSNormPlusOne(x, "norm.weight", eps) }
}

// QKNorm normalises the queries and keys of qkv = [q | k | v], each head by itself or all of them
// together, as the weights are wide.
func (l *Layer) QKNorm(qkv *Node, cfg attention.Config, q, k string, eps float64) *Node {
	return l.qkNorm(qkv, cfg, l.Weights.Vector(l.Builder, q), l.Weights.Vector(l.Builder, k), eps)
}

// QKNormPlusOne is QKNorm by one more than the named weights.
func (l *Layer) QKNormPlusOne(qkv *Node, cfg attention.Config, q, k string, eps float64) *Node {
	return l.qkNorm(qkv, cfg, l.Weights.VectorPlusOne(l.Builder, q), l.Weights.VectorPlusOne(l.Builder, k), eps)
}

func (l *Layer) qkNorm(qkv *Node, cfg attention.Config, q, k *ops.Weight, eps float64) *Node {
	queries, keys := cfg.Heads*cfg.HeadDim, cfg.KVHeads*cfg.HeadDim
	MustHave(qkv, queries+2*keys, q.Name)
	if queries%q.Cols != 0 || keys%k.Cols != 0 {
		panic(Misfit{fmt.Errorf("%s and %s are %d and %d wide, queries %d and keys %d", q.Name, k.Name, q.Cols, k.Cols, queries, keys)})
	}
	return l.Builder.QKNorm(qkv, q, k, queries, keys, float32(eps))
}

// Linear applies linear modules without bias to x; their outputs stand side by side.
func (l *Layer) Linear(x *Node, modules ...string) *Node { return l.LinearBias(x, false, modules...) }

// LinearBias applies linear modules that have a bias, or have none, to x.
func (l *Layer) LinearBias(x *Node, bias bool, modules ...string) *Node {
	projs, rescaled := l.projections(x, bias, modules)
	if rescaled {
		return l.DoRA(x, projs...)
	}
	return l.Builder.Linear(x, projs...)
}

// AddLinear adds to the residual stream what a linear module, with a bias or without, makes of x.
func (l *Layer) AddLinear(residual, x *Node, bias bool, module string) *Node {
	projs, rescaled := l.projections(x, bias, []string{module})
	fit("residual", residual.Shape()[1], projs[0].Weight.Rows)
	if rescaled {
		return l.Builder.Add(residual, l.DoRA(x, projs...))
	}
	return l.Builder.AddLinear(residual, x, projs[0])
}

// projections are linear modules of x; rescaled says that one of them has a magnitude.
func (l *Layer) projections(x *Node, bias bool, modules []string) (projs []ops.Projection, rescaled bool) {
	for _, m := range modules {
		p := l.Weights.Projection(l.Builder, m, bias)
		MustHave(x, p.Weight.Cols, m)
		rescaled = rescaled || p.LoRA != nil && p.LoRA.Magnitude != nil
		projs = append(projs, p)
	}
	return projs, rescaled
}

// Add returns x + y.
func (l *Layer) Add(x, y *Node) *Node {
	MustHave(y, x.Shape()[1], "residual")
	return l.Builder.Add(x, y)
}

// Attention attends over qkv = [q | k | v].
func (l *Layer) Attention(qkv *Node, cfg attention.Config) *Node {
	MustHave(qkv, (cfg.Heads+2*cfg.KVHeads)*cfg.HeadDim, "attention")
	return l.Builder.Attention(qkv, cfg)
}

// Shape is a weight's published name and size; a vector has one row.
type Shape struct {
	Name       string
	Rows, Cols int
}
