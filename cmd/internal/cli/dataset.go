package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/datasets/catalog"
	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/workflows/home"
	"github.com/cultivar/cultivar/workflows/stages"
)

func (a *app) datasetCommand() *cobra.Command {
	return group("dataset", "Look into datasets, compare, verify and export them",
		`Look into datasets, compare, verify and export them.

REF is NAME, the latest version of a dataset, NAME@3, its third, NAME:ALIAS, where an alias points
now, or the directory of a version.`,
		a.datasetListCommand(), a.datasetShowCommand(), a.datasetCardCommand(),
		a.datasetExclusionsCommand(), a.datasetRedactionsCommand(), a.datasetSampleCommand(),
		a.datasetDiffCommand(), a.datasetVerifyCommand(), a.datasetExportCommand(),
		a.promoteCommand(ofDatasets), a.rollbackCommand(ofDatasets), a.historyCommand(func(ctx context.Context, name, alias string) ([]registry.Event, error) {
			return a.datasetEvents(ctx, name, alias)
		}),
	)
}

func ofDatasets() stages.MoveOptions { return stages.MoveOptions{Datasets: true} }

func (a *app) datasetEvents(ctx context.Context, name, alias string) ([]registry.Event, error) {
	h, err := a.openHome(ctx)
	if err != nil {
		return nil, err
	}
	return h.Datasets.Events(ctx, name, alias)
}

// openDataset opens the version that ref names.
func (a *app) openDataset(ctx context.Context, ref string) (*catalog.Dataset, error) {
	h, err := a.openHome(ctx)
	if err != nil {
		return nil, err
	}
	return h.Datasets.Open(ctx, ref)
}

func (a *app) datasetListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "ls",
		Short: "List the datasets with their latest versions",
		Args:  exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			h, err := a.openHome(c.Context())
			if err != nil {
				return err
			}
			list, damaged, err := h.Datasets.Overview(c.Context())
			if err != nil {
				return err
			}
			for _, err := range damaged {
				a.note("warning: %v", err)
			}
			if a.json {
				return a.printJSON(list)
			}
			if len(list) == 0 {
				a.note("no datasets in %s", a.homeName(h))
				return nil
			}
			return a.printDatasets(list)
		},
	}
}

// homeName names a home for people.
func (a *app) homeName(h *home.Home) string {
	if h.Dir != "" {
		return h.Dir
	}
	return h.Bucket.URL()
}

func (a *app) printDatasets(list []catalog.Listed) error {
	columns := []column{{name: "NAME", shrink: 'e'}, {name: "LATEST", right: true}, {name: "DOCUMENTS", right: true},
		{name: "CHARS", right: true}, {name: "EXAMPLES", right: true}, {name: "CREATED"}, {name: "DIGEST"}}
	var rows [][]string
	for _, d := range list {
		rows = append(rows, []string{d.Name, fmt.Sprint(d.Version), fmt.Sprint(d.Documents), humanize.Count(d.Chars),
			fmt.Sprint(d.Examples), day(d.CreatedAt), shortDigest(d.Digest)})
	}
	return a.printTable(columns, rows)
}

// manifestJSON is a manifest and where it is.
type manifestJSON struct {
	catalog.Manifest
	Ref  string `json:"ref"`
	Path string `json:"path,omitempty"` // of its directory, when it is on this machine
}

func (a *app) datasetShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show REF",
		Short: "Say what a version holds and what became of the documents",
		Args:  exactArgs("REF"),
		RunE: func(c *cobra.Command, args []string) error {
			d, err := a.openDataset(c.Context(), args[0])
			if err != nil {
				return err
			}
			return a.showDataset(d)
		},
	}
}

