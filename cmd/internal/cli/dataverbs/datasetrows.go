package dataverbs

import (
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/cmd/internal/door"
	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/export"
	"github.com/cultivar/cultivar/datasets/rows"
	"github.com/cultivar/cultivar/datasets/table"
	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/workflows/kinds"
)

// screenful is how many rows are listed for people unless --limit says otherwise.
const screenful = 100

// limited flags a command that lists rows. The limit is for people: JSON has all rows unless it is
// asked for.
func limited(c *cobra.Command, limit *int) {
	c.Flags().IntVar(limit, "limit", screenful, "list no more rows; 0 for all, as --json does")
}

// collect takes the rows that match up to the limit, and counts those that match.
func collect[T table.Row](c *cobra.Command, a *door.App, rows iter.Seq2[T, error], limit int, match func(T) bool) (list []T, all int, err error) {
	if a.JSON && !c.Flags().Changed("limit") {
		limit = 0
	}
	for row, err := range rows {
		if err == nil {
			err = c.Context().Err()
		}
		if err != nil {
			return nil, 0, err
		}
		if !match(row) {
			continue
		}
		if all++; limit <= 0 || all <= limit {
			list = append(list, row)
		}
	}
	return list, all, nil
}

// printRows prints rows of a dataset as a JSON array.
func printRows[T table.Row](a *door.App, all []T) error {
	list := []any{}
	for _, r := range all {
		line, err := rows.JSON(r)
		if err != nil {
			return err
		}
		list = append(list, line)
	}
	return a.PrintJSON(list)
}

// noteMore says what a list leaves out.
func noteMore(a *door.App, shown, all int) {
	if shown < all {
		a.Note("%d of %d rows; --limit 0 lists all", shown, all)
	}
}

func datasetExclusionsCommand(a *door.App) *cobra.Command {
	var rule string
	var limit int
	c := &cobra.Command{
		Use:   "exclusions REF [--rule RULE]",
		Short: "List what was dropped, and why",
		Long: `List the documents, and the parts of documents, that were dropped, with the rule that dropped them,
the value it measured and the limit it held that against.`,
		Example: `  cultivar dataset exclusions handbook
  cultivar dataset exclusions handbook --rule filter/min_chars --limit 0`,
		Args: door.ExactArgs("REF"),
		RunE: func(c *cobra.Command, args []string) error {
			d, err := OpenDataset(a, c.Context(), args[0])
			if err != nil {
				return err
			}
			list, all, err := collect(c, a, d.Exclusions(), limit, func(e datasets.Exclusion) bool {
				return rule == "" || rule == e.Rule || rule == e.Stage+"/"+e.Rule
			})
			if err != nil {
				return err
			}
			if a.JSON {
				return printRows(a, list)
			}
			noteMore(a, len(list), all)
			return printExclusions(a, d, list)
		},
	}
	c.Flags().StringVar(&rule, "rule", "", "only of this rule, as min_chars or filter/min_chars")
	limited(c, &limit)
	return c
}

// number prints a measured value: whole numbers whole, others with three digits.
func number(v float64) string {
	if v == float64(int64(v)) {
		return fmt.Sprint(int64(v))
	}
	return fmt.Sprintf("%.3g", v)
}

func datasetRedactionsCommand(a *door.App) *cobra.Command {
	var entity string
	var limit int
	c := &cobra.Command{
		Use:   "redactions REF [--entity ENTITY]",
		Short: "List what was redacted, and what found it",
		Long: `List what was redacted: where it stood, what kind of thing it was, which detector found it, and what
stands there now. The dataset does not hold what stood there before. Offsets are in characters of
the text before redaction, -1 outside of the text.`,
		Example: `  cultivar dataset redactions handbook
  cultivar dataset redactions handbook --entity EMAIL --json`,
		Args: door.ExactArgs("REF"),
		RunE: func(c *cobra.Command, args []string) error {
			d, err := OpenDataset(a, c.Context(), args[0])
			if err != nil {
				return err
			}
			list, all, err := collect(c, a, d.Redactions(), limit, func(r datasets.Redaction) bool {
				return entity == "" || strings.EqualFold(entity, r.Entity)
			})
			if err != nil {
				return err
			}
			if a.JSON {
				return printRows(a, list)
			}
			noteMore(a, len(list), all)
			return printRedactions(a, list)
		},
	}
	c.Flags().StringVar(&entity, "entity", "", "only of this kind, as EMAIL")
	limited(c, &limit)
	return c
}

func printRedactions(a *door.App, list []datasets.Redaction) error {
	columns := []door.Column{{Name: "SOURCE", Shrink: 's'}, {Name: "ENTITY"}, {Name: "DETECTOR", Shrink: 'e', Spare: 2}, {Name: "SCORE", Right: true, Spare: 3},
		{Name: "START", Right: true, Spare: 4}, {Name: "END", Right: true, Spare: 4}, {Name: "NOW", Shrink: 'e', Spare: 1}}
	var rows [][]string
	for _, r := range list {
		rows = append(rows, []string{r.SourceURI, r.Entity, r.Detector, fmt.Sprintf("%.2f", r.Score), fmt.Sprint(r.Start), fmt.Sprint(r.End), r.Replacement})
	}
	return a.PrintTable(columns, rows)
}

