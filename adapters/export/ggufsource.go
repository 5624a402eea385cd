package export

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/bases/ggufarch"
	"github.com/cultivar/cultivar/datasets/tokenizer/ggufvocab"
	"github.com/cultivar/cultivar/internal/dtype"
	"github.com/cultivar/cultivar/internal/gguf"
	"github.com/cultivar/cultivar/internal/quant"
	"github.com/cultivar/cultivar/internal/safetensors"
)

// openFile is a base that is a GGUF file. Its metadata is kept as it is.
func openFile(base *bases.Base, o form, _ GGUFOptions) (*ggufBase, error) {
	f := base.GGUF()
	b := &ggufBase{notes: o.Notes()}
	for _, key := range f.Keys() {
		if p, ok := f.Pair(key); ok && key != "general.alignment" {
			b.pairs = append(b.pairs, p)
		}
	}
	for _, name := range f.Tensors() {
		t, _ := f.Tensor(name)
		if name == "token_embd.weight" {
			b.stored = storedAs(t.Type.String())
		}
		parts, err := published(o.Model, t)
		if err != nil {
			return nil, err
		}
		x := ggufTensor{name: name, shape: t.Shape, parts: parts, load: func() ([]float32, error) { return widen(t) }}
		if s, ok := o.Arch.StackOf(name); ok {
			x.stack, x.file = s, slices.Index(s.Files, name)
		}
		_, err = quant.Parse(t.Type.String())
		x.quantised, x.typ, x.packed = err == nil, t.Type, func() ([]byte, error) { return t.Data, nil }
		b.tensors = append(b.tensors, x)
	}
	return b, nil
}

// published lists the published names of the matrices in a tensor of a file.
func published(m *ggufarch.Model, t gguf.Tensor) ([]string, error) {
	hf, experts := m.Arch.Published(t.Name)
	_, stacked := m.Arch.StackOf(t.Name)
	if !experts && (!stacked || len(t.Shape) != 3) {
		return []string{hf}, nil
	}
	if len(t.Shape) != 3 || t.Shape[0] != m.Experts {
		return nil, fmt.Errorf("tensor %q is %v, want a matrix for each of %d experts", t.Name, t.Shape, m.Experts)
	}
	parts := make([]string, m.Experts)
	for i := range parts {
		if experts { // a stack has one name for all
			parts[i] = fmt.Sprintf(hf, i)
		}
	}
	return parts, nil
}

// storedAs is the type that keeps what a tensor is stored as, "" where there is none.
func storedAs(name string) OutType {
	if t := OutType(strings.ToLower(name)); t == OutF32 || t == OutF16 || t == OutBF16 {
		return t
	}
	return ""
}

// widen returns a tensor's elements as float32 in memory of the caller's.
func widen(t gguf.Tensor) ([]float32, error) {
	if _, err := dtype.Parse(t.Type.String()); err == nil {
		return safetensors.Float32s(safetensors.Tensor{Name: t.Name, DType: t.Type.String(), Shape: t.Shape, Data: t.Data})
	}
	format, err := quant.Parse(t.Type.String())
	if err != nil {
		return nil, err
	}
	cols := t.Shape[len(t.Shape)-1]
	q, err := quant.FromGGUF(format, t.Len()/cols, cols, t.Data)
	if err != nil {
		return nil, err
	}
	values := make([]float32, t.Len())
	for row := range q.Rows {
		q.Decode(values[row*cols:(row+1)*cols], row, 0)
	}
	return values, nil
}

// openDirectory is a base that is a Hugging Face model directory.
func openDirectory(base *bases.Base, o form, opts GGUFOptions) (*ggufBase, error) {
	head := []gguf.Pair{
		gguf.NewPair("general.architecture", o.Arch.Name),
		gguf.NewPair("general.type", "model"),
		gguf.NewPair("general.name", opts.Name),
	}
	sizes, err := o.Pairs()
	if err != nil {
		return nil, err
	}
	words, notes, err := ggufvocab.Pairs(base.Dir(), o.words)
	if err != nil {
		return nil, err
	}
	b := &ggufBase{pairs: slices.Concat(head, sizes, words), notes: append(o.Notes(), notes...)}
	g := gathering{base: base, model: o.Model, parts: map[string][]part{}}
	if err := g.gather(o); err != nil {
		return nil, err
	}
	if b.tensors, err = g.tensors(); err != nil {
		return nil, err
	}
	b.stored = g.stored
	if g.parts["output.weight"] != nil {
		o.Tied = false // whatever config.json says: transformers believes the weights as well
	}
	return b, nil
}

