package adapterverbs

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/diff"
	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/adapters/publish"
	"github.com/cultivar/cultivar/cmd/internal/door"
	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/workflows/inspect"
	"github.com/cultivar/cultivar/workflows/models"
)

func adapterShowCommand(a *door.App, store *string) *cobra.Command {
	var page string
	c := &cobra.Command{
		Use:   "show REF",
		Short: "Say what a version is and what it was made from",
		Long: `Say what a version is and what it was made from. With --html a page is written as well: curves of the
training, lineage, settings and files, to look at in a browser or to hand on; it quotes no data.`,
		Example: `  cultivar adapter show handbook:prod
  cultivar adapter show handbook@2 --html handbook.html`,
		Args: door.ExactArgs("REF"),
		RunE: func(c *cobra.Command, args []string) error {
			reg, err := ToRead(a, c.Context(), *store)
			if err != nil {
				return err
			}
			m, err := reg.Resolve(c.Context(), args[0])
			if err != nil {
				return err
			}
			aliases, err := reg.Aliases(c.Context(), m.Name)
			if err != nil {
				return err
			}
			shown := registry.Shown{Manifest: m, Ref: m.Ref().String(), Aliases: registry.AliasesAt(aliases, m.Version, false), Report: page}
			if page != "" {
				if err := inspect.WriteCard(c.Context(), reg, m, shown.Aliases, page); err != nil {
					return err
				}
			}
			if a.JSON {
				return a.PrintJSON(shown)
			}
			return printShown(a, shown)
		},
	}
	c.Flags().StringVar(&page, "html", "", "write a page about the version to this file, too")
	return c
}

func printShown(a *door.App, s registry.Shown) error {
	body, err := publish.ParseBody(s.Body)
	if err != nil {
		return err
	}
	var f door.Fields
	f.Add("version", "%s", s.Ref)
	f.Some("aliases", door.Commas(s.Aliases))
	f.Add("digest", "%s", s.Digest)
	f.Add("created", "%s", s.CreatedAt.UTC().Format(time.RFC3339))
	f.Some("by", s.CreatedBy)
	config, err := peft.ParseConfig(body.Config)
	if err != nil {
		return fmt.Errorf("%s of %s: %w", peft.ConfigName, s.Ref, err)
	}
	f.Add("lora", "%s", LoraText(config))
	if len(body.Lineage) > 0 {
		var l adapters.Lineage
		if err := json.Unmarshal(body.Lineage, &l); err != nil {
			return fmt.Errorf("%s of %s: %w", adapters.LineageFile, s.Ref, err)
		}
		AddLineage(&f, l)
	}
	for i, file := range s.Files {
		f.Add(map[bool]string{true: "files"}[i == 0], "%s  %s  %s", door.ShortDigest(file.Digest), file.Path, humanize.Bytes(file.Size))
	}
	f.Some("report", s.Report)
	return a.PrintFields(&f)
}

// LoraText is an adapter's settings on one line.
func LoraText(c adapters.Config) string {
	text := fmt.Sprintf("r %d, alpha %g", c.Rank, c.Alpha)
	if c.UseRSLoRA {
		text += ", rank-stabilised"
	}
	if c.UseDoRA {
		text += ", DoRA"
	}
	return text + " on " + door.Commas(slices.Concat(c.TargetModules, c.TargetParameters))
}

// AddLineage appends what an adapter was made from.
func AddLineage(f *door.Fields, l adapters.Lineage) {
	f.Add("base", "%s %s", l.Base.Name, l.Base.Digest)
	for _, d := range l.Datasets {
		name := d.Name
		if d.Version > 0 {
			name = fmt.Sprintf("%s@%d", d.Name, d.Version)
		}
		f.Add("data", "%s %s", name, d.Digest)
	}
	f.Some("began from", l.InitAdapter)
	f.Add("config", "%s", l.ConfigDigest)
	f.Add("made with", "%s", l.Tool)
	m := l.Metrics
	f.Add("training", "%d steps, %s tokens, loss %.4f on the last step", m.Steps, humanize.Count(m.Tokens), m.TrainLoss)
	if m.EvalLossBefore != nil && m.EvalLossAfter != nil {
		f.Add("held out", "%.4f before, %.4f after", *m.EvalLossBefore, *m.EvalLossAfter)
	}
}

func adapterHistoryCommand(a *door.App, store *string) *cobra.Command {
	of := func(ctx context.Context, name, alias string) ([]registry.Event, error) {
		reg, err := ToRead(a, ctx, *store)
		if err != nil {
			return nil, err
		}
		return reg.Events(ctx, name, alias)
	}
	return door.Examples(HistoryCommand(a, of), `cultivar adapter history handbook`, `cultivar adapter history handbook --alias prod`)
}

