package export

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/bases/ggufarch"
	"github.com/cultivar/cultivar/internal/gguf"
	"github.com/cultivar/cultivar/internal/quant"
)

// ggufBase is a base with its tensors as a GGUF file has them.
type ggufBase struct {
	pairs   []gguf.Pair
	tensors []ggufTensor
	stored  OutType // of the embeddings; "" where they are quantised
	notes   []string
}

// ggufTensor is a tensor of a base in the order of a GGUF file's rows.
type ggufTensor struct {
	name  string
	shape []int
	// parts are the published matrices that it is made of: one, or one for each expert. "" is none that
	// an adapter could update.
	parts []string
	load  func() ([]float32, error)
	// stack is the published tensor of which this is part number file; its update has a module for each
	// expert, which parts do not name.
	stack ggufarch.Stack
	file  int
	// quantised tells that the base has it in fewer bits.
	quantised bool
	// packed is the tensor's bytes in the type that it keeps where no other is asked for and nothing is
	// merged into it; nil where it is to be that of the embeddings.
	packed func() ([]byte, error)
	typ    gguf.Type // of packed
}

// ggufWriter makes one file.
type ggufWriter struct {
	form
	ctx     context.Context // cancels between tensors
	base    *ggufBase
	adapter *adapters.Adapter // nil: the base alone
	o       GGUFOptions

	updates map[string]peft.Module // by the weight's published name
	stacks  map[string]peft.Module // those of stacked experts, by the stack's
	keep    bool                   // tensors keep their types
}

func (w *ggufWriter) write(out string) (GGUFReport, error) {
	if w.o.Type == "" {
		w.keep = true
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
	pairs := withVersion(w.base.pairs, slices.ContainsFunc(entries, isQuantised))
	if !w.keep || !slices.ContainsFunc(pairs, func(p gguf.Pair) bool { return p.Key == fileType }) {
		pairs = withFileType(pairs, outTypes[w.o.Type].file)
	}
	r := GGUFReport{Report: Report{Tensors: len(entries), Bytes: sizeOf(entries), Shards: 1, Stored: strings.ToUpper(string(w.o.Type))}, Notes: w.base.notes}
	for i, t := range w.base.tensors {
		if t.quantised && !isQuantised(entries[i]) {
			r.Widened++
		}
	}
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
	p := gguf.NewPair(fileType, file)
	pairs = slices.Clone(pairs)
	if i := slices.IndexFunc(pairs, func(old gguf.Pair) bool { return old.Key == p.Key }); i >= 0 {
		pairs[i] = p
		return pairs
	}
	return append(pairs, p)
}

func isQuantised(e gguf.Entry) bool {
	_, err := quant.Parse(e.Type.String())
	return err == nil
}

// withVersion says which layout quantised tensors have, where there are some.
func withVersion(pairs []gguf.Pair, quantised bool) []gguf.Pair {
	is := func(p gguf.Pair) bool { return p.Key == quantisationVersion }
	switch found := slices.ContainsFunc(pairs, is); {
	case found && !quantised:
		return slices.DeleteFunc(slices.Clone(pairs), is)
	case quantised && !found:
		return append(slices.Clip(pairs), gguf.NewPair(quantisationVersion, uint32(2))) // ggml.h, GGML_QNT_VERSION
	}
	return pairs
}

const (
	fileType            = "general.file_type"
	quantisationVersion = "general.quantization_version"
)

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
	w.updates, w.stacks = make(map[string]peft.Module, len(modules)), map[string]peft.Module{}
	shapes := w.shapes()
	for _, m := range modules {
		if w.Tied && m.Name == headModule {
			return fmt.Errorf("module %q shares its weight with the embeddings: merging would change both; serve the adapter unmerged", m.Name)
		}
		list, err := pieces(m, false, func(name string) ([]int, bool) { s, ok := shapes[name]; return s, ok })
		if err != nil {
			return err
		}
		for name, p := range list {
			if p.module.Experts == 0 {
				w.updates[name] = p.module
				continue
			}
			if err := p.fits(shapes[name]); err != nil {
				return err
			}
			w.stacks[name] = p.module
		}
		if len(list) == 0 {
			w.updates[w.published(m.Name)+weightSuffix] = m
		}
	}
	return nil
}

// shapes are those of the published matrices, and of stacks of them, that the base has.
func (w *ggufWriter) shapes() map[string][]int {
	shapes := make(map[string][]int)
	for _, t := range w.base.tensors {
		for _, part := range t.parts {
			shapes[part] = t.shape[max(0, len(t.shape)-2):]
		}
		if t.stack.Published != "" && len(t.shape) == 3 {
			shapes[t.stack.Published] = []int{t.shape[0], t.shape[1] * len(t.stack.Files), t.shape[2]}
		}
	}
	return shapes
}

// delta is what is merged into one matrix of a tensor.
type delta struct {
	part   int
	module peft.Module
}

// updatesOf takes the updates of a tensor out of those that are left, with rows as the file has them.
func (w *ggufWriter) updatesOf(t ggufTensor) ([]delta, error) {
	var updates []delta
	if m, ok := w.stacks[t.stack.Published]; ok {
		for e := range m.Experts {
			updates = append(updates, delta{e, t.rowsOf(m.Expert(e, 0, m.B.Shape[0]))})
		}
	}
	for i, part := range t.parts {
		m, ok := w.updates[part]
		if !ok {
			continue
		}
		delete(w.updates, part)
		if err := fits(m, t.shape[max(0, len(t.shape)-2):]); err != nil {
			return nil, err
		}
		b, err := rowsOfB(m, w.Model)
		if err != nil {
			return nil, err
		}
		m.B = &adapters.Tensor{Name: m.B.Name, Shape: m.B.Shape, Data: b}
		if m.Magnitude != nil {
			if m.Magnitude, err = w.magnitude(m); err != nil {
				return nil, err
			}
		}
		updates = append(updates, delta{i, m})
	}
	return updates, nil
}

// rowsOf is the update of one expert's matrix as far as this part of a stack has its rows.
func (t ggufTensor) rowsOf(m peft.Module) peft.Module {
	rows, rank := m.B.Shape[0], m.B.Shape[1]
	b := &adapters.Tensor{Name: m.B.Name, Shape: []int{rows / len(t.stack.Files), rank}}
	for i := range rows {
		if file, _ := t.stack.Row(i, rows); file == t.file {
			b.Data = append(b.Data, m.B.Data[i*rank:(i+1)*rank]...)
		}
	}
	m.B = b
	return m
}

// entry makes what is to be written of a tensor.
func (w *ggufWriter) entry(t ggufTensor) (gguf.Entry, error) {
	updates, err := w.updatesOf(t)
	if err != nil {
		return gguf.Entry{}, err
	}
	if t.packed != nil && w.keep && len(updates) == 0 {
		return gguf.Entry{Name: t.name, Type: t.typ, Shape: t.shape, Load: func() ([]byte, error) {
			if err := w.ctx.Err(); err != nil {
				return nil, err
			}
			return t.packed()
		}}, nil
	}
	typ := outTypes[w.o.Type].tensor
	if w.keep && t.packed != nil && !t.quantised {
		typ = t.typ
	}
	if strings.Contains(t.name, "ffn_gate_inp") || strings.HasSuffix(t.name, ".bias") {
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
	data, err := rowsOfB(rows, w.Model)
	return &adapters.Tensor{Name: m.Magnitude.Name, Shape: m.Magnitude.Shape, Data: data}, err
}
