package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/workflows/home"
	"github.com/cultivar/cultivar/workflows/stages"
)

func (a *app) adapterCommand() *cobra.Command {
	var store string
	c := group("adapter", "List, compare, promote and roll back published adapters",
		`List, compare, promote and roll back published adapters.

REF is NAME, the highest version, NAME@3, the third, or NAME:ALIAS, where an alias points now; verify
and diff also take a directory.`,
		a.adapterListCommand(&store), a.adapterShowCommand(&store), a.adapterHistoryCommand(&store),
		a.adapterPromoteCommand(&store), a.adapterRollbackCommand(&store), a.adapterVerifyCommand(&store), a.adapterDiffCommand(&store),
	)
	c.PersistentFlags().StringVar(&store, "store", "", "store (default the home's registry)")
	return c
}

// registry opens the adapters at a store's URL, or the home's.
func (a *app) registry(ctx context.Context, store string) (*registry.Registry, error) {
	location, err := a.homeDir()
	if err != nil {
		return nil, err
	}
	return home.Registry(ctx, location, store)
}

// toRead is registry for a look at what is there: a store that is named must hold something.
func (a *app) toRead(ctx context.Context, store string) (*registry.Registry, error) {
	reg, err := a.registry(ctx, store)
	if err == nil && store != "" {
		err = home.Existing(ctx, reg.Bucket())
	}
	return reg, err
}

func (a *app) adapterListCommand(store *string) *cobra.Command {
	return &cobra.Command{
		Use:   "ls [NAME]",
		Short: "List the adapters with their highest versions, or the versions of one",
		Args:  atMostArgs("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			reg, err := a.toRead(c.Context(), *store)
			if err != nil {
				return err
			}
			list, damaged, err := reg.List(c.Context(), first(args))
			if err != nil {
				return err
			}
			for _, p := range damaged {
				a.note("warning: %s: %s", p.Key, p.Reason)
			}
			if a.json {
				return a.printJSON(list)
			}
			if len(list)+len(damaged) == 0 {
				a.note("nothing is published in %s", reg.Bucket().URL())
				return nil
			}
			return a.printVersions(list)
		},
	}
}

func (a *app) printVersions(list []registry.Listed) error {
	columns := []column{{name: "NAME", shrink: 'e'}, {name: "VERSION", right: true}, {name: "ALIASES", shrink: 'e'},
		{name: "SIZE", right: true}, {name: "CREATED"}, {name: "BY", shrink: 'e'}, {name: "DIGEST"}}
	var rows [][]string
	for _, v := range list {
		rows = append(rows, []string{v.Name, fmt.Sprint(v.Version), commas(v.Aliases), humanize.Bytes(v.Bytes), day(v.CreatedAt), v.CreatedBy, shortDigest(v.Digest)})
	}
	return a.printTable(columns, rows)
}

func (a *app) adapterPromoteCommand(store *string) *cobra.Command {
	return a.promoteCommand(func() stages.MoveOptions { return stages.MoveOptions{Store: *store} })
}

func (a *app) adapterRollbackCommand(store *string) *cobra.Command {
	return a.rollbackCommand(func() stages.MoveOptions { return stages.MoveOptions{Store: *store} })
}

// promoteCommand moves an alias of an adapter or a dataset; of says where that is.
func (a *app) promoteCommand(of func() stages.MoveOptions) *cobra.Command {
	var alias, by, why string
	c := &cobra.Command{
		Use:   "promote NAME@VERSION --alias ALIAS",
		Short: "Point an alias at a version",
		Long: `Point an alias at a version. The move is appended to the alias's history, with who and why; of two at
once one comes after the other.`,
		Args: exactArgs("NAME@VERSION"),
		RunE: func(c *cobra.Command, args []string) error {
			if ref, err := registry.ParseRef(args[0]); err == nil && ref.Version == 0 {
				return usagef("%s names no version; want NAME@VERSION", args[0])
			}
			return a.move(c.Context(), stages.Promote, of(), args[0], alias, who(by), why)
		},
	}
	aliasFlags(c, &alias, &by, &why)
	return c
}

func (a *app) rollbackCommand(of func() stages.MoveOptions) *cobra.Command {
	var alias, by, why string
	c := &cobra.Command{
		Use:   "rollback NAME --alias ALIAS",
		Short: "Point an alias back at the version before",
		Long: `Point an alias back at the version that it pointed at before the present one. Called again, it goes
back one more; it never returns to what was rolled back.`,
		Args: exactArgs("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.move(c.Context(), stages.Rollback, of(), args[0], alias, who(by), why)
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
	require(c, "alias")
}

func (a *app) move(ctx context.Context, do func(context.Context, stages.MoveOptions) (registry.AliasEntry, error), o stages.MoveOptions, ref, alias, who, why string) error {
	var err error
	if o.Home, err = a.homeDir(); err != nil {
		return err
	}
	o.Ref, o.Alias, o.Who, o.Why = ref, alias, who, why
	e, err := do(ctx, o)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(e)
	}
	_, err = fmt.Fprintf(a.out, "%s:%s points at %s@%d (%s)\n", e.Name, e.Alias, e.Name, e.Version, e.Digest)
	return err
}