// sampled are the tables that sample draws from.
var sampled = []string{"documents", "examples"}

func datasetSampleCommand(a *door.App) *cobra.Command {
	var n int
	var seed uint64
	var kind string
	c := &cobra.Command{
		Use:   "sample REF [-n N] [--seed S]",
		Short: "Print some rows, drawn at random",
		Long: `Print some documents, or examples, drawn at random and in their order. The same seed draws the same
rows of a version.`,
		Example: `  cultivar dataset sample handbook -n 5
  cultivar dataset sample handbook --table examples --seed 7`,
		Args: door.ExactArgs("REF"),
		RunE: func(c *cobra.Command, args []string) error {
			if n < 1 {
				return door.Usagef("-n is %d, want 1 or more", n)
			}
			d, err := OpenDataset(a, c.Context(), args[0])
			if err != nil {
				return err
			}
			if kind == "examples" {
				return sample(a, d.Examples(), n, seed, func(e datasets.Example) error {
					return printText(a, fmt.Sprintf("%s (%s)", e.ExampleID, e.Split), textOf(e))
				})
			}
			return sample(a, d.Documents(), n, seed, func(d datasets.Document) error {
				return printText(a, fmt.Sprintf("%s (%s characters)", d.SourceURI, humanize.Count(int64(d.NChars))), d.Text)
			})
		},
	}
	f := c.Flags()
	f.IntVarP(&n, "rows", "n", 3, "how many rows")
	f.Uint64Var(&seed, "seed", 0, "of the draw")
	f.StringVar(&kind, "table", sampled[0], door.Either(sampled))
	door.Choices(c, "table", sampled...)
	return c
}

func sample[T table.Row](a *door.App, rows iter.Seq2[T, error], n int, seed uint64, show func(T) error) error {
	list, err := export.Sample(rows, n, seed)
	if err != nil {
		return err
	}
	if a.JSON {
		return printRows(a, list)
	}
	for _, row := range list {
		if err := show(row); err != nil {
			return err
		}
	}
	return nil
}

// textOf is an example's text; of a conversation, its turns.
func textOf(e datasets.Example) string {
	if len(e.Messages) == 0 {
		return e.Text
	}
	var b strings.Builder
	for _, m := range e.Messages {
		fmt.Fprintf(&b, "%s: %s\n", m.Role, m.Content)
	}
	return b.String()
}

// printText prints a heading and a text, of which terminals must not obey what is in it.
func printText(a *door.App, heading, text string) error {
	var errs []error
	for _, line := range append([]string{"── " + heading}, strings.Split(strings.TrimRight(text, "\n"), "\n")...) {
		errs = append(errs, a.Say("%s", strings.ReplaceAll(line, "\t", "    ")))
	}
	return errors.Join(append(errs, a.Say(""))...)
}

func datasetDiffCommand(a *door.App) *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use:   "diff A B",
		Short: "Compare the documents and settings of two versions",
		Example: `  cultivar dataset diff handbook@1 handbook
  cultivar dataset diff handbook support --limit 10`,
		Args: door.ExactArgs("A", "B"),
		RunE: func(c *cobra.Command, args []string) error {
			left, err := OpenDataset(a, c.Context(), args[0])
			if err != nil {
				return err
			}
			right, err := OpenDataset(a, c.Context(), args[1])
			if err != nil {
				return err
			}
			d, err := export.DiffDatasets(left, right)
			if err != nil {
				return err
			}
			if a.JSON {
				return a.PrintJSON(d)
			}
			return printDatasetDiff(a, d, limit)
		},
	}
	c.Flags().IntVar(&limit, "limit", screenful, "list no more documents of each kind; 0 for all")
	return c
}

func printDatasetDiff(a *door.App, d export.DatasetDiff, limit int) error {
	if d.Same {
		return a.Say("%s and %s have the same content", d.A, d.B)
	}
	var errs []error
	for _, s := range d.Settings {
		errs = append(errs, a.Say("setting %s: %s → %s", s.Key, door.OrNone(s.A), door.OrNone(s.B)))
	}
	for _, part := range []struct {
		mark string
		list []export.DocumentRef
	}{{"-", d.Removed}, {"+", d.Added}, {"~", d.Changed}} {
		for i, doc := range part.list {
			if limit > 0 && i == limit {
				a.Note("%d of %d documents marked %s; --limit 0 lists all", limit, len(part.list), part.mark)
				break
			}
			errs = append(errs, a.Say("%s %s", part.mark, doc.SourceURI))
		}
	}
	return errors.Join(append(errs, a.Say("%d documents added, %d removed, %d changed", len(d.Added), len(d.Removed), len(d.Changed)))...)
}

func runDatasetExport(a *door.App, c *cobra.Command, ref string, o export.RowsOptions, split string) error {
	if split != "" && o.Table != "examples" {
		return door.Usagef("--split is for --table examples")
	}
	var err error
	if o.Dataset, err = OpenDataset(a, c.Context(), ref); err != nil {
		return err
	}
	o.Split = datasets.Split(split)
	r, err := door.Recorded(a, c, kinds.ExportingRows(), o)
	if err != nil {
		return err
	}
	if a.JSON {
		return a.PrintJSON(r)
	}
	return a.Say("%d %s of %s in %s", r.Rows, r.Table, r.Dataset, r.Out)
}
