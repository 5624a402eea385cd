package bases

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/cultivar/cultivar/bases/ggufarch"
	"github.com/cultivar/cultivar/internal/dtype"
	"github.com/cultivar/cultivar/internal/gguf"
	"github.com/cultivar/cultivar/internal/quant"
	"github.com/cultivar/cultivar/internal/safetensors"
)

// ggufWeights is the weights of a GGUF file under their published names.
type ggufWeights struct {
	file   *gguf.File
	model  *ggufarch.Model
	names  []string // sorted
	places map[string]place

	mu     sync.Mutex
	copied map[string][]byte // rows of q and k in their published order, by published name
}

// place is where a published tensor is in the file.
type place struct {
	name   string
	expert int             // the matrix of a tensor that has one for each expert, else −1
	stack  *ggufarch.Stack // the tensors that it is made of, where these are not just it under another name
}

// openGGUF opens a base that is a GGUF file: config.json is made of its metadata, and tensors have
// their published names and the order of rows that those have.
func openGGUF(path string, families Families) (*Base, error) {
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	b, err := fromGGUF(f, families)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	return b, nil
}

func fromGGUF(f *gguf.File, families Families) (*Base, error) {
	m, err := ggufarch.Read(f, families.archs())
	if err != nil {
		return nil, err
	}
	text, err := m.ConfigJSON(specialIDs(f))
	if err != nil {
		return nil, err
	}
	config, err := ParseConfig(text, families)
	if err != nil {
		return nil, fmt.Errorf("metadata, read as config.json: %w", err)
	}
	config.NormsIncludeOne = m.Arch.NormsIncludeOne
	w := &ggufWeights{file: f, model: m, places: map[string]place{}, copied: map[string][]byte{}}
	for _, name := range f.Tensors() {
		w.add(name)
	}
	slices.Sort(w.names)
	return &Base{config: config, generation: Generation{BOS: config.BOS, Pad: config.Pad, EOS: config.EOS}, format: w}, nil
}

// add gives a tensor of the file its published name, or one for each expert.
func (w *ggufWeights) add(name string) {
	hf, experts := w.model.Arch.Published(name)
	stack, stacked := w.model.Arch.StackOf(name)
	switch {
	case stacked && name == stack.Files[0]:
		w.names, w.places[stack.Published] = append(w.names, stack.Published), place{name, -1, &stack}
	case hf == "": // factors of rotary frequencies, which are in the config
	case !experts:
		w.names, w.places[hf] = append(w.names, hf), place{name, -1, nil}
	default:
		n := 1 // what is no matrix for each expert has a name, under which it is refused
		if t, _ := w.file.Tensor(name); len(t.Shape) == 3 && t.Shape[0] == w.model.Experts {
			n = w.model.Experts
		}
		for i := range n {
			hf := fmt.Sprintf(hf, i)
			w.names, w.places[hf] = append(w.names, hf), place{name, i, nil}
		}
	}
}

// specialIDs are the tokens that config.json and generation_config.json name. A file has one token
// that ends a text and may have another that ends a turn; either ends what is generated.
func specialIDs(f *gguf.File) ggufarch.Special {
	id := func(name string) *int {
		v, ok := f.Uint(vocabularyPrefix + name + "_token_id")
		if !ok || v > maxVocab {
			return nil
		}
		n := int(v)
		return &n
	}
	s := ggufarch.Special{BOS: id("bos"), Pad: id("padding")}
	for _, name := range []string{"eos", "eot"} {
		if v := id(name); v != nil && !slices.Contains(s.EOS, *v) {
			s.EOS = append(s.EOS, *v)
		}
	}
	return s
}

// find returns a tensor with the shape it has under its published name, its rows in the order of the
// file.
func (w *ggufWeights) find(hf string) (gguf.Tensor, error) {
	p, ok := w.places[hf]
	if !ok {
		return gguf.Tensor{}, fmt.Errorf("%s: %w: %q", w.file.Path(), ErrNoTensor, hf)
	}
	t, _ := w.file.Tensor(p.name)
	if p.expert < 0 {
		return t, nil
	}
	if len(t.Shape) != 3 || t.Shape[0] != w.model.Experts {
		return gguf.Tensor{}, fmt.Errorf("%s: tensor %q is %v, want a matrix for each of %d experts", w.file.Path(), p.name, t.Shape, w.model.Experts)
	}
	size := len(t.Data) / w.model.Experts // rows are whole blocks
	t.Data = t.Data[p.expert*size : (p.expert+1)*size]
	t.Shape = t.Shape[1:]
	return t, nil
}

