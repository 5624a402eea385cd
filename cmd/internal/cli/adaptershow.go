package cli

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
	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/workflows/stages"
)

func (a *app) adapterShowCommand(store *string) *cobra.Command {
	return &cobra.Command{
		Use:   "show REF",
		Short: "Say what a version is and what it was made from",
		Args:  exactArgs("REF"),
		RunE: func(c *cobra.Command, args []string) error {
			reg, err := a.toRead(c.Context(), *store)
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
			shown := shownJSON{m, m.Ref().String(), registry.AliasesAt(aliases, m.Version, false)}
			if a.json {
				return a.printJSON(shown)
			}
			return a.printShown(shown)
		},
	}
}

func (a *app) printShown(s shownJSON) error {
	body, err := publish.ParseBody(s.Body)
	if err != nil {
		return err
	}
	var f fields
	f.add("version", "%s", s.Ref)
	f.some("aliases", commas(s.Aliases))
	f.add("digest", "%s", s.Digest)
	f.add("created", "%s", s.CreatedAt.UTC().Format(time.RFC3339))
	f.some("by", s.CreatedBy)
	config, err := peft.ParseConfig(body.Config)
	if err != nil {
		return fmt.Errorf("%s of %s: %w", peft.ConfigName, s.Ref, err)
	}
	f.add("lora", "%s", loraText(config))
	if len(body.Lineage) > 0 {
		var l adapters.Lineage
		if err := json.Unmarshal(body.Lineage, &l); err != nil {
			return fmt.Errorf("%s of %s: %w", adapters.LineageFile, s.Ref, err)
		}
		addLineage(&f, l)
	}
	for i, file := range s.Files {
		f.add(map[bool]string{true: "files"}[i == 0], "%s  %s  %s", shortDigest(file.Digest), file.Path, humanize.Bytes(file.Size))
	}
	return a.printFields(&f)
}

// loraText is an adapter's settings on one line.
func loraText(c adapters.Config) string {
	text := fmt.Sprintf("r %d, alpha %g", c.Rank, c.Alpha)
	if c.UseRSLoRA {
		text += ", rank-stabilised"
	}
	if c.UseDoRA {
		text += ", DoRA"
	}
	return text + " on " + commas(slices.Concat(c.TargetModules, c.TargetParameters))
}

// addLineage appends what an adapter was made from.
func addLineage(f *fields, l adapters.Lineage) {
	f.add("base", "%s %s", l.Base.Name, l.Base.Digest)
	for _, d := range l.Datasets {
		name := d.Name
		if d.Version > 0 {
			name = fmt.Sprintf("%s@%d", d.Name, d.Version)
		}
		f.add("data", "%s %s", name, d.Digest)
	}
	f.some("began from", l.InitAdapter)
	f.add("config", "%s", l.ConfigDigest)
	f.add("made with", "%s", l.Tool)
	m := l.Metrics
	f.add("training", "%d steps, %s tokens, loss %.4f on the last step", m.Steps, humanize.Count(m.Tokens), m.TrainLoss)
	if m.EvalLossBefore != nil && m.EvalLossAfter != nil {
		f.add("held out", "%.4f before, %.4f after", *m.EvalLossBefore, *m.EvalLossAfter)
	}
}

func (a *app) adapterHistoryCommand(store *string) *cobra.Command {
	return a.historyCommand(func(ctx context.Context, name, alias string) ([]registry.Event, error) {
		reg, err := a.toRead(ctx, *store)
		if err != nil {
			return nil, err
		}
		return reg.Events(ctx, name, alias)
	})
}

// historyCommand tells of the versions and aliases of an adapter or a dataset.
func (a *app) historyCommand(of func(ctx context.Context, name, alias string) ([]registry.Event, error)) *cobra.Command {
	var alias string
	c := &cobra.Command{
		Use:   "history NAME [--alias ALIAS]",
		Short: "List what was published, and where aliases pointed when",
		Args:  exactArgs("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			events, err := of(c.Context(), args[0], alias)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(events)
			}
			return a.printHistory(events)
		},
	}
	c.Flags().StringVar(&alias, "alias", "", "only of this alias")
	return c
}

