// Package exporting turns what the home holds into files for other programs: adapters, merged models, rows.
package exporting

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/export"
	"github.com/cultivar/cultivar/adapters/fit"
	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/store/tree"
	"github.com/cultivar/cultivar/trainer/model"
	"github.com/cultivar/cultivar/workflows/models"
)

// Options say what to make of an adapter.
type Options struct {
	models.AdapterRef
	Base       string // model directory or GGUF file, to merge into
	DType      export.DType
	OutType    export.OutType // of a GGUF file, "" for the default
	FoldRSLoRA bool
	Out        string // directory or GGUF file to make
}

// Result is what was written.
type Result struct {
	Adapter string `json:"adapter"` // "name@3", or the directory
	Format  string `json:"format"`
	Out     string `json:"out"`
	Digest  string `json:"digest"` // of the file or of the directory's files
	*export.Report
	Notes []string `json:"notes,omitempty"` // what the reader of the files should know

	AdapterDigest string `json:"-"` // of what the adapter computes
	BaseDigest    string `json:"-"`
}

// The formats of exports.
const (
	FormatPEFT       = "peft"
	FormatMerged     = "merged"
	FormatGGUF       = "gguf"
	FormatMergedGGUF = "merged-gguf"
)

// Formats lists them.
var Formats = []string{FormatPEFT, FormatMerged, FormatGGUF, FormatMergedGGUF}

// To writes what a format asks for.
func To(ctx context.Context, format string, o Options) (Result, error) {
	switch format {
	case FormatPEFT:
		return PEFT(ctx, o)
	case FormatMerged:
		return Merged(ctx, o)
	case FormatGGUF:
		return GGUF(ctx, o)
	case FormatMergedGGUF:
		return MergedGGUF(ctx, o)
	}
	return Result{}, fmt.Errorf("there is no format %q", format)
}

// PEFT writes an adapter as a PEFT directory.
func PEFT(ctx context.Context, o Options) (Result, error) {
	a, err := models.FindAdapter(ctx, o.AdapterRef)
	if err != nil {
		return Result{}, err
	}
	if err := export.PEFT(a.Adapter, o.Out, export.PEFTOptions{FoldRSLoRA: o.FoldRSLoRA}); err != nil {
		return Result{}, fmt.Errorf("export %s: %w", a.Name, err)
	}
	digest, err := tree.DigestOf(ctx, o.Out)
	return Result{Adapter: a.Name, Format: FormatPEFT, Out: o.Out, Digest: string(digest), AdapterDigest: peft.Digest(a.Adapter)}, err
}

// Merged writes the base with an adapter merged into it as a model directory.
func Merged(ctx context.Context, o Options) (Result, error) {
	return onBase(ctx, o, FormatMerged, func(b *bases.Base, a *adapters.Adapter, _ string) (export.GGUFReport, error) {
		r, err := export.Merged(ctx, b, a, o.Out, o.DType)
		return export.GGUFReport{Report: r}, err
	})
}

// GGUF writes an adapter as a GGUF file for engines that add it to a base in GGUF.
func GGUF(ctx context.Context, o Options) (Result, error) {
	return onBase(ctx, o, FormatGGUF, func(b *bases.Base, a *adapters.Adapter, name string) (export.GGUFReport, error) {
		return export.GGUFAdapter(b, a, o.Out, export.GGUFOptions{Name: filepath.Base(name), Type: o.OutType})
	})
}

// MergedGGUF writes a base as a GGUF file, with an adapter merged into it where one is named.
func MergedGGUF(ctx context.Context, o Options) (Result, error) {
	return onBase(ctx, o, FormatMergedGGUF, func(b *bases.Base, a *adapters.Adapter, _ string) (export.GGUFReport, error) {
		abs, err := filepath.Abs(o.Base)
		if err != nil {
			return export.GGUFReport{}, err
		}
		return export.GGUFModel(ctx, b, a, o.Out, export.GGUFOptions{Name: strings.TrimSuffix(filepath.Base(abs), ".gguf"), Type: o.OutType})
	})
}

// onBase opens the base, finds the adapter unless none is named, and writes what comes of the two.
func onBase(ctx context.Context, o Options, format string, write func(*bases.Base, *adapters.Adapter, string) (export.GGUFReport, error)) (r Result, err error) {
	b, err := bases.Open(o.Base, model.Families())
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	r.Format, r.Out = format, o.Out
	var a *adapters.Adapter
	if o.Adapter != "" {
		found, err := models.FindAdapter(ctx, o.AdapterRef)
		if err != nil {
			return r, err
		}
		r.Adapter, r.AdapterDigest = found.Name, peft.Digest(found.Adapter)
		if a, err = fit.To(found.Adapter, found.Lineage, b, fit.Options{OtherBase: o.AllowOtherBase, Warn: o.Warn}); err != nil {
			return r, fmt.Errorf("%s: %w", found.Name, err)
		}
	}
	report, err := write(b, a, r.Adapter)
	if err != nil && r.Adapter != "" {
		err = fmt.Errorf("export %s: %w", r.Adapter, err)
	}
	if err != nil {
		return r, err
	}
	if r.BaseDigest, err = b.Digest(); err != nil {
		return r, err
	}
	digest, err := tree.DigestOf(ctx, o.Out)
	if err != nil {
		return r, err
	}
	r.Digest = string(digest)
	r.Report, r.Notes = &report.Report, append(widenedNote(b, report.Widened, report.Stored), report.Notes...)
	return r, nil
}

// widenedNote says that what comes of a quantised base is not quantised.
func widenedNote(b *bases.Base, weights int, stored string) []string {
	if weights == 0 {
		return nil
	}
	return []string{fmt.Sprintf("the base is quantised (%s): %d of its weights are widened and written as %s", b.QuantMethod(), weights, stored)}
}