func (a *app) showDataset(d *catalog.Dataset) error {
	if a.json {
		return a.printJSON(manifestJSON{d.Manifest, d.Ref(), d.Dir()})
	}
	m := d.Manifest
	var f fields
	f.add("dataset", "%s", d.Ref())
	f.some("path", d.Dir())
	f.add("digest", "%s", m.Digest)
	f.add("config", "%s", m.ConfigDigest)
	f.add("made with", "cultivar %s", m.ToolVersion)
	if !m.CreatedAt.IsZero() {
		f.add("created", "%s", m.CreatedAt.UTC().Format(time.RFC3339))
	}
	for _, p := range m.Parents {
		f.add("parent", "%s@%d %s", p.Name, p.Version, p.Digest)
	}
	for i, s := range m.Sources {
		f.add(map[bool]string{true: "sources"}[i == 0], "%s", s.URI)
	}
	f.add("documents", "%d kept of %d (%s characters)", m.Counts.Documents, m.Counts.Input, humanize.Count(m.Counts.Chars))
	addCounts(&f, "dropped", m.Counts.DroppedBy)
	if len(m.Counts.SpansBy) > 0 {
		addCounts(&f, "cut out", m.Counts.SpansBy)
	}
	addCounts(&f, "redacted", m.Counts.RedactedBy)
	addCounts(&f, "examples", m.Counts.Splits)
	f.add("files", "%d (%s)", len(m.Files), humanize.Bytes(datasetBytes(m)))
	return a.printFields(&f)
}

func datasetBytes(m catalog.Manifest) (n int64) {
	for _, f := range m.Files {
		n += f.Size
	}
	return n
}

func (a *app) datasetCardCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "card REF",
		Short: "Print a version's card, as Markdown",
		Args:  exactArgs("REF"),
		RunE: func(c *cobra.Command, args []string) error {
			d, err := a.openDataset(c.Context(), args[0])
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(cardJSON{d.Manifest.Card()})
			}
			_, err = io.WriteString(a.out, d.Manifest.Card())
			return err
		},
	}
}

func (a *app) datasetVerifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify REF",
		Short: "Read all files of a version and compare them with its manifest",
		Args:  exactArgs("REF"),
		RunE: func(c *cobra.Command, args []string) error {
			d, err := a.openDataset(c.Context(), args[0])
			if err != nil {
				return err
			}
			if err := d.Verify(c.Context()); err != nil {
				return err
			}
			m := d.Manifest
			if a.json {
				return a.printJSON(intactJSON{d.Ref(), m.Digest, len(m.Files), datasetBytes(m)})
			}
			_, err = fmt.Fprintf(a.out, "%s is intact: %d files, %s\n", d.Ref(), len(m.Files), humanize.Bytes(datasetBytes(m)))
			return err
		},
	}
}

func (a *app) datasetExportCommand() *cobra.Command {
	var o stages.RowsOptions
	var split string
	c := &cobra.Command{
		Use:   "export REF --format parquet|jsonl|arrow --out FILE",
		Short: "Write the rows of a version into one file",
		Long: `Write the rows of a version into one file: Parquet, JSON Lines, or Arrow IPC (Feather 2).

The examples are what training reads; as JSON Lines they are {"text": …} or {"messages": …} with
their ids, which other trainers take, too.`,
		Args: exactArgs("REF"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.runDatasetExport(c, args[0], o, split)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Format, "format", "", "parquet, jsonl or arrow")
	f.StringVar(&o.Out, "out", "", "file to write, which must not exist")
	f.StringVar(&o.Table, "table", "examples", "documents, examples, exclusions or redactions")
	f.StringVar(&split, "split", "", "of the examples: train, validation or test (default all)")
	require(c, "format", "out")
	return c
}

// cardJSON is the result of dataset card.
type cardJSON struct {
	Card string `json:"card"` // Markdown
}

// intactJSON is the result of dataset verify.
type intactJSON struct {
	Dataset string `json:"dataset"`
	Digest  string `json:"digest"`
	Files   int    `json:"files"`
	Bytes   int64  `json:"bytes"`
}
