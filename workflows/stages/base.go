// Package stages holds the steps of the work: each joins two or more rooms and moves an artefact
// from one to the next. The command line calls them one by one, workflows compose them.
package stages

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/bases/hub"
	"github.com/cultivar/cultivar/datasets/chat"
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

// Chat turns conversations into tokens of this base.
func (b *Base) Chat(on chat.TrainOn) *chat.Encoder {
	return &chat.Encoder{Tokenizer: b.Tokenizer, Template: b.Template, TrainOn: on, Stop: b.Stop()}
}

// Model binds the base's weights, with the adapter in adapterDir unless that is empty.
func (b *Base) Model(adapterDir string) (*model.Model, error) {
	if adapterDir == "" {
		return model.New(b.Config(), b.Weights, model.Attachment{})
	}
	f, err := b.factors(adapterDir)
	if err != nil {
		return nil, err
	}
	return model.New(b.Config(), b.Weights, f.Attachment())
}

// factors reads an adapter as factors on this base's modules.
func (b *Base) factors(adapterDir string) (*lora.Factors, error) {
	a, err := peft.Read(adapterDir)
	if err != nil {
		return nil, err
	}
	modules, err := model.Modules(b.Config(), b.Base)
	if err != nil {
		return nil, err
	}
	f, err := lora.FromAdapter(a, modules)
	if errors.Is(err, adapters.ErrBaseMismatch) {
		return nil, fmt.Errorf("%s does not fit %s: %w", adapterDir, b.Dir(), err)
	}
	return f, err
}
