package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/adapters/publish"
	"github.com/cultivar/cultivar/workflows"
	"github.com/cultivar/cultivar/workflows/run"
	"github.com/cultivar/cultivar/workflows/stages"
	"github.com/cultivar/cultivar/workflows/training"
)

// making is a verb that makes something, as history keeps it: O are its options, R is its result.
type making[O, R any] struct {
	kind   string
	config func(O) any          // what decides the result beside the inputs
	tell   func(*run.Log, O, R) // what it worked on and what it made
}

// recorded does the work of a verb that makes something, and keeps what became of it in the home.
func recorded[O, R any](a *app, c *cobra.Command, m making[O, R], work func(context.Context, O) (R, error), o O) (R, error) {
	var r R
	h, err := a.history(c.Context())
	if err != nil {
		return r, err
	}
	err = h.Record(c.Context(), m.kind, m.config(o), func(ctx context.Context, l *run.Log) error {
		var err error
		if r, err = work(ctx, o); err == nil {
			m.tell(l, o, r)
		}
		return err
	})
	return r, err
}

func artefact(t workflows.Type, ref, digest string) workflows.Artefact {
	return workflows.Artefact{Type: t, Ref: ref, Digest: digest}
}

func ingesting() making[stages.IngestOptions, stages.IngestResult] {
	return making[stages.IngestOptions, stages.IngestResult]{
		kind: "ingest", config: func(o stages.IngestOptions) any { return o.Config },
		tell: func(l *run.Log, o stages.IngestOptions, r stages.IngestResult) {
			for _, s := range o.Sources {
				l.Input(artefact(workflows.Documents, s, ""))
			}
			l.Output(artefact(workflows.Dataset, r.Dataset.Ref(), r.Dataset.Manifest.Digest))
		},
	}
}

func trainingRun() making[training.Options, training.Result] {
	return making[training.Options, training.Result]{
		kind: "train", config: func(o training.Options) any { return o.Config },
		tell: func(l *run.Log, o training.Options, r training.Result) {
			l.Input(artefact(workflows.Base, r.Lineage.Base.Name, r.Lineage.Base.Digest))
			for _, d := range r.Lineage.Datasets {
				ref := d.Name
				if d.Version > 0 {
					ref = fmt.Sprintf("%s@%d", d.Name, d.Version)
				}
				l.Input(artefact(workflows.Dataset, ref, d.Digest))
			}
			l.Output(artefact(workflows.Adapter, o.OutDir, r.AdapterDigest))
		},
	}
}

func publishing() making[stages.PublishOptions, publish.Result] {
	return making[stages.PublishOptions, publish.Result]{
		kind: "publish", config: func(o stages.PublishOptions) any {
			return map[string]any{"name": o.Name, "version": o.Version, "alias": o.Alias, "to": o.Store}
		},
		tell: func(l *run.Log, o stages.PublishOptions, r publish.Result) {
			l.Input(artefact(workflows.Adapter, o.Dir, ""))
			l.Output(artefact(workflows.Version, r.Manifest.Ref().String(), r.Manifest.Digest))
		},
	}
}

func pulling() making[stages.PullOptions, publish.Result] {
	return making[stages.PullOptions, publish.Result]{
		kind: "pull", config: func(o stages.PullOptions) any { return map[string]any{"from": o.Store} },
		tell: func(l *run.Log, o stages.PullOptions, r publish.Result) {
			l.Input(artefact(workflows.Version, r.Manifest.Ref().String(), r.Manifest.Digest))
			l.Output(artefact(workflows.Adapter, o.Out, r.Manifest.Digest))
		},
	}
}

func exporting(format string) making[stages.ExportOptions, stages.ExportResult] {
	return making[stages.ExportOptions, stages.ExportResult]{
		kind: "export", config: func(o stages.ExportOptions) any {
			return map[string]any{"format": format, "dtype": fmt.Sprint(o.DType), "outtype": fmt.Sprint(o.OutType), "fold_rslora": o.FoldRSLoRA}
		},
		tell: func(l *run.Log, o stages.ExportOptions, r stages.ExportResult) {
			if r.Adapter != "" {
				l.Input(artefact(workflows.Adapter, r.Adapter, ""))
			}
			if o.Base != "" {
				l.Input(artefact(workflows.Base, o.Base, ""))
			}
			l.Output(artefact(workflows.Files, o.Out, ""))
		},
	}
}
