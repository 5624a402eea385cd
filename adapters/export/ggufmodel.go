package export

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/internal/dtype"
	"github.com/cultivar/cultivar/internal/gguf"
	"github.com/cultivar/cultivar/internal/gguf/arch"
	"github.com/cultivar/cultivar/internal/quant"
	"github.com/cultivar/cultivar/internal/safetensors"
)

// ggufBase is a base with its tensors as a GGUF file has them.
type ggufBase struct {
	pairs   []gguf.Pair
	tensors []ggufTensor
	stored  OutType // of the embeddings; "" where they are quantised
	notes   []string
	close   func() error
}

// ggufTensor is a tensor of a base in the order of a GGUF file's rows.
type ggufTensor struct {
	name  string
	shape []int
	// parts are the published matrices that it is made of: one, or one for each expert.
	parts []string
	load  func() ([]float32, error)
}

// ggufWriter makes one file.
type ggufWriter struct {
	ctx     context.Context // cancels between tensors
	base    *ggufBase
	adapter *adapters.Adapter // nil: the base alone
	o       GGUFOptions

	updates map[string]peft.Module // by the weight's published name
}

func (w *ggufWriter) write(out string) (GGUFReport, error) {
	if w.o.Type == "" {
		if w.o.Type = w.base.stored; w.o.Type == "" {
			w.o.Type = OutF16
		}
	}
	if err := w.plan(); err != nil {
		return GGUFReport{}, err
	}
	var entries []gguf.Entry
	for _, t := range w.base.tensors {
		e, err := w.entry(t)
		if err != nil {
			return GGUFReport{}, err
		}
		entries = append(entries, e)
	}
	if len(w.updates) > 0 {
		return GGUFReport{}, fmt.Errorf("%w: the base has no weight for %d modules of the adapter", adapters.ErrBaseMismatch, len(w.updates))
	}
	pairs := withFileType(w.base.pairs, outTypes[w.o.Type].file)
	if w.o.Type == OutQ8 {
		pairs = append(pairs, gguf.NewPair("general.quantization_version", uint32(2))) // ggml.h, GGML_QNT_VERSION
	}
	r := GGUFReport{Report: Report{Tensors: len(entries), Bytes: sizeOf(entries), Shards: 1}, Notes: w.base.notes}
	if w.adapter != nil {
		modules, err := peft.Modules(w.adapter)
		if err != nil {
			return GGUFReport{}, err
		}
		r.Modules = len(modules)
	}
	return r, writeGGUF(out, pairs, entries)
}

// withFileType says what most tensors of a file are, in the place where the file said it before.
func withFileType(pairs []gguf.Pair, file uint32) []gguf.Pair {
	p := gguf.NewPair("general.file_type", file)
	pairs = slices.Clone(pairs)
	if i := slices.IndexFunc(pairs, func(old gguf.Pair) bool { return old.Key == p.Key }); i >= 0 {
		pairs[i] = p
		return pairs
	}
	return append(pairs, p)
}

// plan finds out what the adapter updates.
func (w *ggufWriter) plan() error {
	if w.adapter == nil {
		return nil
	}
	if err := peft.Check(w.adapter); err != nil {
		return err
	}
	modules, err := peft.Modules(w.adapter)
	if err != nil {
		return err
	}
	w.updates = make(map[string]peft.Module, len(modules))
	shapes := make(map[string][]int)
	for _, t := range w.base.tensors {
		for _, part := range t.parts {
			shapes[part] = t.shape[max(0, len(t.shape)-2):]
		}
	}
	for _, m := range modules {
		if w.o.Model.Tied && m.Name == headModule {
			return fmt.Errorf("module %q shares its weight with the embeddings: merging would change both; serve the adapter unmerged", m.Name)
		}
		list, err := pieces(m, false, func(name string) ([]int, bool) { s, ok := shapes[name]; return s, ok })
		if err != nil {
			return err
		}
		for name, p := range list {
			if p.module.Experts > 0 {
				return fmt.Errorf("parameter %q: merging into the stack %q is not supported", m.Name, name)
			}
			w.updates[name] = p.module
		}
		if len(list) == 0 {
			w.updates[m.Name+weightSuffix] = m
		}
	}
	return nil
}

// entry takes the updates of a tensor out of those that are left and makes what is to be written.
func (w *ggufWriter) entry(t ggufTensor) (gguf.Entry, error) {
	type update struct {
		part   int
		module peft.Module
	}
	var updates []update
	for i, part := range t.parts {
		m, ok := w.updates[part]
		if !ok {
			continue
		}
		delete(w.updates, part)
		if err := fits(m, t.shape[len(t.shape)-2:]); err != nil {
			return gguf.Entry{}, err
		}
		b, err := rowsOfB(m, w.o.Model)
		if err != nil {
			return gguf.Entry{}, err
		}
		m.B = &adapters.Tensor{Name: m.B.Name, Shape: m.B.Shape, Data: b}
		if m.Magnitude != nil {
			if m.Magnitude, err = w.magnitude(m); err != nil {
				return gguf.Entry{}, err
			}
		}
		updates = append(updates, update{i, m})
	}
	typ := outTypes[w.o.Type].tensor
	if strings.Contains(t.name, "ffn_gate_inp") {
		typ = gguf.F32
	}
	return entryOf(t.name, typ, t.shape, func() ([]float32, error) {
		if err := w.ctx.Err(); err != nil {
			return nil, err
		}
		values, err := t.load()
		if err != nil {
			return nil, err
		}
		n := len(values) / len(t.parts)
		for _, u := range updates {
			Merge(values[u.part*n:(u.part+1)*n], u.module, w.adapter.Config)
		}
		return values, nil
	}), nil
}

