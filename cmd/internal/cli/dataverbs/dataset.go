// Package dataverbs holds the verbs of datasets: ingest, and what dataset tells of a version.
package dataverbs

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/cmd/internal/cli/adapterverbs"
	"github.com/cultivar/cultivar/cmd/internal/door"
	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/catalog"
	"github.com/cultivar/cultivar/datasets/export"
	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/workflows/home"
	"github.com/cultivar/cultivar/workflows/publication"
)

// DatasetCommand is dataset: the versions in a home, and their rows.
func DatasetCommand(a *door.App) *cobra.Command {
	return door.Group("dataset", "Look into datasets, compare, verify and export them",
		`Look into datasets, compare, verify and export them.

REF is NAME, the latest version of a dataset, NAME@3, its third, NAME:ALIAS, where an alias points
now, or the directory of a version.`,
		datasetListCommand(a), datasetShowCommand(a), datasetCardCommand(a),
		datasetExclusionsCommand(a), datasetRedactionsCommand(a), datasetSampleCommand(a),
		datasetDiffCommand(a), datasetVerifyCommand(a), datasetExportCommand(a),
		door.Examples(adapterverbs.PromoteCommand(a, ofDatasets),
			`cultivar dataset promote handbook@1 --alias gold`, `cultivar dataset promote handbook@2 --alias gold --why "read by the works council"`),
		door.Examples(adapterverbs.RollbackCommand(a, ofDatasets),
			`cultivar dataset rollback handbook --alias gold`, `cultivar dataset rollback handbook --alias prod --why "a folder was missing"`),
		door.Examples(adapterverbs.HistoryCommand(a, func(ctx context.Context, name, alias string) ([]registry.Event, error) {
			return datasetEvents(a, ctx, name, alias)
		}), `cultivar dataset history handbook`, `cultivar dataset history handbook --alias gold`),
	)
}

func ofDatasets() publication.MoveOptions { return publication.MoveOptions{Datasets: true} }

func datasetEvents(a *door.App, ctx context.Context, name, alias string) ([]registry.Event, error) {
	h, err := a.OpenHome(ctx)
	if err != nil {
		return nil, err
	}
	return h.Datasets.Events(ctx, name, alias)
}

// OpenDataset opens the version that ref names.
func OpenDataset(a *door.App, ctx context.Context, ref string) (*catalog.Dataset, error) {
	h, err := a.OpenHome(ctx)
	if err != nil {
		return nil, err
	}
	return h.Datasets.Open(ctx, ref)
}

func datasetListCommand(a *door.App) *cobra.Command {
	return &cobra.Command{
		Use:   "ls",
		Short: "List the datasets with their latest versions",
		Example: `  cultivar dataset ls
  cultivar dataset ls --json`,
		Args: door.ExactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			h, err := a.OpenHome(c.Context())
			if err != nil {
				return err
			}
			list, damaged, err := h.Datasets.Overview(c.Context())
			if err != nil {
				return err
			}
			for _, err := range damaged {
				a.Note("warning: %v", err)
			}
			if a.JSON {
				return a.PrintJSON(list)
			}
			if len(list) == 0 {
				a.Note("no datasets in %s", homeName(a, h))
				return nil
			}
			return printDatasets(a, list)
		},
	}
}

// homeName names a home for people.
func homeName(a *door.App, h *home.Home) string {
	if h.Dir != "" {
		return h.Dir
	}
	return h.Bucket.URL()
}

func printDatasets(a *door.App, list []catalog.Listed) error {
	columns := []door.Column{{Name: "NAME", Shrink: 'e'}, {Name: "LATEST", Right: true}, {Name: "DOCUMENTS", Right: true},
		{Name: "CHARS", Right: true, Spare: 3}, {Name: "EXAMPLES", Right: true, Spare: 2}, {Name: "CREATED", Spare: 1}, {Name: "DIGEST", Spare: 4}}
	var rows [][]string
	for _, d := range list {
		rows = append(rows, []string{d.Name, fmt.Sprint(d.Version), fmt.Sprint(d.Documents), humanize.Count(d.Chars),
			fmt.Sprint(d.Examples), door.Day(d.CreatedAt), door.ShortDigest(d.Digest)})
	}
	return a.PrintTable(columns, rows)
}

func datasetShowCommand(a *door.App) *cobra.Command {
	return &cobra.Command{
		Use:   "show REF",
		Short: "Say what a version holds and what became of the documents",
		Example: `  cultivar dataset show handbook
  cultivar dataset show handbook@1 --json`,
		Args: door.ExactArgs("REF"),
		RunE: func(c *cobra.Command, args []string) error {
			d, err := OpenDataset(a, c.Context(), args[0])
			if err != nil {
				return err
			}
			return ShowDataset(a, d)
		},
	}
}