func (a *app) printHistory(events []registry.Event) error {
	columns := []column{{name: "WHEN"}, {name: "EVENT"}, {name: "ALIAS", shrink: 'e'}, {name: "VERSION", right: true}, {name: "WHO", shrink: 'e'}, {name: "WHY", shrink: 'e'}}
	var rows [][]string
	for _, e := range events {
		version := ""
		if e.Version > 0 {
			version = fmt.Sprint(e.Version)
		}
		rows = append(rows, []string{e.At.UTC().Format("2006-01-02 15:04"), e.Event, e.Alias, version, e.Who, e.Why})
	}
	return a.printTable(columns, rows)
}

func (a *app) adapterVerifyCommand(store *string) *cobra.Command {
	return &cobra.Command{
		Use:   "verify REF",
		Short: "Read an adapter whole and check digests, shapes and values",
		Args:  exactArgs("REF"),
		RunE: func(c *cobra.Command, args []string) error {
			found, err := a.findAdapter(c.Context(), *store, args[0])
			if err != nil {
				return err
			}
			digest := peft.Digest(found.Adapter)
			if a.json {
				return a.printJSON(soundJSON{found.Name, digest, len(found.Adapter.Tensors), found.Size})
			}
			_, err = fmt.Fprintf(a.out, "%s is sound: %d tensors, %s, all finite\n", found.Name, len(found.Adapter.Tensors), humanize.Bytes(found.Size))
			return err
		},
	}
}

func (a *app) findAdapter(ctx context.Context, store, ref string) (stages.FoundAdapter, error) {
	home, err := a.homeDir()
	if err != nil {
		return stages.FoundAdapter{}, err
	}
	return stages.FindAdapter(ctx, home, store, ref)
}

func (a *app) adapterDiffCommand(store *string) *cobra.Command {
	return &cobra.Command{
		Use:   "diff A B",
		Short: "Compare what two adapters compute, module by module",
		Long: `Compare two adapters: their settings and, for each module, the Frobenius norms of the updates s·B·A
and of their difference. Factors that differ and multiply to the same update differ by about 0.`,
		Args: exactArgs("A", "B"),
		RunE: func(c *cobra.Command, args []string) error {
			var found [2]stages.FoundAdapter
			for i, ref := range args {
				var err error
				if found[i], err = a.findAdapter(c.Context(), *store, ref); err != nil {
					return err
				}
			}
			d, err := diff.Of(diff.Named{Name: found[0].Name, Adapter: found[0].Adapter}, diff.Named{Name: found[1].Name, Adapter: found[1].Adapter})
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(d)
			}
			return a.printAdapterDiff(d)
		},
	}
}

func (a *app) printAdapterDiff(d diff.Diff) error {
	if d.Same {
		_, err := fmt.Fprintf(a.out, "%s and %s compute the same\n", d.A, d.B)
		return err
	}
	for _, s := range d.Settings {
		if _, err := fmt.Fprintf(a.out, "%s: %s → %s\n", s.Key, printable(orNone(s.A)), printable(orNone(s.B))); err != nil {
			return err
		}
	}
	columns := []column{{name: "MODULE", shrink: 's'}, {name: "A", right: true}, {name: "B", right: true}, {name: "DIFFERENCE", right: true}}
	var rows [][]string
	for _, m := range d.Modules {
		rows = append(rows, []string{m.Module, fmt.Sprintf("%.4g", m.A), fmt.Sprintf("%.4g", m.B), fmt.Sprintf("%.4g", m.Difference)})
	}
	return a.printTable(columns, rows)
}

// soundJSON is the result of adapter verify.
type soundJSON struct {
	Adapter string `json:"adapter"` // name@version, or the directory
	Digest  string `json:"adapter_digest"`
	Tensors int    `json:"tensors"`
	Bytes   int64  `json:"bytes"` // as float32
}
