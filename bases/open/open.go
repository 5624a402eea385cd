// Package open opens what a base speaks with, whatever its format: its tokenizer and its chat template.
package open

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/bases/hub"
	"github.com/cultivar/cultivar/datasets/chat"
	"github.com/cultivar/cultivar/datasets/tokenizer"
	"github.com/cultivar/cultivar/internal/bounded"
	"github.com/cultivar/cultivar/internal/gguf"
)

// Base is an open base with its tokenizer and, when it has one, its chat template.
type Base struct {
	*bases.Base
	Weights   bases.Weights // the base's, perhaps quantised on the way
	Tokenizer *tokenizer.Tokenizer
	Template  *chat.Template // nil when there is none
}

// Open opens a base. Its linear weights are quantised in memory, by a method of [bases.QuantiseMethods],
// unless quantize is empty.
func Open(path string, families bases.Families, quantize string) (*Base, error) {
	b, err := bases.Open(path, families)
	if err != nil {
		return nil, err
	}
	open, err := of(b, quantize)
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return open, nil
}

func of(b *bases.Base, quantize string) (*Base, error) {
	var weights bases.Weights = b
	var err error
	if quantize != "" {
		if weights, err = bases.Quantise(b, quantize); err != nil {
			return nil, err
		}
	}
	tok, err := Tokenizer(b.Dir())
	if err != nil {
		return nil, fmt.Errorf("open tokenizer: %w", err)
	}
	tmpl, err := Template(b.Dir(), tok)
	if err != nil && !errors.Is(err, chat.ErrNoTemplate) {
		return nil, fmt.Errorf("open chat template: %w", err)
	}
	return &Base{Base: b, Weights: weights, Tokenizer: tok, Template: tmpl}, nil
}

// Chat turns conversations into tokens of this base.
func (b *Base) Chat(on chat.TrainOn) *chat.Encoder {
	return &chat.Encoder{Tokenizer: b.Tokenizer, Template: b.Template, TrainOn: on, Stop: b.Stop()}
}

// Name is what people call the base: the directory's name, or org/name in the cache of the hub,
// where directories are named after commits.
func (b *Base) Name() string { return Name(b.Dir()) }

// Name is what people call the base at a path.
func Name(path string) string {
	if name, _ := hub.Name(path); name != "" {
		return name
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return filepath.Base(path)
	}
	return filepath.Base(abs)
}

// Stop lists the tokens that end a generated text.
func (b *Base) Stop() []int32 { return Stop(b.Base, b.Tokenizer) }

// Stop lists the tokens that end a generated text: what the base's configuration names, and what its
// vocabulary does (of a GGUF file, the end of a turn and of a message as well).
func Stop(b *bases.Base, tok *tokenizer.Tokenizer) []int32 {
	var stop []int32
	for _, id := range b.EOS() {
		stop = append(stop, int32(id))
	}
	for _, id := range tok.Stops() {
		if !slices.Contains(stop, id) {
			stop = append(stop, id)
		}
	}
	return stop
}

// Tokenizer opens the tokenizer of a base: the files of a directory, or the metadata of a GGUF file,
// which need not hold weights.
func Tokenizer(path string) (tok *tokenizer.Tokenizer, err error) {
	if !gguf.Is(path) {
		return tokenizer.Open(path)
	}
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	vocabulary, err := bases.Vocabulary(f)
	if err != nil {
		return nil, err
	}
	if tok, err = tokenizer.FromGGUF(vocabulary); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return tok, nil
}

// Template opens the chat template of a base. Without one it returns chat.ErrNoTemplate.
func Template(path string, tok *tokenizer.Tokenizer) (tmpl *chat.Template, err error) {
	if !gguf.Is(path) {
		return chat.Open(path, tok)
	}
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	text := bases.ChatTemplate(f)
	if text == "" {
		return nil, chat.ErrNoTemplate
	}
	return chat.FromSource(text, tok.Names()), nil
}

// Kind is the kind of a base's tokenizer as tokenizer.json calls it, "" where it does not say. Old files
// leave it out; then the model is the one that has merges (huggingface/tokenizers, models/mod.rs).
func Kind(path string) string {
	if gguf.Is(path) {
		return ggufKind(path)
	}
	data, err := bounded.ReadFile(filepath.Join(path, "tokenizer.json"), 256<<20)
	if err != nil {
		return ""
	}
	var f struct {
		Model map[string]json.RawMessage `json:"model"`
	}
	if json.Unmarshal(data, &f) != nil {
		return ""
	}
	var kind string
	if json.Unmarshal(f.Model["type"], &kind) != nil && f.Model["merges"] != nil {
		kind = "BPE"
	}
	return kind
}

// ggufKind is the kind of tokenizer that a GGUF file's model name stands for.
func ggufKind(path string) string {
	f, err := gguf.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	name, _ := f.String("tokenizer.ggml.model")
	return tokenizer.GGUFKind(name)
}