// magnitude is DoRA's magnitudes as the rows of the file are.
func (w *ggufWriter) magnitude(m peft.Module) (*adapters.Tensor, error) {
	rows := m
	rows.B = &adapters.Tensor{Name: m.Magnitude.Name, Shape: []int{m.Magnitude.Shape[0], 1}, Data: m.Magnitude.Data}
	data, err := rowsOfB(rows, w.o.Model)
	return &adapters.Tensor{Name: m.Magnitude.Name, Shape: m.Magnitude.Shape, Data: data}, err
}

// openFile opens a base that is a GGUF file. Its metadata is kept as it is.
func openFile(path string, o *GGUFOptions) (*ggufBase, error) {
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	if o.Model, err = arch.Read(f); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	b := &ggufBase{close: f.Close, notes: o.Model.Notes()}
	for _, key := range f.Keys() {
		if p, ok := f.Pair(key); ok && key != "general.alignment" && key != "general.quantization_version" {
			b.pairs = append(b.pairs, p)
		}
	}
	for _, name := range f.Tensors() {
		t, _ := f.Tensor(name)
		if name == "token_embd.weight" {
			b.stored = storedAs(t.Type.String())
		}
		b.tensors = append(b.tensors, ggufTensor{name: name, shape: t.Shape, parts: published(o.Model, name), load: func() ([]float32, error) { return widen(t) }})
	}
	return b, nil
}

// published lists the published names of the matrices in a tensor of a file.
func published(m *arch.Model, name string) []string {
	hf, experts := m.Arch.Published(name)
	if !experts {
		return []string{hf}
	}
	var parts []string
	for i := range m.Experts {
		parts = append(parts, fmt.Sprintf(hf, i))
	}
	return parts
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

// openDirectory opens a base that is a Hugging Face model directory.
func openDirectory(dir string, o *GGUFOptions) (*ggufBase, error) {
	config, _, err := readConfig(dir)
	if err != nil {
		return nil, err
	}
	o.Model.Tied = config.Tied
	head := []gguf.Pair{
		gguf.NewPair("general.architecture", o.Model.Arch.Name),
		gguf.NewPair("general.type", "model"),
		gguf.NewPair("general.name", o.Name),
	}
	sizes, err := o.Model.Pairs()
	if err != nil {
		return nil, err
	}
	words, notes, err := vocabularyPairs(dir, *o)
	if err != nil {
		return nil, err
	}
	s, err := safetensors.OpenSharded(dir)
	if err != nil {
		return nil, err
	}
	b := &ggufBase{pairs: slices.Concat(head, sizes, words), notes: append(o.Model.Notes(), notes...), close: s.Close}
	if err := b.gather(s, o.Model); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return b, nil
}

// gather lists the tensors of a directory under their names in a file.
func (b *ggufBase) gather(s *safetensors.Sharded, m *arch.Model) error {
	parts := map[string][]string{} // published names by the file's
	for _, hf := range s.Tensors() {
		name, expert := m.Arch.InFile(hf)
		switch {
		case m.Tied && hf == headModule+weightSuffix, strings.HasSuffix(hf, ".rotary_emb.inv_freq"):
			continue // the embeddings again; a table that is computed
		case name == "":
			return fmt.Errorf("tensor %q has no name in GGUF's %s", hf, m.Arch.Name)
		case expert < 0:
			parts[name] = []string{hf}
			continue
		case expert >= m.Experts:
			return fmt.Errorf("tensor %q is of an expert beyond the %d", hf, m.Experts)
		}
		if parts[name] == nil {
			parts[name] = make([]string, m.Experts)
		}
		parts[name][expert] = hf
	}
	for name, list := range parts {
		t, ok := s.Tensor(list[0])
		if slices.Contains(list, "") || !ok {
			return fmt.Errorf("tensor %q: the base lacks some of its experts", name)
		}
		if list[0] == "model.embed_tokens"+weightSuffix {
			b.stored = storedAs(t.DType)
		}
		_, experts := m.Arch.Published(name)
		shape := t.Shape
		if experts {
			shape = append([]int{len(list)}, shape...)
		}
		b.tensors = append(b.tensors, ggufTensor{name, shape, list, func() ([]float32, error) { return load(s, m, list) }})
	}
	for _, e := range m.Extras() {
		values := make([]float32, len(e.Values))
		for i, v := range e.Values {
			values[i] = float32(v)
		}
		b.tensors = append(b.tensors, ggufTensor{e.Name, []int{len(values)}, []string{""}, func() ([]float32, error) { return values, nil }})
	}
	slices.SortFunc(b.tensors, func(x, y ggufTensor) int { return m.Arch.Compare(x.name, y.name) })
	return nil
}

// load reads published matrices, one after the other, and makes of them what the file has.
func load(s *safetensors.Sharded, m *arch.Model, names []string) ([]float32, error) {
	var all []float32
	for _, hf := range names {
		t, ok := s.Tensor(hf)
		if !ok {
			return nil, fmt.Errorf("tensor %q is missing", hf)
		}
		values, err := safetensors.Float32s(t)
		if err != nil {
			return nil, err
		}
		if heads := m.Heads(hf); heads > 0 {
			order, err := arch.Order(t.Shape[0], heads)
			if err != nil {
				return nil, fmt.Errorf("tensor %q: %w", hf, err)
			}
			moved := make([]float32, len(values))
			permute(moved, values, order)
			values = moved
		}
		if m.Arch.NormsIncludeOne && strings.HasSuffix(hf, "norm.weight") {
			for i := range values {
				values[i]++
			}
		}
		scale(values, m.Fold(hf))
		if len(names) == 1 {
			return values, nil
		}
		all = append(all, values...)
	}
	return all, nil
}