// gathering finds out what tensors of a file the weights of a directory make.
type gathering struct {
	base   *bases.Base
	model  *ggufarch.Model
	stored OutType           // of the embeddings
	parts  map[string][]part // by the file's name
	list   []ggufTensor      // those that are a stack's
}

// part is a published matrix.
type part struct {
	bases.Plain
	published string
}

// gather gives every tensor of the directory its place.
func (g *gathering) gather(o form) error {
	for _, stored := range g.base.Tensors() {
		hf := o.published(stored)
		if hf == "" || g.model.Tied && hf == headModule+weightSuffix && g.base.RepeatsEmbeddings(stored) || strings.HasSuffix(hf, ".rotary_emb.inv_freq") {
			continue // not of the text; the embeddings again; a table that is computed
		}
		t, err := g.base.Plain(stored)
		if err != nil {
			return err
		}
		if s, ok := g.model.Arch.StackNamed(hf); ok {
			if err := g.unstack(s, stored, t); err != nil {
				return err
			}
			continue
		}
		name, expert := g.model.Arch.InFile(hf)
		switch {
		case name == "":
			return fmt.Errorf("tensor %q has no name in GGUF's %s", stored, g.model.Arch.Name)
		case expert < 0:
			g.parts[name] = []part{{t, hf}}
			continue
		case expert >= g.model.Experts:
			return fmt.Errorf("tensor %q is of an expert beyond the %d", stored, g.model.Experts)
		}
		if g.parts[name] == nil {
			g.parts[name] = make([]part, g.model.Experts)
		}
		g.parts[name][expert] = part{t, hf}
	}
	return nil
}

// tensors lists the tensors of the file in its order.
func (g *gathering) tensors() ([]ggufTensor, error) {
	for name, list := range g.parts {
		if slices.ContainsFunc(list, func(p part) bool { return p.published == "" }) {
			return nil, fmt.Errorf("tensor %q: the base lacks some of its experts", name)
		}
		shape := list[0].Shape
		if list[0].published == "model.embed_tokens"+weightSuffix {
			g.stored = storedAs(list[0].DType)
		}
		if _, experts := g.model.Arch.Published(name); experts {
			shape = append([]int{len(list)}, shape...)
		}
		t := ggufTensor{name: name, shape: shape, load: func() ([]float32, error) { return g.load(list) }}
		for _, p := range list {
			t.quantised = t.quantised || p.Widened()
			t.parts = append(t.parts, p.published)
		}
		g.list = append(g.list, t)
	}
	for _, e := range g.model.Extras() {
		values := make([]float32, len(e.Values))
		for i, v := range e.Values {
			values[i] = float32(v)
		}
		g.list = append(g.list, ggufTensor{name: e.Name, shape: []int{len(values)}, parts: []string{""}, load: func() ([]float32, error) { return values, nil }})
	}
	slices.SortFunc(g.list, func(x, y ggufTensor) int { return g.model.Arch.Compare(x.name, y.name) })
	return g.list, nil
}

// load reads published matrices, one after the other, and makes of them what the file has.
func (g *gathering) load(list []part) ([]float32, error) {
	var all []float32
	for _, p := range list {
		values, err := p.Float32s()
		if err != nil {
			return nil, err
		}
		if heads := g.model.Heads(p.published); heads > 0 {
			order, err := ggufarch.Order(p.Shape[0], heads)
			if err != nil {
				return nil, fmt.Errorf("tensor %q: %w", p.Name, err)
			}
			moved := make([]float32, len(values))
			permute(moved, values, order)
			values = moved
		}
		if g.model.Arch.NormsIncludeOne && strings.HasSuffix(p.published, "norm.weight") {
			for i := range values {
				values[i]++
			}
		}
		scale(values, g.model.Fold(p.published))
		if len(list) == 1 {
			return values, nil
		}
		all = append(all, values...)
	}
	return all, nil
}