// HistoryCommand tells of the versions and aliases of an adapter or a dataset.
func HistoryCommand(a *door.App, of func(ctx context.Context, name, alias string) ([]registry.Event, error)) *cobra.Command {
	var alias string
	c := &cobra.Command{
		Use:   "history NAME [--alias ALIAS]",
		Short: "List what was published, and where aliases pointed when",
		Args:  door.ExactArgs("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			events, err := of(c.Context(), args[0], alias)
			if err != nil {
				return err
			}
			if a.JSON {
				return a.PrintJSON(events)
			}
			return printHistory(a, events)
		},
	}
	c.Flags().StringVar(&alias, "alias", "", "only of this alias")
	return c
}

func printHistory(a *door.App, events []registry.Event) error {
	columns := []door.Column{{Name: "WHEN"}, {Name: "EVENT", Shrink: 'e'}, {Name: "ALIAS", Shrink: 'e', Spare: 1}, {Name: "VERSION", Right: true}, {Name: "WHO", Shrink: 'e', Spare: 3}, {Name: "WHY", Shrink: 'e', Spare: 2}}
	var rows [][]string
	for _, e := range events {
		version := ""
		if e.Version > 0 {
			version = fmt.Sprint(e.Version)
		}
		rows = append(rows, []string{e.At.UTC().Format("2006-01-02 15:04"), e.Event, e.Alias, version, e.Who, e.Why})
	}
	return a.PrintTable(columns, rows)
}

func adapterVerifyCommand(a *door.App, store *string) *cobra.Command {
	return &cobra.Command{
		Use:   "verify REF",
		Short: "Read an adapter whole and check digests, shapes and values",
		Example: `  cultivar adapter verify handbook:prod
  cultivar adapter verify ./handbook-adapter`,
		Args: door.ExactArgs("REF"),
		RunE: func(c *cobra.Command, args []string) error {
			found, err := FindAdapter(a, c.Context(), *store, args[0])
			if err != nil {
				return err
			}
			if a.JSON {
				return a.PrintJSON(found.Sound())
			}
			return a.Say("%s is sound: %d tensors, %s, all finite", found.Name, len(found.Adapter.Tensors), humanize.Bytes(found.Size))
		},
	}
}

// FindAdapter reads the adapter that a directory or a reference names.
func FindAdapter(a *door.App, ctx context.Context, store, ref string) (models.FoundAdapter, error) {
	home, err := a.HomeDir()
	if err != nil {
		return models.FoundAdapter{}, err
	}
	return models.FindAdapter(ctx, models.AdapterRef{Home: home, Store: store, Adapter: ref, Warn: a.Warn})
}

func adapterDiffCommand(a *door.App, store *string) *cobra.Command {
	return &cobra.Command{
		Use:   "diff A B",
		Short: "Compare what two adapters compute, module by module",
		Long: `Compare two adapters: their settings and, for each module, the Frobenius norms of the updates s·B·A
and of their difference. Factors that differ and multiply to the same update differ by about 0.`,
		Example: `  cultivar adapter diff handbook@1 handbook@2
  cultivar adapter diff handbook:prod ./handbook-adapter`,
		Args: door.ExactArgs("A", "B"),
		RunE: func(c *cobra.Command, args []string) error {
			var found [2]models.FoundAdapter
			for i, ref := range args {
				var err error
				if found[i], err = FindAdapter(a, c.Context(), *store, ref); err != nil {
					return err
				}
			}
			d, err := diff.Of(diff.Named{Name: found[0].Name, Adapter: found[0].Adapter}, diff.Named{Name: found[1].Name, Adapter: found[1].Adapter})
			if err != nil {
				return err
			}
			if a.JSON {
				return a.PrintJSON(d)
			}
			return printAdapterDiff(a, d)
		},
	}
}

func printAdapterDiff(a *door.App, d diff.Diff) error {
	if d.Same {
		return a.Say("%s and %s compute the same", d.A, d.B)
	}
	for _, s := range d.Settings {
		if err := a.Say("%s: %s → %s", s.Key, door.OrNone(s.A), door.OrNone(s.B)); err != nil {
			return err
		}
	}
	columns := []door.Column{{Name: "MODULE", Shrink: 's'}, {Name: "A", Right: true, Spare: 1}, {Name: "B", Right: true, Spare: 1}, {Name: "DIFFERENCE", Right: true}}
	var rows [][]string
	for _, m := range d.Modules {
		rows = append(rows, []string{m.Module, fmt.Sprintf("%.4g", m.A), fmt.Sprintf("%.4g", m.B), fmt.Sprintf("%.4g", m.Difference)})
	}
	return a.PrintTable(columns, rows)
}
