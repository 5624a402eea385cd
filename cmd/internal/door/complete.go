package door

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/workflows/home"
	"github.com/cultivar/cultivar/workflows/run"
)

// patience is how long somebody who pressed the tabulator is kept waiting for a store.
const patience = 800 * time.Millisecond

// things are sorts of what a home holds.
type things struct{ datasets, adapters, runs bool }

// Completions teaches the shells what the arguments and flags of a verb, and of all below it, may be, as far as the
// verb has not said it: what a home or a store holds, files where there may be files.
func (a *App) Completions(c *cobra.Command) {
	if c.Runnable() && !c.HasSubCommands() && c.ValidArgsFunction == nil && len(c.ValidArgs) == 0 {
		c.ValidArgsFunction = func(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
			return a.completeArgument(c, argument(c.Use, len(args)), args, typed)
		}
	}
	for _, flags := range []*pflag.FlagSet{c.Flags(), c.PersistentFlags()} {
		flags.VisitAll(func(f *pflag.Flag) {
			if _, said := c.GetFlagCompletionFunc(f.Name); said {
				return
			}
			_ = c.RegisterFlagCompletionFunc(f.Name, func(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
				return a.completeFlag(c, f, args, typed)
			})
		})
	}
	for _, sub := range c.Commands() {
		a.Completions(sub)
	}
}

