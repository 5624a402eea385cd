package model

import (
	"fmt"
	"slices"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/internal/kernels/gemm"
	"github.com/cultivar/cultivar/trainer/nn"
	"github.com/cultivar/cultivar/trainer/ops"
)

// missing is panicked by a scan when a weight is not there: graphs are built by plain functions.
type missing struct{ error }

// scan builds a graph once to learn which weights it names, and finds them.
type scan struct {
	model  *Model
	prefix string
	found  bindings

	modules []Module // in the order in which they were asked for
}

func (s *scan) run(build func()) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case missing:
			err = r.error
		case nn.Misfit:
			err = fmt.Errorf("%s%w", s.prefix, r)
		default:
			panic(r)
		}
	}()
	build()
	return nil
}

func (s *scan) find(name string) matrixOrParam {
	m, err := s.model.lookup(s.prefix + name)
	if err != nil {
		panic(missing{err})
	}
	s.found[name] = m
	return m
}

// Module is what of a base an adapter can target: a linear module, or the matrices of the same sort of
// all experts of a layer, which PEFT knows as one parameter.
type Module struct {
	Name    string // e.g. model.layers.0.self_attn.q_proj, or model.layers.0.mlp.experts.down_proj
	In, Out int    // of each expert's matrix
	Experts int    // how many; 0 for a single matrix
	Router  bool   // it picks the experts, and is no linear module
}

// RowNorms returns the norms of the rows of the module's weight: the magnitudes that DoRA starts with.
func (m Module) RowNorms(src Source) ([]float32, error) {
	w, err := (&Model{source: src}).lookup(m.Name + ".weight")
	if err != nil {
		return nil, err
	}
	return ops.RowNorms(w.get()), nil
}

// Modules lists what an adapter can target in the decoder layers, in the order in which it computes.
func Modules(c *bases.Config, src Source) ([]Module, error) {
	family, err := familyOf(c)
	if err != nil {
		return nil, err
	}
	m := &Model{Config: c, family: family, source: src}
	var list []Module
	for i := range c.NumHiddenLayers {
		s := &scan{model: m, prefix: fmt.Sprintf(family.LayerPrefix, i), found: bindings{}}
		b := ops.NewBuilder()
		x := b.Input("x", c.HiddenSize)
		err := s.run(func() { family.Layer(&nn.Layer{Builder: b, Kind: family.Kind(i), Weights: s}, x) })
		if err != nil {
			return nil, err
		}
		list = append(list, s.modules...)
	}
	return list, nil
}

// Vector implements nn.Weights.
func (s *scan) Vector(b *ops.Builder, name string) *ops.Weight {
	if !s.model.has(s.prefix + name) {
		panic(missing{fmt.Errorf("tensor %q is missing", s.prefix+name)})
	}
	m := s.find(name)
	if m.get().Rows != 1 {
		panic(missing{fmt.Errorf("tensor %q is a matrix, want a vector", s.prefix+name)})
	}
	return slotFor(b, name, m)
}

// VectorPlusOne implements nn.Weights. The sum is rounded to float32, as PyTorch does it in every
// forward pass.
func (s *scan) VectorPlusOne(b *ops.Builder, name string) *ops.Weight {
	w := s.Vector(b, name)
	if w.Trainable() {
		panic(missing{fmt.Errorf("tensor %q cannot be trained: its norm multiplies by one more", s.prefix+name)})
	}
	if s.model.Config.NormsIncludeOne {
		return w
	}
	sum := slices.Clone(s.found[name].matrix.F32)
	for i := range sum {
		sum[i]++
	}
	s.found[name] = matrixOrParam{matrix: gemm.F32(sum, 1, len(sum))}
	return w
}

// Projection implements nn.Weights.
func (s *scan) Projection(b *ops.Builder, module string, bias bool) ops.Projection {
	weight := s.find(module + ".weight")
	s.modules = append(s.modules, Module{Name: s.prefix + module, In: weight.get().Cols, Out: weight.get().Rows})
	p := ops.Projection{Weight: slotFor(b, module+".weight", weight)}
	switch there := s.model.has(s.prefix + module + ".bias"); {
	case there && !bias:
		panic(missing{fmt.Errorf("tensor %q is there, but by config.json the module has no bias", s.prefix+module+".bias")})
	case there:
		bias := s.find(module + ".bias")
		if bias.get().Cols != weight.get().Rows {
			panic(missing{fmt.Errorf("tensor %q has %d elements, its weight %d rows", s.prefix+module+".bias", bias.get().Cols, weight.get().Rows)})
		}
		p.Bias = slotFor(b, module+".bias", bias)
	case bias:
		panic(missing{fmt.Errorf("tensor %q is missing", s.prefix+module+".bias")})
	}
	if l := s.attached(module); l != nil {
		w := weight.get()
		if l.A.Cols != w.Cols || l.B.Rows != w.Rows || l.A.Rows != l.B.Cols {
			panic(missing{fmt.Errorf("adapter for %s is %d×%d·%d×%d, its weight %d×%d", s.prefix+module, l.B.Rows, l.B.Cols, l.A.Rows, l.A.Cols, w.Rows, w.Cols)})
		}
		p.LoRA = s.attach(b, module, l, 0)
	}
	return p
}

// attached is what the attachment has for a module of the layer, nil when nothing.
func (s *scan) attached(module string) *LoRA {
	if s.model.attach.LoRA == nil {
		return nil
	}
	return s.model.attach.LoRA(s.prefix + module)
}

