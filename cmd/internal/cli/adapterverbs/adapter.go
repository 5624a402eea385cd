// Package adapterverbs holds the verbs of published adapters and of the stores that they are in.
package adapterverbs

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/cmd/internal/door"
	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/workflows"
	"github.com/cultivar/cultivar/workflows/home"
	"github.com/cultivar/cultivar/workflows/kinds"
	"github.com/cultivar/cultivar/workflows/publication"
)

// AdapterCommand is adapter: what a registry holds, and where its aliases point.
func AdapterCommand(a *door.App) *cobra.Command {
	var store string
	c := door.Group("adapter", "List, compare, promote and roll back published adapters",
		`List, compare, promote and roll back published adapters.

REF is NAME, the highest version, NAME@3, the third, or NAME:ALIAS, where an alias points now; verify
and diff also take a directory.`,
		adapterListCommand(a, &store), adapterShowCommand(a, &store), adapterHistoryCommand(a, &store),
		adapterPromoteCommand(a, &store), adapterRollbackCommand(a, &store), adapterVerifyCommand(a, &store), adapterDiffCommand(a, &store),
	)
	c.PersistentFlags().StringVar(&store, "store", "", door.StoreUsage)
	return c
}

// ToRead opens the adapters at a store's URL, or the home's, for a look at what is there: what is named must be.
func ToRead(a *door.App, ctx context.Context, store string) (*registry.Registry, error) {
	open := a.OpenHome
	if store != "" {
		open = func(ctx context.Context) (*home.Home, error) { return home.OfStore(ctx, store) }
	}
	h, err := open(ctx)
	if err != nil {
		return nil, err
	}
	return h.Adapters, nil
}

func adapterListCommand(a *door.App, store *string) *cobra.Command {
	return &cobra.Command{
		Use:   "ls [NAME]",
		Short: "List the adapters with their highest versions, or the versions of one",
		Example: `  cultivar adapter ls
  cultivar adapter ls handbook --store ./store`,
		Args: door.AtMostArgs("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			reg, err := ToRead(a, c.Context(), *store)
			if err != nil {
				return err
			}
			list, damaged, err := reg.List(c.Context(), door.First(args))
			if err != nil {
				return err
			}
			for _, p := range damaged {
				a.Note("warning: %s: %s", p.Key, p.Reason)
			}
			if a.JSON {
				return a.PrintJSON(list)
			}
			if len(list)+len(damaged) == 0 {
				a.Note("nothing is published in %s", reg.Bucket().URL())
				return nil
			}
			return printVersions(a, list)
		},
	}
}

func printVersions(a *door.App, list []registry.Listed) error {
	columns := []door.Column{{Name: "NAME", Shrink: 'e'}, {Name: "VERSION", Right: true}, {Name: "ALIASES", Shrink: 'e'},
		{Name: "SIZE", Right: true, Spare: 2}, {Name: "CREATED", Spare: 1}, {Name: "BY", Shrink: 'e', Spare: 3}, {Name: "DIGEST", Spare: 4}}
	var rows [][]string
	for _, v := range list {
		rows = append(rows, []string{v.Name, fmt.Sprint(v.Version), door.Commas(v.Aliases), humanize.Bytes(v.Bytes), door.Day(v.CreatedAt), v.CreatedBy, door.ShortDigest(v.Digest)})
	}
	return a.PrintTable(columns, rows)
}

func adapterPromoteCommand(a *door.App, store *string) *cobra.Command {
	return door.Examples(PromoteCommand(a, func() publication.MoveOptions { return publication.MoveOptions{Store: *store} }),
		`cultivar adapter promote handbook@1 --alias canary`, `cultivar adapter promote handbook@2 --alias canary --why "answers better"`)
}

func adapterRollbackCommand(a *door.App, store *string) *cobra.Command {
	return door.Examples(RollbackCommand(a, func() publication.MoveOptions { return publication.MoveOptions{Store: *store} }),
		`cultivar adapter rollback handbook --alias canary`, `cultivar adapter rollback handbook --alias prod --why "answers got worse"`)
}

// PromoteCommand moves an alias of an adapter or a dataset; of says where that is.
func PromoteCommand(a *door.App, of func() publication.MoveOptions) *cobra.Command {
	var alias, by, why string
	c := &cobra.Command{
		Use:   "promote NAME@VERSION --alias ALIAS",
		Short: "Point an alias at a version",
		Long: `Point an alias at a version. The move is appended to the alias's history, with who and why; of two at
once one comes after the other.`,
		Args: door.ExactArgs("NAME@VERSION"),
		RunE: func(c *cobra.Command, args []string) error {
			if ref, err := registry.ParseRef(args[0]); err == nil && ref.Version == 0 {
				return door.Usagef("%s names no version; want NAME@VERSION", args[0])
			}
			return move(a, c, kinds.Promotion(), of(), args[0], alias, door.Who(by), why)
		},
	}
	aliasFlags(c, &alias, &by, &why)
	return c
}

// RollbackCommand is rollback of an alias, of adapters or datasets.
func RollbackCommand(a *door.App, of func() publication.MoveOptions) *cobra.Command {
	var alias, by, why string
	c := &cobra.Command{
		Use:   "rollback NAME --alias ALIAS",
		Short: "Point an alias back at the version before",
		Long: `Point an alias back at the version that it pointed at before the present one. Called again, it goes
back one more; it never returns to what was rolled back.`,
		Args: door.ExactArgs("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			return move(a, c, kinds.Rollback(), of(), args[0], alias, door.Who(by), why)
		},
	}
	aliasFlags(c, &alias, &by, &why)
	return c
}

func aliasFlags(c *cobra.Command, alias, by, why *string) {
	f := c.Flags()
	f.StringVar(alias, "alias", "", "alias to move")
	f.StringVar(by, "by", "", "who moves it (default $USER)")
	f.StringVar(why, "why", "", "why, for the history")
	door.Require(c, "alias")
}

func move(a *door.App, c *cobra.Command, work workflows.Work[publication.MoveOptions, registry.AliasEntry], o publication.MoveOptions, ref, alias, who, why string) error {
	var err error
	if o.Home, err = a.HomeDir(); err != nil {
		return err
	}
	o.Ref, o.Alias, o.Who, o.Why = ref, alias, who, why
	e, err := door.Recorded(a, c, work, o)
	if err != nil {
		return err
	}
	if a.JSON {
		return a.PrintJSON(e)
	}
	if err := a.Say("%s:%s points at %s@%d (%s)", e.Name, e.Alias, e.Name, e.Version, e.Digest); err != nil {
		return err
	}
	a.Next(inStore(o.Store, "pull", e.Name+":"+e.Alias, "--out", "./"+e.Name+"-served", "--replace")...)
	return nil
}
