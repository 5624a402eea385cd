// Package stages holds the steps of the work: each joins two or more rooms and moves an artefact
// from one to the next. The command line calls them one by one, workflows compose them.
package stages

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/fit"
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/bases/hub"
	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/chat"
	"github.com/cultivar/cultivar/datasets/examples"
	"github.com/cultivar/cultivar/datasets/tokenizer"
	"github.com/cultivar/cultivar/trainer/lora"
	"github.com/cultivar/cultivar/trainer/model"
)

// Base is an open base with its tokenizer and, when it has one, its chat template.
type Base struct {
	*bases.Base
	Weights   bases.Weights // the base's, perhaps quantised on the way
	Tokenizer *tokenizer.Tokenizer
	Template  *chat.Template // nil when there is none
}

// OpenBase opens a model directory or a GGUF file. Its linear weights are quantised in memory, by a
// method of [bases.QuantiseMethods], unless quantize is empty.
func OpenBase(dir, quantize string) (*Base, error) {
	b, err := bases.Open(dir)
	if err != nil {
		return nil, err
	}
	var weights bases.Weights = b
	if quantize != "" {
		if weights, err = bases.Quantise(b, quantize); err != nil {
			return nil, errors.Join(err, b.Close())
		}
	}
	tok, err := openTokenizer(dir)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open tokenizer: %w", err), b.Close())
	}
	tmpl, err := openTemplate(dir, tok)
	if err != nil && !errors.Is(err, chat.ErrNoTemplate) {
		return nil, errors.Join(fmt.Errorf("open chat template: %w", err), b.Close())
	}
	return &Base{Base: b, Weights: weights, Tokenizer: tok, Template: tmpl}, nil
}

// Name is what people call the base: the directory's name, or org/name in the cache of the hub,
// where directories are named after commits.
func (b *Base) Name() string {
	if name, _ := hub.Name(b.Dir()); name != "" {
		return name
	}
	abs, err := filepath.Abs(b.Dir())
	if err != nil {
		return filepath.Base(b.Dir())
	}
	return filepath.Base(abs)
}

// Stop lists the tokens that end a generated text: what the base's configuration names, and what its
// vocabulary does (of a GGUF file, the end of a turn and of a message as well).
func (b *Base) Stop() []int32 {
	var stop []int32
	for _, id := range b.EOS() {
		stop = append(stop, int32(id))
	}
	for _, id := range b.Tokenizer.Stops() {
		if !slices.Contains(stop, id) {
			stop = append(stop, id)
		}
	}
	return stop
}

// Encoder turns training rows into tokens of this base.
func (b *Base) Encoder(appendEOS bool) (examples.Encoder, error) {
	e := examples.Encoder{Tokenizer: b.Tokenizer}
	if b.Template != nil {
		e.Chat = func(m []datasets.Message) ([]int32, []bool, error) { return b.Template.Example(b.Tokenizer, m) }
		e.Answer = func(m []datasets.Message, answer string) ([]int32, []int32, error) {
			return b.Template.Answer(b.Tokenizer, m, answer)
		}
	}
	if !appendEOS {
		return e, nil
	}
	eos := b.Tokenizer.Special().EOS
	switch {
	case eos.OK:
		e.EOS = &eos.ID
	case len(b.EOS()) > 0:
		id := int32(b.EOS()[0])
		e.EOS = &id
	default:
		return e, errors.New("append_eos: the base names no end-of-sequence token")
	}
	return e, nil
}

// AdapterRef names an adapter that is put on a base.
type AdapterRef struct {
	Home, Store    string       // Store is the URL of a registry, "" for the home's
	Adapter        string       // directory, or a version in the registry; empty for the base alone
	AllowOtherBase bool         // take one that was trained on another base
	Warn           func(string) // hears what is odd about it; may be nil
}

// Model binds the base's weights, with the adapter unless none is named.
func (b *Base) Model(ctx context.Context, ref AdapterRef) (*model.Model, error) {
	if ref.Adapter == "" {
		return model.New(b.Config(), b.Weights, model.Attachment{})
	}
	f, _, err := b.Factors(ctx, ref)
	if err != nil {
		return nil, err
	}
	return model.New(b.Config(), b.Weights, f.Attachment())
}

// Factors reads an adapter as factors on this base's modules. It returns the adapter as it was found too.
func (b *Base) Factors(ctx context.Context, ref AdapterRef) (*lora.Factors, FoundAdapter, error) {
	found, err := FindAdapter(ctx, ref.Home, ref.Store, ref.Adapter)
	if err != nil {
		return nil, found, err
	}
	a, err := fit.To(found.Adapter, found.Lineage, b.Base, fit.Options{OtherBase: ref.AllowOtherBase, Warn: ref.Warn})
	if err != nil {
		return nil, found, fmt.Errorf("%s: %w", found.Name, err)
	}
	modules, err := model.Modules(b.Config(), b.Base)
	if err != nil {
		return nil, found, err
	}
	f, err := lora.FromAdapter(a, modules)
	if errors.Is(err, adapters.ErrBaseMismatch) {
		err = fmt.Errorf("%s does not fit %s: %w", found.Name, b.Dir(), err)
	}
	return f, found, err
}
