// Package stages holds the work of the steps, with what each is told and what it reports: each joins two or
// more rooms and moves an artefact from one to the next. The command line calls them one by one; workflows
// know those that they may name as kinds (package kinds), which put inputs and outputs around them.
package stages

import (
	"context"
	"errors"
	"fmt"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/fit"
	"github.com/cultivar/cultivar/bases/open"
	"github.com/cultivar/cultivar/trainer/lora"
	"github.com/cultivar/cultivar/trainer/model"
)

// Base is an open base with its words, on which models run.
type Base struct{ *open.Base }

// OpenBase opens a model directory or a GGUF file. Its linear weights are quantised in memory, by a
// method of [bases.QuantiseMethods], unless quantize is empty.
func OpenBase(path, quantize string) (*Base, error) {
	b, err := open.Open(path, model.Families(), quantize)
	if err != nil {
		return nil, err
	}
	return &Base{b}, nil
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
	f, err := b.FactorsOf(found, ref)
	return f, found, err
}

// FactorsOf is the same of an adapter that was found.
func (b *Base) FactorsOf(found FoundAdapter, ref AdapterRef) (*lora.Factors, error) {
	a, err := fit.To(found.Adapter, found.Lineage, b.Base.Base, fit.Options{OtherBase: ref.AllowOtherBase, Warn: ref.Warn})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", found.Name, err)
	}
	modules, err := model.Modules(b.Config(), b.Base.Base)
	if err != nil {
		return nil, err
	}
	f, err := lora.FromAdapter(a, modules)
	if errors.Is(err, adapters.ErrBaseMismatch) {
		err = fmt.Errorf("%s does not fit %s: %w", found.Name, b.Dir(), err)
	}
	return f, err
}