// attach makes slots for factors. share is how much of them a token needs, 0 for all.
func (s *scan) attach(b *ops.Builder, module string, l *LoRA, share float64) *ops.LoRA {
	s.found[module+".lora_A.weight"] = matrixOrParam{param: l.A, share: share, update: update{l.Scaling, l.Dropout}}
	s.found[module+".lora_B.weight"] = matrixOrParam{param: l.B, share: share}
	o := &ops.LoRA{
		A:       b.Trainable(module+".lora_A.weight", l.A.Rows, l.A.Cols),
		B:       b.Trainable(module+".lora_B.weight", l.B.Rows, l.B.Cols),
		Scaling: l.Scaling,
		Dropout: l.Dropout,
	}
	if l.Magnitude != nil {
		s.found[module+".lora_magnitude_vector"] = matrixOrParam{param: l.Magnitude}
		o.Magnitude = b.Trainable(module+".lora_magnitude_vector", 1, l.Magnitude.Cols)
	}
	return o
}

// Update implements nn.Weights.
func (s *scan) Update(b *ops.Builder, parameter string, experts, out, in int, share float64) *ops.StackedLoRA {
	s.modules = append(s.modules, Module{Name: s.prefix + parameter, In: in, Out: out, Experts: experts, Router: experts == 0})
	experts = max(1, experts)
	l := s.attached(parameter)
	if l == nil {
		return nil
	}
	rank := l.B.Cols
	if l.A.Cols != in || l.A.Rows != experts*rank || l.B.Rows != experts*out || l.Dropout != 0 || l.Magnitude != nil {
		panic(missing{fmt.Errorf("adapter for %s is %d×%d·%d×%d, want the factors of %d matrices %d×%d without dropout or magnitude",
			s.prefix+parameter, l.B.Rows, l.B.Cols, l.A.Rows, l.A.Cols, experts, out, in)})
	}
	o := s.attach(b, parameter, l, share)
	return &ops.StackedLoRA{A: o.A, B: o.B, Scaling: o.Scaling}
}

// Matrix implements nn.Weights.
func (s *scan) Matrix(b *ops.Builder, name string, share float64) *ops.Weight {
	m := s.find(name)
	m.share = share
	s.found[name] = m
	return slotFor(b, name, m)
}

// Stacked implements nn.Weights.
func (s *scan) Stacked(b *ops.Builder, name string, st nn.Stack, share float64) *ops.Weight {
	v, err := s.model.source.Tensor(s.prefix + name)
	if err != nil {
		panic(missing{err})
	}
	if len(v.Shape) < 2 || len(v.Shape) > 3 || st.Index >= v.Shape[0] {
		panic(missing{fmt.Errorf("tensor %q is %v, want at least %d matrices or vectors", s.prefix+name, v.Shape, st.Index+1)})
	}
	slot := fmt.Sprintf("%s[%d]", name, st.Index)
	if st.Every != 0 {
		slot += fmt.Sprintf("[%d::%d]", st.From, st.Every)
	}
	turned := st.Transposed != v.Transposed // outputs are columns
	if v.Quant != nil && st.Every != 0 && turned {
		panic(missing{fmt.Errorf("tensor %q is %v with outputs as columns: they cannot be told apart", s.prefix+name, v.Quant.Format)})
	}
	m := matrixOrParam{matrix: stacked(v, st, turned), share: share}
	s.found[slot] = m
	return slotFor(b, slot, m)
}

// strided is every so many of the rows of blocks.
type strided struct {
	gemm.Blocks
	from, every int
}

// Decode implements gemm.Blocks.
func (s strided) Decode(dst []float32, row, col int) {
	s.Blocks.Decode(dst, s.from+row*s.every, col)
}

// stacked is a view of a matrix in v, or a vector as a row of its own. turned tells that the matrix has
// outputs as columns, which a quantised one of which only some are meant must not.
func stacked(v bases.View, st nn.Stack, turned bool) gemm.Matrix {
	rows, cols := 1, v.Shape[len(v.Shape)-1]
	if len(v.Shape) == 3 {
		rows = v.Shape[1]
	}
	flat := v
	flat.Shape = []int{v.Shape[0] * rows, cols}
	m := asMatrix(flat).Slice(st.Index*rows, (st.Index+1)*rows, 0, cols)
	if len(v.Shape) == 2 {
		row := make([]float32, cols)
		m.Row(row, 0)
		if st.Every == 0 {
			return gemm.F32(row, 1, cols)
		}
		picked := make([]float32, 0, cols/st.Every)
		for i := st.From; i < cols; i += st.Every {
			picked = append(picked, row[i])
		}
		return gemm.F32(picked, 1, len(picked))
	}
	if v.Quant != nil && st.Every != 0 {
		from := strided{v.Quant, st.Index*rows + st.From, st.Every}
		return gemm.Quantised(from, (rows-st.From+st.Every-1)/st.Every, cols)
	}
	if turned {
		m = m.T()
	}
	if st.Every != 0 {
		m = m.Slice(st.From, m.Rows, 0, m.Cols)
		m.Rows = (m.Rows + st.Every - 1) / st.Every
		m.RowStride *= st.Every
	}
	return m
}

func slotFor(b *ops.Builder, name string, m matrixOrParam) *ops.Weight {
	g := m.get()
	if m.param != nil {
		return b.Trainable(name, g.Rows, g.Cols)
	}
	return b.Frozen(name, g.Rows, g.Cols)
}

func (m *Model) has(name string) bool {
	if m.attach.Param != nil && m.attach.Param(name) != nil {
		return true
	}
	return m.source.Has(name)
}

// bindTo fills the slots of a tape with one layer's weights.
func (b bindings) bindTo(t *ops.Tape) {
	for _, w := range t.Weights {
		m := b[w.Name]
		if w.Trainable() {
			w.BindParam(m.param)
		} else {
			w.Bind(m.matrix)
		}
	}
}

// ensure that an open base is a Source.
var _ Source = (*bases.Base)(nil)