func (w *ggufWeights) Tensors() []string { return w.names }

func (w *ggufWeights) Has(hf string) bool {
	_, ok := w.places[hf]
	return ok
}

func (w *ggufWeights) Stored(hf string) string { return w.places[hf].name }

func (w *ggufWeights) quantised(hf string) bool {
	t, _ := w.file.Tensor(w.places[hf].name)
	_, err := quant.Parse(t.Type.String())
	return err == nil && t.Name != ""
}

func (w *ggufWeights) forget(string) {} // a file is decoded where it lies

func (w *ggufWeights) close() error { return w.file.Close() }

func (w *ggufWeights) Tensor(hf string) (View, error) {
	if p := w.places[hf]; p.stack != nil {
		return w.stackView(*p.stack)
	}
	t, err := w.find(hf)
	if err != nil {
		return View{}, err
	}
	v, err := w.viewOf(hf, t)
	if err != nil {
		return View{}, fmt.Errorf("%s: tensor %q: %w", w.file.Path(), t.Name, err)
	}
	return v, nil
}

func (w *ggufWeights) viewOf(hf string, t gguf.Tensor) (View, error) {
	if len(t.Shape) == 0 {
		return View{}, errors.New("is a single number")
	}
	var order []int
	if heads := w.model.Heads(hf); heads > 0 {
		var err error
		if order, err = ggufarch.Order(t.Shape[0], heads); err != nil {
			return View{}, err
		}
	}
	typ, err := dtype.Parse(t.Type.String())
	if err != nil {
		return quantisedView(t, order)
	}
	if order != nil {
		t.Data = w.reorder(hf, t, order)
	}
	return plainView(typ, t)
}

// plainView is a tensor of plain numbers where it lies.
func plainView(typ dtype.Type, t gguf.Tensor) (v View, err error) {
	v = View{Type: typ, Shape: t.Shape}
	raw := safetensors.Tensor{Name: t.Name, DType: typ.String(), Shape: t.Shape, Data: t.Data}
	if typ == dtype.F32 {
		v.F32, err = safetensors.ViewF32(raw)
	} else {
		v.U16, err = safetensors.ViewU16(raw)
	}
	return v, err
}

// quantisedView decodes rows from where they are, in another order at no cost.
func quantisedView(t gguf.Tensor, order []int) (View, error) {
	format, err := quant.Parse(t.Type.String())
	if err != nil {
		return View{}, err
	}
	cols := t.Shape[len(t.Shape)-1]
	q, err := quant.FromGGUF(format, t.Len()/cols, cols, t.Data)
	if err == nil && order != nil {
		q, err = q.Select(order)
	}
	return View{Quant: q, Shape: t.Shape}, err
}

// reorder copies the rows of a tensor of plain numbers into their published order, once for as long
// as the base is open. Such matrices are strided in a way that no product takes.
func (w *ggufWeights) reorder(hf string, t gguf.Tensor, order []int) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	if data := w.copied[hf]; data != nil {
		return data
	}
	size := len(t.Data) / len(order)
	data := make([]byte, 0, len(t.Data))
	for _, row := range order {
		data = append(data, t.Data[row*size:(row+1)*size]...)
	}
	w.copied[hf] = data
	return data
}

func (w *ggufWeights) QuantMethod() string {
	var types []string
	for _, name := range w.file.Tensors() {
		t, _ := w.file.Tensor(name)
		if _, err := quant.Parse(t.Type.String()); err == nil && !slices.Contains(types, t.Type.String()) {
			types = append(types, t.Type.String())
		}
	}
	slices.Sort(types)
	return strings.Join(types, ", ")
}

// Raw has rows in the order of the file, and types by ggml's names.
func (w *ggufWeights) Raw(hf string) (safetensors.Tensor, error) {
	if p := w.places[hf]; p.stack != nil {
		return w.rawStack(*p.stack)
	}
	t, err := w.find(hf)
	return safetensors.Tensor{Name: hf, DType: t.Type.String(), Shape: t.Shape, Data: t.Data}, err
}
