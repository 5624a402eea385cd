package export

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/bases/ggufarch"
	"github.com/cultivar/cultivar/bases/open"
	"github.com/cultivar/cultivar/datasets/chat"
	"github.com/cultivar/cultivar/datasets/tokenizer/ggufvocab"
	"github.com/cultivar/cultivar/internal/dtype"
	"github.com/cultivar/cultivar/internal/gguf"
	"github.com/cultivar/cultivar/internal/quant"
)

// OutType says how the matrices of a GGUF file are stored. Vectors, and the router of a mixture of
// experts, are always float32, which llama.cpp wants.
type OutType string

// The names are those of llama.cpp's converter.
const (
	OutF32  OutType = "f32"
	OutF16  OutType = "f16"
	OutBF16 OutType = "bf16"
	OutQ8   OutType = "q8_0"
)

// outTypes are the types with their numbers: of a tensor, and of a file that is mostly of that type
// (llama.h, enum llama_ftype).
var outTypes = map[OutType]struct {
	tensor gguf.Type
	file   uint32
}{OutF32: {gguf.F32, 0}, OutF16: {gguf.F16, 1}, OutQ8: {gguf.Q8_0, 7}, OutBF16: {gguf.BF16, 32}}

// OutTypes lists the names.
var OutTypes = []OutType{OutF32, OutF16, OutBF16, OutQ8}

// GGUFOptions are the choices of [GGUFAdapter] and [GGUFModel].
type GGUFOptions struct {
	Name string  // general.name
	Type OutType // "": float32 for an adapter, else what the base is stored in; a quantised weight that is merged into is float16 then
}

// form is a base in GGUF's words.
type form struct {
	*ggufarch.Model
	// multimodal tells that the base is a multimodal model, of which the text half is written.
	multimodal bool
	// words is what a directory says of its tokens.
	words ggufvocab.Model
}

func formOf(base *bases.Base) (form, error) {
	m, err := base.GGUFModel()
	return form{Model: m, multimodal: base.GGUF() == nil && base.Config().Nested}, err
}

// withWords adds what a directory says of its tokens.
func (o form) withWords(base *bases.Base) (form, error) {
	if base.GGUF() != nil {
		return o, nil
	}
	c := base.Config()
	o.words = ggufvocab.Model{Size: o.Vocabulary, BOS: c.BOS, Pad: c.Pad, EOS: base.EOS()}
	tok, err := open.Tokenizer(base.Dir())
	if err != nil {
		return o, err
	}
	template, err := open.Template(base.Dir(), tok)
	if errors.Is(err, chat.ErrNoTemplate) {
		return o, nil
	}
	if err != nil {
		return o, err
	}
	o.words.Template = template.Source()
	return o, nil
}

// published is the name of a tensor or module of the base in the model of text alone, "" for what is of
// no text (docs/format/base.md has both generations of names).
func (o form) published(name string) string {
	if !o.multimodal || name == headModule {
		return name
	}
	for _, p := range [...][2]string{
		{"model.language_model.", "model."}, {"language_model.model.", "model."}, {"language_model.lm_head.", "lm_head."}, {"lm_head.", "lm_head."},
	} {
		if rest, ok := strings.CutPrefix(name, p[0]); ok {
			return p[1] + rest
		}
	}
	return ""
}

// GGUFReport is what was written.
type GGUFReport struct {
	Report
	Notes []string // what the reader of the file should know
}

// GGUFAdapter writes an adapter as a GGUF file for llama.cpp's --lora (llama.cpp,
// convert_lora_to_gguf.py): A and B of each module, the rows of B in the order of the base's. The
// scaling there is alpha/rank, so rank-stabilised ones are folded into alpha; modules whose scaling
// differs have the difference in B. Experts have their factors stacked, as the base has its matrices.
func GGUFAdapter(base *bases.Base, a *adapters.Adapter, out string, o GGUFOptions) (GGUFReport, error) {
	f, err := formOf(base)
	if err != nil {
		return GGUFReport{}, err
	}
	if err := fitsBase(base, a); err != nil {
		return GGUFReport{}, err
	}
	return writeAdapter(f, a, out, o)
}

func writeAdapter(f form, a *adapters.Adapter, out string, o GGUFOptions) (GGUFReport, error) {
	if err := peft.Check(a); err != nil {
		return GGUFReport{}, err
	}
	if a.Config.UseDoRA {
		return GGUFReport{}, errors.New("llama.cpp knows no DoRA: merge the adapter into its base instead")
	}
	modules, err := peft.Modules(a)
	if err != nil {
		return GGUFReport{}, err
	}
	alpha := a.Config.ScalingOf("", a.Config.Rank) * float64(a.Config.Rank)
	if alpha == 0 {
		alpha = 1 // llama.cpp takes 0 for no scaling at all; B is 0 then
	}
	entries, err := f.adapterEntries(modules, a.Config, o.Type, alpha)
	if err != nil {
		return GGUFReport{}, err
	}
	pairs := []gguf.Pair{
		gguf.NewPair("general.architecture", f.Arch.Name),
		gguf.NewPair("general.type", "adapter"),
		gguf.NewPair("general.name", o.Name),
		gguf.NewPair("adapter.type", "lora"),
		gguf.NewPair("adapter.lora.alpha", float32(alpha)),
	}
	r := GGUFReport{Report: Report{Modules: len(modules), Tensors: len(entries), Bytes: sizeOf(entries), Shards: 1}}
	return r, writeGGUF(out, pairs, entries)
}