// ShowDataset prints what a version is.
func ShowDataset(a *door.App, d *catalog.Dataset) error {
	if a.JSON {
		return a.PrintJSON(d.Described())
	}
	m := d.Manifest
	var f door.Fields
	f.Add("dataset", "%s", d.Ref())
	f.Some("path", d.Dir())
	f.Add("digest", "%s", m.Digest)
	f.Add("config", "%s", m.ConfigDigest)
	f.Add("made with", "cultivar %s", m.ToolVersion)
	if !m.CreatedAt.IsZero() {
		f.Add("created", "%s", m.CreatedAt.UTC().Format(time.RFC3339))
	}
	for _, p := range m.Parents {
		f.Add("parent", "%s@%d %s", p.Name, p.Version, p.Digest)
	}
	for i, s := range m.Sources {
		f.Add(map[bool]string{true: "sources"}[i == 0], "%s", s.URI)
	}
	f.Add("documents", "%d kept of %d (%s characters)", m.Counts.Documents, m.Counts.Input, humanize.Count(m.Counts.Chars))
	addCounts(&f, "dropped", m.Counts.DroppedBy)
	addLeft(&f, m.Counts.SkippedBy)
	if len(m.Counts.SpansBy) > 0 {
		addCounts(&f, "cut out", m.Counts.SpansBy)
	}
	addCounts(&f, "redacted", m.Counts.RedactedBy)
	addCounts(&f, "examples", m.Counts.Splits)
	f.Add("files", "%d (%s)", len(m.Files), humanize.Bytes(m.Size()))
	return a.PrintFields(&f)
}

func datasetCardCommand(a *door.App) *cobra.Command {
	return &cobra.Command{
		Use:   "card REF",
		Short: "Print a version's card, as Markdown",
		Example: `  cultivar dataset card handbook
  cultivar dataset card handbook@1 > card.md`,
		Args: door.ExactArgs("REF"),
		RunE: func(c *cobra.Command, args []string) error {
			d, err := OpenDataset(a, c.Context(), args[0])
			if err != nil {
				return err
			}
			if a.JSON {
				return a.PrintJSON(catalog.Card{Card: d.Manifest.Card()})
			}
			_, err = io.WriteString(a.Out, d.Manifest.Card())
			return err
		},
	}
}

func datasetVerifyCommand(a *door.App) *cobra.Command {
	return &cobra.Command{
		Use:   "verify REF",
		Short: "Read all files of a version and compare them with its manifest",
		Example: `  cultivar dataset verify handbook
  cultivar dataset verify handbook@1 --json`,
		Args: door.ExactArgs("REF"),
		RunE: func(c *cobra.Command, args []string) error {
			d, err := OpenDataset(a, c.Context(), args[0])
			if err != nil {
				return err
			}
			if err := d.Verify(c.Context()); err != nil {
				return err
			}
			m := d.Manifest
			if a.JSON {
				return a.PrintJSON(d.Intact())
			}
			return a.Say("%s is intact: %d files, %s", d.Ref(), len(m.Files), humanize.Bytes(m.Size()))
		},
	}
}

func datasetExportCommand(a *door.App) *cobra.Command {
	var o export.RowsOptions
	var split string
	c := &cobra.Command{
		Use:   "export REF --format parquet|jsonl|arrow --out FILE",
		Short: "Write the rows of a version into one file",
		Long: `Write the rows of a version into one file: Parquet, JSON Lines, or Arrow IPC (Feather 2).

The examples are what training reads; as JSON Lines they are {"text": …} or {"messages": …} with
their ids, which other trainers take, too.`,
		Example: `  cultivar dataset export handbook --format jsonl --split train --out handbook.jsonl
  cultivar dataset export handbook@1 --table documents --format parquet --out documents.parquet`,
		Args: door.ExactArgs("REF"),
		RunE: func(c *cobra.Command, args []string) error {
			return runDatasetExport(a, c, args[0], o, split)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Format, "format", "", door.Either(export.RowFormats))
	f.StringVar(&o.Out, "out", "", "file to write, which must not exist")
	f.StringVar(&o.Table, "table", "examples", door.Either(export.Tables))
	f.StringVar(&split, "split", "", "of the examples: "+door.Either(datasets.Splits)+" (default all)")
	door.Choices(c, "format", export.RowFormats...)
	door.Choices(c, "table", export.Tables...)
	door.Choices(c, "split", door.Strings(datasets.Splits)...)
	door.Require(c, "format", "out")
	return c
}
