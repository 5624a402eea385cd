package kinds

import (
	"context"
	"fmt"

	rows "github.com/cultivar/cultivar/datasets/export"
	"github.com/cultivar/cultivar/workflows"
	"github.com/cultivar/cultivar/workflows/exporting"
)

// Exporting makes files for other programs out of an adapter, its base, or both.
func Exporting(format string) workflows.Work[exporting.Options, exporting.Result] {
	return workflows.Work[exporting.Options, exporting.Result]{
		Name: "export",
		Do: func(ctx context.Context, o exporting.Options) (exporting.Result, error) {
			return exporting.To(ctx, format, o)
		},
		Config: func(o exporting.Options) any {
			return map[string]any{"format": format, "dtype": fmt.Sprint(o.DType), "outtype": fmt.Sprint(o.OutType), "fold_rslora": o.FoldRSLoRA}
		},
		Tell: func(o exporting.Options, r exporting.Result) (used, made []workflows.Artefact) {
			if r.Adapter != "" {
				used = one(workflows.Adapter, r.Adapter, r.AdapterDigest)
			}
			if o.Base != "" {
				used = append(used, workflows.Artefact{Type: workflows.Base, Ref: o.Base, Digest: r.BaseDigest})
			}
			return used, one(workflows.Files, o.Out, r.Digest)
		},
	}
}

// ExportingRows makes a file for other programs out of a table of a dataset version.
func ExportingRows() workflows.Work[rows.RowsOptions, rows.RowsFile] {
	return workflows.Work[rows.RowsOptions, rows.RowsFile]{
		Name: "dataset export", Do: rows.ExportRows,
		Config: func(o rows.RowsOptions) any {
			return map[string]any{"table": o.Table, "split": o.Split, "format": o.Format}
		},
		Tell: func(o rows.RowsOptions, r rows.RowsFile) (used, made []workflows.Artefact) {
			return one(workflows.Dataset, r.Dataset, o.Dataset.Manifest.Digest), one(workflows.Files, r.Out, r.Digest)
		},
	}
}
