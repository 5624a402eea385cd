package stages

import (
	"context"
	"errors"
	"fmt"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/export"
	"github.com/cultivar/cultivar/adapters/fit"
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/internal/gguf"
)

// ExportOptions say what to make of an adapter.
type ExportOptions struct {
	Home       string
	Store      string // URL of the registry that Adapter is in, "" for the home's
	Adapter    string // directory, or a version in the registry
	Base       string // model directory or GGUF file, to merge into
	DType      export.DType
	OutType    export.OutType // of a GGUF file, "" for the default
	FoldRSLoRA bool
	Out        string // directory or GGUF file to make

	AllowOtherBase bool         // take an adapter that was trained on another base
	Warn           func(string) // may be nil
}

// fitted returns an adapter as it goes with the base.
func (o ExportOptions) fitted(a FoundAdapter, b *bases.Base) (*adapters.Adapter, error) {
	fitted, err := fit.To(a.Adapter, a.Lineage, b, fit.Options{OtherBase: o.AllowOtherBase, Warn: o.Warn})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.Name, err)
	}
	return fitted, nil
}

// ExportResult is what was written.
type ExportResult struct {
	Adapter string // "name@3", or the directory
	Merge   export.Report
	Notes   []string // what the reader of a GGUF file should know
}

// ExportPEFT writes an adapter as a PEFT directory.
func ExportPEFT(ctx context.Context, o ExportOptions) (ExportResult, error) {
	a, err := FindAdapter(ctx, o.Home, o.Store, o.Adapter)
	if err != nil {
		return ExportResult{}, err
	}
	r := ExportResult{Adapter: a.Name}
	if err := export.PEFT(a.Adapter, o.Out, export.PEFTOptions{FoldRSLoRA: o.FoldRSLoRA}); err != nil {
		return r, fmt.Errorf("export %s: %w", a.Name, err)
	}
	return r, nil
}

// ExportMerged writes the base with an adapter merged into it as a model directory.
func ExportMerged(ctx context.Context, o ExportOptions) (r ExportResult, err error) {
	a, err := FindAdapter(ctx, o.Home, o.Store, o.Adapter)
	if err != nil {
		return ExportResult{}, err
	}
	r = ExportResult{Adapter: a.Name}
	if gguf.Is(o.Base) {
		return r, fmt.Errorf("%s is a GGUF file, which a model directory cannot be made of: merge into GGUF (merged-gguf), or into the directory that it was made from", o.Base)
	}
	b, err := bases.Open(o.Base)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	if a.Adapter, err = o.fitted(a, b); err != nil {
		return r, err
	}
	if b.QuantMethod() == "" {
		r.Merge, err = export.Merged(ctx, o.Base, a.Adapter, o.Out, o.DType)
	} else {
		r.Merge, err = export.MergedQuantised(ctx, o.Base, b, a.Adapter, o.Out, o.DType)
	}
	if err != nil {
		return r, fmt.Errorf("export %s: %w", a.Name, err)
	}
	r.Notes = widenedNote(b, r.Merge.Widened, r.Merge.Stored)
	return r, nil
}

// widenedNote says that what comes of a quantised base is not quantised.
func widenedNote(b *bases.Base, weights int, stored string) []string {
	if weights == 0 {
		return nil
	}
	return []string{fmt.Sprintf("the base is quantised (%s): %d of its weights are widened and written as %s", b.QuantMethod(), weights, stored)}
}
