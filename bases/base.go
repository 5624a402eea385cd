// Package bases opens the frozen model that adapters are fitted to: a Hugging Face model directory
// with config.json, safetensors weights, tokenizer and chat template, or a GGUF file that holds all of
// these. A base is never written.
//
// The package knows what is common to decoder-only models and nothing of any family: which tensors
// must exist and which config keys are honoured is for trainer/model to decide, for which unknown
// keys are kept. docs/format/base.md describes the directory and its digest.
package bases

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cultivar/cultivar/internal/bounded"
	"github.com/cultivar/cultivar/internal/dtype"
	"github.com/cultivar/cultivar/internal/mapped"
	"github.com/cultivar/cultivar/internal/quant"
	"github.com/cultivar/cultivar/internal/safetensors"
)

// ErrNotBase means that a directory is no model directory.
var ErrNotBase = errors.New("not a model directory")

// ErrNoTensor means that the weights hold no tensor of that name.
var ErrNoTensor = errors.New("no such tensor")

// The files of a base directory besides the weights.
const (
	configName          = "config.json"
	generationName      = "generation_config.json"
	tokenizerName       = "tokenizer.json"
	tokenizerConfigName = "tokenizer_config.json"
	templateName        = "chat_template.jinja"
)

// maxJSON bounds what is read of a JSON file, in bytes; the largest tokenizer.json known are 35 MB.
const maxJSON = 1 << 28

// Base is an open base. Its methods are safe for concurrent use, Close excepted.
type Base struct {
	dir        string
	config     *Config
	generation Generation
	weights    *safetensors.Sharded
	gguf       *ggufWeights      // of a GGUF file; there are no weights then
	quantised  *quantised        // nil when the files hold plain tensors
	names      map[string]string // in the files, by the names that transformers uses now; nil where they agree
}

// Generation is what generation_config.json says about where generation begins and ends; nil where
// it says nothing. Sampling parameters are the caller's and are not read.
type Generation struct {
	BOS, Pad *int
	EOS      []int
}

// View is a tensor as it is stored. Where Quant is set, that is all of it; otherwise of F32 and U16
// the one that Type names: U16 holds the bits of BF16 or F16. The memory is the mapped file:
// read-only, and valid until the base is closed.
type View struct {
	Type  dtype.Type
	F32   []float32
	U16   []uint16
	Quant *quant.Tensor // rows of the last dimension of Shape, all other dimensions counted together
	Shape []int

	// Transposed tells that the last two dimensions stand the other way round than in a checkpoint of
	// plain tensors. It is so for experts that are stacked in a format whose rows must be outputs.
	Transposed bool
}

// Open opens the base in dir, which may also be a GGUF file. Weights are mapped, not read.
func Open(dir string) (*Base, error) {
	if info, err := os.Stat(dir); err == nil && info.Mode().IsRegular() {
		return openGGUF(dir)
	}
	b := &Base{dir: dir}
	text, err := b.read(configName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w: %s is missing; a base is a directory as transformers' save_pretrained writes it", dir, ErrNotBase, configName)
	}
	if err != nil {
		return nil, err
	}
	if b.config, err = ParseConfig(text); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, configName), err)
	}
	if b.generation, err = b.readGeneration(); err != nil {
		return nil, err
	}
	if b.weights, err = safetensors.OpenSharded(dir); err != nil {
		return nil, err
	}
	if b.quantised, err = readQuantised(b.config, b.weights); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", dir, err), b.weights.Close())
	}
	if b.names, err = laterNames(b.config, b.storedNames()); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", dir, err), b.weights.Close())
	}
	return b, nil
}

// Close unmaps the weights; views of them must no longer be used.
func (b *Base) Close() error {
	if b.gguf != nil {
		return b.gguf.file.Close()
	}
	return b.weights.Close()
}

// Dir is the directory, or the GGUF file, that the base was opened from.
func (b *Base) Dir() string { return b.dir }

// Config returns the model's configuration, which the caller must not change.
func (b *Base) Config() *Config { return b.config }

// Generation returns what generation_config.json says.
func (b *Base) Generation() Generation { return b.generation }

// EOS lists the ids that end a generated text: generation_config.json's, which is the list that
// chat models keep complete, or else config.json's.
func (b *Base) EOS() []int {
	if len(b.generation.EOS) > 0 {
		return b.generation.EOS
	}
	return b.config.EOS
}

// Tensors returns the names of all tensors, sorted. The caller must not change the slice.
func (b *Base) Tensors() []string {
	if b.gguf != nil {
		return b.gguf.names
	}
	return b.tensorNames()
}

// Tensor returns a view of a tensor of F32, BF16 or F16, or of a quantised weight.
func (b *Base) Tensor(name string) (View, error) {
	if b.gguf != nil {
		return b.gguf.view(name)
	}
	if w, ok := b.quantised.weight(b.stored(name)); ok {
		packed, _ := b.weights.Tensor(w.packed)
		v, err := w.view(packed)
		if err != nil {
			return View{}, fmt.Errorf("%s: %w", b.dir, err)
		}
		return v, nil
	}
	t, err := b.Raw(name)
	if err != nil {
		return View{}, err
	}
	v := View{Shape: t.Shape}
	if v.Type, err = dtype.Parse(t.DType); err != nil {
		return View{}, fmt.Errorf("%s: tensor %q: %w", b.dir, name, err)
	}
	if v.Type == dtype.F32 {
		v.F32, err = safetensors.ViewF32(t)
	} else {
		v.U16, err = safetensors.ViewU16(t)
	}
	return v, err
}

// Raw returns a tensor of any type as bytes. That of a quantised weight is its codes alone.
func (b *Base) Raw(name string) (safetensors.Tensor, error) {
	if b.gguf != nil {
		return b.gguf.raw(name)
	}
	t, ok := b.storedTensor(b.stored(name))
	if !ok {
		return safetensors.Tensor{}, fmt.Errorf("%s: %w: %q", b.dir, ErrNoTensor, name)
	}
	return t, nil
}

// forget lets go of the memory that a tensor of a mapped file takes.
func (b *Base) forget(name string) {
	if b.weights == nil {
		return
	}
	if t, ok := b.weights.Tensor(name); ok {
		mapped.Forget(t.Data)
	}
}

// Has reports whether the weights hold a tensor of that name.
func (b *Base) Has(name string) bool {
	if b.gguf != nil {
		_, ok := b.gguf.places[name]
		return ok
	}
	_, ok := b.storedTensor(b.stored(name))
	return ok
}

func (b *Base) readGeneration() (Generation, error) {
	text, err := b.read(generationName)
	if errors.Is(err, fs.ErrNotExist) {
		return Generation{}, nil
	}
	if err != nil {
		return Generation{}, err
	}
	r, err := newReader(text)
	if err != nil {
		return Generation{}, fmt.Errorf("%s: %w", filepath.Join(b.dir, generationName), err)
	}
	g := Generation{BOS: r.id("bos_token_id"), Pad: r.id("pad_token_id"), EOS: r.ids("eos_token_id")}
	if r.err != nil {
		return Generation{}, fmt.Errorf("%s: %w", filepath.Join(b.dir, generationName), r.err)
	}
	return g, nil
}

// read returns the content of a file of the directory.
func (b *Base) read(name string) ([]byte, error) {
	return bounded.ReadFile(filepath.Join(b.dir, name), maxJSON)
}
