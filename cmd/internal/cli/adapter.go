package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/store/registry"
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

// registry opens the registry at a store's URL, or the home's.
func (a *app) registry(ctx context.Context, store string) (*registry.Registry, error) {
	home, err := a.homeDir()
	if err != nil {
		return nil, err
	}
	return stages.OpenRegistry(ctx, home, store)
}

func (a *app) adapterListCommand(store *string) *cobra.Command {
	return &cobra.Command{
		Use:   "ls [NAME]",
		Short: "List the adapters with their highest versions, or the versions of one",
		Args:  atMostArgs("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			reg, err := a.registry(c.Context(), *store)
			if err != nil {
				return err
			}
			list, err := listVersions(c.Context(), reg, args)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(list)
			}
			if len(list) == 0 {
				a.note("nothing is published in %s", reg.Bucket().URL())
				return nil
			}
			return a.printVersions(list)
		},
	}
}

// versionJSON is a line of adapter ls.
type versionJSON struct {
	Name      string    `json:"name"`
	Version   int       `json:"version"`
	Aliases   []string  `json:"aliases"` // of the name, those at this version first in ls without a name
	Digest    string    `json:"digest"`
	Bytes     int64     `json:"bytes"`
	CreatedAt time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by"`
}

// listVersions describes all versions of the name in args or, without one, the highest of each name.
func listVersions(ctx context.Context, reg *registry.Registry, args []string) ([]versionJSON, error) {
	names, err := args, error(nil)
	if len(args) == 0 {
		if names, err = reg.Names(ctx); err != nil {
			return nil, err
		}
	}
	list := []versionJSON{}
	for _, name := range names {
		versions, err := reg.Versions(ctx, name)
		if err != nil {
			return nil, err
		}
		if len(versions) == 0 {
			return nil, fmt.Errorf("%s: %w", name, registry.ErrNoVersion)
		}
		aliases, err := reg.Aliases(ctx, name)
		if err != nil {
			return nil, err
		}
		if len(args) == 0 {
			versions = versions[len(versions)-1:]
		}
		for _, v := range versions {
			m, err := reg.Get(ctx, name, v)
			if err != nil {
				return nil, err
			}
			list = append(list, versionJSON{name, v, aliasesAt(aliases, v, len(args) == 0), m.Digest, m.Size(), m.CreatedAt, m.CreatedBy})
		}
	}
	return list, nil
}

// aliasesAt lists the aliases at a version or, for an overview, all with where they point.
func aliasesAt(aliases []registry.AliasEntry, version int, overview bool) []string {
	list := []string{}
	for _, e := range aliases {
		switch {
		case overview:
			list = append(list, fmt.Sprintf("%s@%d", e.Alias, e.Version))
		case e.Version == version:
			list = append(list, e.Alias)
		}
	}
	return list
}

func (a *app) printVersions(list []versionJSON) error {
	columns := []column{{name: "NAME", shrink: 'e'}, {name: "VERSION", right: true}, {name: "ALIASES", shrink: 'e'},
		{name: "SIZE", right: true}, {name: "CREATED"}, {name: "BY", shrink: 'e'}, {name: "DIGEST"}}
	var rows [][]string
	for _, v := range list {
		rows = append(rows, []string{v.Name, fmt.Sprint(v.Version), commas(v.Aliases), humanize.Bytes(v.Bytes), day(v.CreatedAt), v.CreatedBy, shortDigest(v.Digest)})
	}
	return a.printTable(columns, rows)
}

func (a *app) adapterPromoteCommand(store *string) *cobra.Command {
	var alias, by, why string
	c := &cobra.Command{
		Use:   "promote NAME@VERSION --alias ALIAS",
		Short: "Point an alias at a version",
		Long: `Point an alias at a version. The move is appended to the alias's history, with who and why; of two at
once one comes after the other.`,
		Args: exactArgs("NAME@VERSION"),
		RunE: func(c *cobra.Command, args []string) error {
			ref, err := registry.ParseRef(args[0])
			if err != nil {
				return err
			}
			if ref.Version == 0 {
				return usagef("%s names no version; want NAME@VERSION", args[0])
			}
			reg, err := a.registry(c.Context(), *store)
			if err != nil {
				return err
			}
			e, err := stages.Promote(c.Context(), reg, ref, alias, who(by), why)
			if err != nil {
				return err
			}
			return a.printMove(e)
		},
	}
	aliasFlags(c, &alias, &by, &why)
	return c
}

func (a *app) adapterRollbackCommand(store *string) *cobra.Command {
	var alias, by, why string
	c := &cobra.Command{
		Use:   "rollback NAME --alias ALIAS",
		Short: "Point an alias back at the version before",
		Long: `Point an alias back at the version that it pointed at before the present one. Called again, it goes
back one more; it never returns to what was rolled back.`,
		Args: exactArgs("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			reg, err := a.registry(c.Context(), *store)
			if err != nil {
				return err
			}
			e, err := stages.Rollback(c.Context(), reg, args[0], alias, who(by), why)
			if err != nil {
				return err
			}
			return a.printMove(e)
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

func (a *app) printMove(e registry.AliasEntry) error {
	if a.json {
		return a.printJSON(e)
	}
	_, err := fmt.Fprintf(a.out, "%s:%s points at %s@%d (%s)\n", e.Name, e.Alias, e.Name, e.Version, e.Digest)
	return err
}
