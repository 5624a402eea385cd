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
	"os"

	"github.com/cultivar/cultivar/internal/dtype"
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

// Base is an open base, whatever its format. Its methods are safe for concurrent use, Close excepted.
type Base struct {
	path       string
	config     *Config
	family     *Family
	generation Generation
	format
}

// format is how a base lies on the disk: a directory of safetensors, or a GGUF file. Tensors have the
// names that transformers uses now.
type format interface {
	// Tensors returns the names of all tensors, sorted. The caller must not change the slice.
	Tensors() []string
	// Has reports whether the weights hold a tensor of that name.
	Has(name string) bool
	// Tensor returns a view of a tensor of F32, BF16 or F16, or of a quantised weight.
	Tensor(name string) (View, error)
	// Raw returns a tensor of any type as bytes. That of a quantised weight is its codes alone.
	Raw(name string) (safetensors.Tensor, error)
	// Stored is the name of a tensor in the files, "" where they have none.
	Stored(name string) string
	// QuantMethod names how weights are stored in fewer bits, "" where none is: a quant_method of
	// config.json, or the types of a GGUF file.
	QuantMethod() string

	digest(*Config) (string, error)
	quantised(name string) bool // whether the tensor is stored in fewer bits; it need not be one of a known type
	forget(name string)         // lets go of the memory that a tensor of a mapped file takes
	close() error
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

// Open opens the base at path, a directory or a GGUF file. Weights are mapped, not read. Of a family that
// is not among those that are known, what is particular to it is taken for what most have.
func Open(path string, families Families) (*Base, error) {
	open := openDirectory
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
		open = openGGUF
	}
	b, err := open(path, families)
	if err != nil {
		return nil, err
	}
	b.path, b.family = path, families.of(b.config)
	return b, nil
}

// Close unmaps the weights; views of them must no longer be used.
func (b *Base) Close() error { return b.close() }

// Dir is the directory, or the GGUF file, that the base was opened from.
func (b *Base) Dir() string { return b.path }

// Config returns the model's configuration, which the caller must not change.
func (b *Base) Config() *Config { return b.config }

// Family is what is particular to the base's family, nil where that is not known.
func (b *Base) Family() *Family { return b.family }

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

// Digest identifies the base: "sha256:" and the hex digest over its weights, config, tokenizer and
// chat template, as docs/format/base.md defines it. Adapters are bound to it. The first call reads
// all weights; the digests of weight files are remembered while the process runs.
func (b *Base) Digest() (string, error) { return b.digest(b.config) }