// rowsOfB is a copy of B with its rows in the order of the base's file, and with what the file has
// folded into the base's weight.
func rowsOfB(m peft.Module, model *ggufarch.Model) ([]float32, error) {
	b := slices.Clone(m.B.Data)
	weight := m.Name + weightSuffix
	if heads := model.Heads(weight); heads > 0 {
		order, err := ggufarch.Order(m.B.Shape[0], heads)
		if err != nil {
			return nil, fmt.Errorf("%w: module %q: %w", adapters.ErrBaseMismatch, m.Name, err)
		}
		permute(b, m.B.Data, order)
	}
	scale(b, model.Fold(weight))
	return b, nil
}

// permute puts row i of src to row order[i] of dst.
func permute(dst, src []float32, order []int) {
	n := len(src) / len(order)
	for i, row := range order {
		copy(dst[row*n:(row+1)*n], src[i*n:(i+1)*n])
	}
}

func scale(v []float32, factor float64) {
	if factor == 1 {
		return
	}
	for i := range v {
		v[i] *= float32(factor)
	}
}

// entryOf is a tensor that is stored as typ where it can be: vectors as float32, and as float16
// what has no whole blocks of Q8_0.
func entryOf(name string, typ gguf.Type, shape []int, load func() ([]float32, error)) gguf.Entry {
	if len(shape) < 2 {
		typ = gguf.F32
	}
	if _, err := typ.Size(shape); err != nil {
		typ = gguf.F16
	}
	return gguf.Entry{Name: name, Type: typ, Shape: shape, Load: func() ([]byte, error) {
		values, err := load()
		if err != nil {
			return nil, err
		}
		switch typ {
		case gguf.Q8_0:
			return quant.QuantiseQ8_0(values)
		case gguf.BF16:
			return encode(values, dtype.BF16)
		case gguf.F16:
			return encode(values, dtype.F16)
		default:
			return encode(values, dtype.F32)
		}
	}}
}

func sizeOf(entries []gguf.Entry) (total int64) {
	for _, e := range entries {
		if n, err := e.Type.Size(e.Shape); err == nil { // the writer says what is wrong
			total += n
		}
	}
	return total
}

// writeGGUF writes a file that was not there.
func writeGGUF(path string, pairs []gguf.Pair, entries []gguf.Entry) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s: %w", path, os.ErrExist)
	}
	if err := os.MkdirAll(filepath.Dir(filepath.Clean(path)), 0o777); err != nil {
		return err
	}
	return gguf.WriteFile(path, pairs, entries)
}

// GGUFModel writes a base, a model directory or a GGUF file, as a GGUF file, with an adapter merged into
// it unless that is nil. Weights of MXFP4 stay so unless a type is asked for. It goes tensor by tensor, so
// that memory is a few times the largest weight. The sums are those of [Merge], row by row.
func GGUFModel(ctx context.Context, base *bases.Base, a *adapters.Adapter, out string, o GGUFOptions) (GGUFReport, error) {
	f, err := formOf(base)
	if err == nil {
		f, err = f.withWords(base)
	}
	if err != nil {
		return GGUFReport{}, err
	}
	return writeModel(ctx, base, f, a, out, o)
}

func writeModel(ctx context.Context, base *bases.Base, f form, a *adapters.Adapter, out string, o GGUFOptions) (GGUFReport, error) {
	open := openDirectory
	if base.GGUF() != nil {
		open = openFile
	}
	g, err := open(base, f, o)
	if err != nil {
		return GGUFReport{}, fmt.Errorf("write %s as GGUF: %w", base.Dir(), err)
	}
	w := &ggufWriter{ctx: ctx, form: f, base: g, adapter: a, o: o}
	r, err := w.write(out)
	if err != nil {
		return GGUFReport{}, fmt.Errorf("write %s as GGUF: %w", base.Dir(), err)
	}
	return r, nil
}

// fitsBase holds the modules of an adapter against the base's weights.
func fitsBase(base *bases.Base, a *adapters.Adapter) error {
	modules, err := peft.Modules(a)
	if err != nil {
		return err
	}
	m := &merger{base: base, adapter: a, updates: map[string]piece{}}
	for _, module := range modules {
		if err := m.planModule(module); err != nil {
			return err
		}
	}
	return nil
}
