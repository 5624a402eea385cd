// Package models opens what runs: a base, and on it an adapter that a directory or a registry holds.
package models

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/fit"
	"github.com/cultivar/cultivar/adapters/publish"
	"github.com/cultivar/cultivar/bases/open"
	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/trainer/checkpoint"
	"github.com/cultivar/cultivar/trainer/lora"
	"github.com/cultivar/cultivar/trainer/model"
	"github.com/cultivar/cultivar/workflows/home"
)

// Base is an open base with its words, on which models run.
type Base struct{ *open.Base }

// Open opens a model directory or a GGUF file. Its linear weights are quantised in memory, by a
// method of [bases.QuantiseMethods], unless quantize is empty.
func Open(path, quantize string) (*Base, error) {
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
	found, err := FindAdapter(ctx, ref)
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

// FoundAdapter is an adapter that was named by a directory or by a version in a registry.
type FoundAdapter = publish.Found

// FindAdapter reads the adapter that ref names: a directory, or a version in the registry, of which
// the files are verified. Of a run that is not finished it is the newest checkpoint, which ref.Warn hears of.
func FindAdapter(ctx context.Context, ref AdapterRef) (FoundAdapter, error) {
	at := ref.Adapter
	if newest := Checkpoint(at); newest != "" {
		if ref.Warn != nil {
			ref.Warn(fmt.Sprintf("%s is not finished: its newest checkpoint is taken, %s", at, newest))
		}
		at = newest
	}
	return publish.Find(ctx, at, func() (*registry.Registry, error) { return home.Registry(ctx, ref.Home, ref.Store) })
}

// Checkpoint is the newest checkpoint of a run that has not written its adapter yet, named by its output directory
// or by that of its checkpoints; "" where a path is no such directory. A checkpoint is an adapter like any other.
func Checkpoint(path string) string {
	if publish.IsAdapter(path) {
		return ""
	}
	for _, dir := range []string{filepath.Join(path, trainer.CheckpointDir), path} {
		names, err := checkpoint.List(dir)
		if err != nil {
			continue // whoever opens it says what is wrong with it
		}
		for _, name := range slices.Backward(names) {
			if at := filepath.Join(dir, name); publish.IsAdapter(at) {
				return at
			}
		}
	}
	return ""
}
