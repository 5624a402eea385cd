// Package model runs a base model with whatever is trained on it: it binds the weights of a base
// to the graph of its family, layer by layer, forward and backward.
package model

import (
	"fmt"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/internal/dtype"
	"github.com/cultivar/cultivar/internal/kernels/gemm"
	"github.com/cultivar/cultivar/trainer/nn"
	"github.com/cultivar/cultivar/trainer/ops"
)

// Source is where weights come from: an open base, or parameters in memory.
type Source interface {
	// Tensor returns a weight by its published name.
	Tensor(name string) (bases.View, error)
	// Has reports whether the weight exists.
	Has(name string) bool
}

// Attachment is what is trained on the model.
type Attachment struct {
	// LoRA gives the factors of a [Module] by its full name, nil when it is not targeted.
	LoRA func(module string) *LoRA
	// Param gives the parameter that takes the place of a weight, nil when it is frozen.
	Param func(weight string) *ops.Param
}

// LoRA is the update of one module. Those of experts are stacked as [ops.StackedLoRA] says.
type LoRA struct {
	A, B      *ops.Param
	Magnitude *ops.Param // (1, out) of DoRA, nil without
	Scaling   float32
	Dropout   float32
}

// Model is a base with an attachment. It is not safe for concurrent use.
type Model struct {
	Config *bases.Config
	family *nn.Family
	source Source
	attach Attachment

	layers []bindings
	shape  []int // of each layer, see shapes
	final  bindings
	embed  matrixOrParam
	head   matrixOrParam

	headName string // the weight that the head is

	tapes map[tapeKey]*ops.Tape
}

// bindings is what the slots of one graph hold for one layer, by slot name.
type bindings map[string]matrixOrParam

type matrixOrParam struct {
	matrix gemm.Matrix
	param  *ops.Param
	share  float64 // of the tokens that it multiplies; 0 means all
	update update
}

// update is what the graph itself knows of an attached update, which may differ from layer to layer
// (alpha_pattern).
type update struct{ scaling, dropout float32 }

func (m matrixOrParam) get() gemm.Matrix {
	if m.param != nil {
		return gemm.F32(m.param.Value, m.param.Rows, m.param.Cols)
	}
	return m.matrix
}

// New binds the weights of a source. Every weight that the family names must be there with the
// shape that the graph needs.
func New(c *bases.Config, src Source, attach Attachment) (*Model, error) {
	family, err := familyOf(c)
	if err != nil {
		return nil, err
	}
	m := &Model{Config: c, family: family, source: src, attach: attach, tapes: make(map[tapeKey]*ops.Tape)}
	if m.embed, err = m.lookup(family.Embed); err != nil {
		return nil, err
	}
	m.headName = family.Unembed
	if family.Untied != "" && m.has(family.Untied) {
		m.headName = family.Untied
	}
	if m.head, err = m.lookup(m.headName); err != nil {
		return nil, err
	}
	for _, w := range []struct {
		name string
		m    matrixOrParam
	}{{family.Embed, m.embed}, {m.headName, m.head}} {
		if g := w.m.get(); g.Cols != c.HiddenSize || g.Rows < c.VocabSize {
			return nil, fmt.Errorf("tensor %q is %d×%d, config.json says %d×%d", w.name, g.Rows, g.Cols, c.VocabSize, c.HiddenSize)
		}
	}
	for i := range c.NumHiddenLayers {
		b, err := m.bind(fmt.Sprintf(family.LayerPrefix, i), func(l *nn.Layer, x *nn.Node) { family.Layer(l, x) }, family.Kind(i))
		if err != nil {
			return nil, err
		}
		m.layers = append(m.layers, b)
	}
	m.shape = m.shapes()
	m.final, err = m.bind(family.FinalPrefix, func(l *nn.Layer, x *nn.Node) { family.Final(l, x) }, 0)
	return m, err
}

// bind looks up every weight that one layer's graph names.
func (m *Model) bind(prefix string, build func(*nn.Layer, *nn.Node), kind int) (bindings, error) {
	s := &scan{model: m, prefix: prefix, found: bindings{}}
	b := ops.NewBuilder()
	x := b.Input("x", m.Config.HiddenSize)
	if err := s.run(func() { build(&nn.Layer{Builder: b, Kind: kind, Weights: s}, x) }); err != nil {
		return nil, err
	}
	return s.found, nil
}

// lookup finds a weight: a parameter that takes its place, or the source's tensor. Vectors are
// widened to float32 rows, matrices stay in the type in which they are stored.
func (m *Model) lookup(name string) (matrixOrParam, error) {
	if m.attach.Param != nil {
		if p := m.attach.Param(name); p != nil {
			return matrixOrParam{param: p}, nil
		}
	}
	v, err := m.source.Tensor(name)
	if err != nil {
		return matrixOrParam{}, err
	}
	switch len(v.Shape) {
	case 1:
		return matrixOrParam{matrix: asVector(v)}, nil
	case 2:
		return matrixOrParam{matrix: asMatrix(v)}, nil
	}
	return matrixOrParam{}, fmt.Errorf("tensor %q has %d dimensions, want 1 or 2", name, len(v.Shape))
}

func asMatrix(v bases.View) gemm.Matrix {
	rows, cols := v.Shape[0], v.Shape[1]
	if v.Quant != nil {
		return gemm.Quantised(v.Quant, rows, cols)
	}
	if v.Type == dtype.F32 {
		return gemm.F32(v.F32, rows, cols)
	}
	return gemm.U16(v.Type, v.U16, rows, cols)
}

// asVector widens v to one row.
func asVector(v bases.View) gemm.Matrix {
	if v.Quant == nil && v.Type == dtype.F32 {
		return gemm.F32(v.F32, 1, v.Shape[0])
	}
	row := make([]float32, v.Shape[0])
	v.Shape = []int{1, len(row)}
	asMatrix(v).Row(row, 0)
	return gemm.F32(row, 1, len(row))
}

// Vocab is the number of rows of the vocabulary projection.
func (m *Model) Vocab() int { return m.head.get().Rows }