// completeArgument completes what the word in a verb's usage stands for.
func (a *App) completeArgument(c *cobra.Command, word string, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	many := strings.HasSuffix(word, "…")
	if n := len(arguments(c.Use)); !many && len(args) >= n {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	switch word = strings.Trim(word, "[]…"); word {
	case "REF", "A", "B":
		return a.named(c, ofGroup(c), typed), cobra.ShellCompDirectiveDefault
	case "ADAPTER":
		return a.named(c, things{adapters: true}, typed), cobra.ShellCompDirectiveDefault
	case "PATH|REF":
		return a.named(c, things{datasets: true, adapters: true}, typed), cobra.ShellCompDirectiveDefault
	case "NAME[@VERSION|:ALIAS":
		return a.named(c, things{adapters: true}, typed), cobra.ShellCompDirectiveNoFileComp
	case "NAME", "NAME@VERSION":
		t := ofGroup(c)
		if many {
			t = things{true, true, true}
		}
		return a.named(c, t, typed), cobra.ShellCompDirectiveNoFileComp
	case "ID":
		return a.named(c, things{runs: true}, typed), cobra.ShellCompDirectiveNoFileComp
	case "URL":
		return nil, cobra.ShellCompDirectiveFilterDirs
	}
	return nil, cobra.ShellCompDirectiveDefault
}

// ofGroup is what a verb of dataset or of adapter is about.
func ofGroup(c *cobra.Command) things {
	if c.HasParent() && c.Parent().Name() == "dataset" {
		return things{datasets: true}
	}
	return things{adapters: true}
}

// completeFlag completes the value of a flag.
func (a *App) completeFlag(c *cobra.Command, f *pflag.Flag, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	const names = cobra.ShellCompDirectiveNoFileComp
	switch f.Name {
	case "data":
		return a.named(c, things{datasets: true}, typed), cobra.ShellCompDirectiveDefault
	case "adapter":
		return a.named(c, things{adapters: true}, typed), cobra.ShellCompDirectiveDefault
	case "name":
		return a.named(c, things{adapters: true}, typed), names
	case "alias":
		return a.aliases(c, args, typed), names
	case "kind":
		return a.kindsOfRuns(c, typed), names
	case "config":
		return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
	case "out":
		if strings.Contains(c.Use, "--out DATASET") {
			return a.named(c, things{datasets: true}, typed), names
		}
	}
	switch flagNames[f.Name] {
	case Store:
		return nil, cobra.ShellCompDirectiveFilterDirs
	case NoName:
		return nil, names // a number or a text
	}
	return nil, cobra.ShellCompDirectiveDefault
}

// soon does what may wait for a store, and gives up when that takes too long: what waits in the system knows no
// context.
func soon(ctx context.Context, work func(context.Context) []string) []string {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	done := make(chan []string, 1)
	go func() { done <- work(ctx) }()
	select {
	case list := <-done:
		return list
	case <-ctx.Done():
		return nil
	}
}

// place opens where a verb would look: its --store, else the home.
func (a *App) place(ctx context.Context, store string) (*home.Home, error) {
	if store != "" {
		return home.OfStore(ctx, store)
	}
	return a.OpenHome(ctx)
}

// storeOf is what a verb's --store is.
func storeOf(c *cobra.Command) string {
	if f := c.Flags().Lookup("store"); f != nil {
		return f.Value.String()
	}
	return ""
}

// named lists what is called as what was typed begins: names, and behind NAME@ versions, behind NAME: aliases. What
// cannot be listed is nothing: whoever completes is told of no errors.
func (a *App) named(c *cobra.Command, t things, typed string) []string {
	if strings.ContainsAny(typed, `/\`) || strings.HasPrefix(typed, ".") {
		return nil // a path
	}
	return soon(c.Context(), func(ctx context.Context) (list []string) {
		h, err := a.place(ctx, storeOf(c))
		if err != nil {
			return nil
		}
		return t.in(ctx, h, typed)
	})
}

// in lists things in a home, by names that begin as was typed.
func (t things) in(ctx context.Context, h *home.Home, typed string) (list []string) {
	if t.datasets {
		list = append(list, refs(ctx, h.Datasets.Registry(), h.Datasets.List, typed)...)
	}
	if t.adapters {
		list = append(list, refs(ctx, h.Adapters, h.Adapters.Names, typed)...)
	}
	if t.runs {
		ids, _ := run.NewHistory(h.Bucket, time.Now, "", func(error) {}).IDs(ctx)
		list = append(list, beginning(typed, ids)...)
	}
	return slices.Compact(list)
}

func refs(ctx context.Context, reg *registry.Registry, names func(context.Context) ([]string, error), typed string) (list []string) {
	at := strings.IndexAny(typed, "@:")
	if at < 0 {
		list, _ = names(ctx)
		return beginning(typed, list)
	}
	name := typed[:at]
	if typed[at] == ':' {
		return beginning(typed, aliasesOf(ctx, reg, name, name+":"))
	}
	versions, _ := reg.Versions(ctx, name)
	for _, v := range slices.Backward(versions) {
		list = append(list, fmt.Sprintf("%s@%d", name, v))
	}
	return beginning(typed, list)
}

func aliasesOf(ctx context.Context, reg *registry.Registry, name, before string) (list []string) {
	entries, _ := reg.Aliases(ctx, name)
	for _, e := range entries {
		if e.Version > 0 { // one that was withdrawn points nowhere
			list = append(list, before+e.Alias)
		}
	}
	return list
}

// aliases lists those of the name that a verb is about.
func (a *App) aliases(c *cobra.Command, args []string, typed string) []string {
	name := First(args)
	if f := c.Flags().Lookup("name"); f != nil {
		name = f.Value.String()
	}
	name, _, _ = strings.Cut(name, "@")
	return soon(c.Context(), func(ctx context.Context) []string {
		h, err := a.place(ctx, storeOf(c))
		if err != nil {
			return nil
		}
		reg := h.Adapters
		if ofGroup(c).datasets {
			reg = h.Datasets.Registry()
		}
		return beginning(typed, aliasesOf(ctx, reg, name, ""))
	})
}

// kindsOfRuns lists the kinds that the runs of the home are of.
func (a *App) kindsOfRuns(c *cobra.Command, typed string) []string {
	return soon(c.Context(), func(ctx context.Context) (kinds []string) {
		h, err := a.place(ctx, storeOf(c))
		if err != nil {
			return nil
		}
		runs, _ := run.NewHistory(h.Bucket, time.Now, "", func(error) {}).List(ctx)
		for _, r := range runs {
			kinds = append(kinds, r.Kind)
		}
		slices.Sort(kinds)
		return beginning(typed, slices.Compact(kinds))
	})
}

func beginning(typed string, list []string) (out []string) {
	for _, s := range list {
		if strings.HasPrefix(s, typed) {
			out = append(out, s)
		}
	}
	return out
}
