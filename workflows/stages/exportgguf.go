package stages

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/export"
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/bases/ggufarch"
	"github.com/cultivar/cultivar/datasets/chat"
	"github.com/cultivar/cultivar/trainer/lora"
	"github.com/cultivar/cultivar/trainer/model"
)

// ExportGGUF writes an adapter as a GGUF file for engines that add it to a base in GGUF.
func ExportGGUF(ctx context.Context, o ExportOptions) (r ExportResult, err error) {
	a, err := FindAdapter(ctx, o.Home, o.Store, o.Adapter)
	if err != nil {
		return ExportResult{}, err
	}
	r = ExportResult{Adapter: a.Name}
	b, err := bases.Open(o.Base)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	options := export.GGUFOptions{Name: filepath.Base(a.Name), Type: o.OutType, Multimodal: b.Config().Nested}
	if options.Model, err = ggufModelOf(b); err != nil {
		return r, fmt.Errorf("%s: %w", o.Base, err)
	}
	if a.Adapter, err = o.fitted(a, b); err != nil {
		return r, err
	}
	if err := adapterFits(b, a.Adapter); err != nil {
		return r, fmt.Errorf("%s does not fit %s: %w", a.Name, o.Base, err)
	}
	report, err := export.GGUFAdapter(a.Adapter, o.Out, options)
	if err != nil {
		return r, fmt.Errorf("export %s: %w", a.Name, err)
	}
	r.Merge, r.Notes = report.Report, report.Notes
	return r, nil
}

// ExportMergedGGUF writes a base as a GGUF file, with an adapter merged into it where one is named.
func ExportMergedGGUF(ctx context.Context, o ExportOptions) (r ExportResult, err error) {
	var a *adapters.Adapter
	options := export.GGUFOptions{Type: o.OutType}
	b, err := bases.Open(o.Base)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	if options.Name, err = nameOf(o.Base); err != nil {
		return r, err
	}
	if o.Adapter != "" {
		found, err := FindAdapter(ctx, o.Home, o.Store, o.Adapter)
		if err != nil {
			return r, err
		}
		if a, err = o.fitted(found, b); err != nil {
			return r, err
		}
		r.Adapter = found.Name
	}
	if b.GGUF() == nil {
		if err := describe(&options, b); err != nil {
			return r, fmt.Errorf("%s: %w", o.Base, err)
		}
	}
	write := export.GGUFModel
	if b.QuantMethod() != "" && b.GGUF() == nil {
		write = func(ctx context.Context, path string, a *adapters.Adapter, out string, o export.GGUFOptions) (export.GGUFReport, error) {
			return export.GGUFModelQuantised(ctx, path, b, a, out, o)
		}
	}
	report, err := write(ctx, o.Base, a, o.Out, options)
	r.Merge, r.Notes = report.Report, append(widenedNote(b, report.Widened, report.Stored), report.Notes...)
	return r, err
}

// describe fills in what a model directory says of itself.
func describe(options *export.GGUFOptions, b *bases.Base) error {
	m, err := ggufModel(b.Config())
	if err != nil {
		return err
	}
	options.Model, options.Multimodal = m, b.Config().Nested
	options.Special = ggufarch.Special{BOS: b.Config().BOS, Pad: b.Config().Pad, EOS: b.EOS()}
	tok, err := openTokenizer(b.Dir())
	if err != nil {
		return err
	}
	template, err := openTemplate(b.Dir(), tok)
	if errors.Is(err, chat.ErrNoTemplate) {
		return nil
	}
	if err != nil {
		return err
	}
	options.Template = template.Source()
	return nil
}

// ggufModelOf is a base in GGUF's words.
func ggufModelOf(b *bases.Base) (*ggufarch.Model, error) {
	if f := b.GGUF(); f != nil {
		return ggufarch.Read(f)
	}
	return ggufModel(b.Config())
}

// adapterFits holds the modules of an adapter against the base's.
func adapterFits(b *bases.Base, a *adapters.Adapter) error {
	modules, err := model.Modules(b.Config(), b)
	if err != nil {
		return err
	}
	_, err = lora.FromAdapter(a, modules)
	return err
}

// nameOf is what people call a file or directory.
func nameOf(path string) (string, error) {
	abs, err := filepath.Abs(path)
	return strings.TrimSuffix(filepath.Base(abs), ".gguf"), err
}
