package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/cmd/internal/door"
	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/store/open"
	"github.com/cultivar/cultivar/workflows/home"
	"github.com/cultivar/cultivar/workflows/run"
	"github.com/cultivar/cultivar/workflows/upkeep"
)

// upkeepFlags are those of all three verbs.
type upkeepFlags struct {
	store string
	yes   bool
}

func (f *upkeepFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.store, "store", "", "store, a directory or s3://bucket/prefix (default the home)")
	c.Flags().BoolVar(&f.yes, "yes", false, "do it; without this it only says what it would do")
}

func (f *upkeepFlags) keeper(a *door.App, c *cobra.Command, by string) (*upkeep.Keeper, error) {
	h, err := f.place(a, c.Context())
	if err != nil {
		return nil, err
	}
	return &upkeep.Keeper{Home: h, History: run.NewHistory(h.Bucket, time.Now, door.Who(by), a.WarnError), Now: time.Now, Who: door.Who(by)}, nil
}

func (f *upkeepFlags) place(a *door.App, ctx context.Context) (*home.Home, error) {
	if f.store != "" {
		return home.OfStore(ctx, f.store)
	}
	return a.OpenHome(ctx)
}

func removeCommand(a *door.App) *cobra.Command {
	var f upkeepFlags
	var o upkeep.RemoveOptions
	var sort, by string
	c := &cobra.Command{
		Use:   "rm NAME…",
		Short: "Remove versions of datasets and adapters, aliases, and runs",
		Long: `Remove versions of datasets and adapters, aliases, and runs. NAME@3 is the third version, NAME is
all of them, NAME:prod the alias prod, which then points nowhere; a run is named by its id.

Without --yes it only says what it would do. What is removed is in no list any more, and its
number is never given again; its files stay for a week, during which --undo brings it back, until
gc deletes them. What an alias points at, what something else was made from, and runs that are at
work are refused.`,
		Example: `  cultivar rm support
  cultivar rm support@1 --store ./store --yes --why "superseded"
  cultivar rm support@1 --store ./store --undo --yes`,
		Args: door.AtLeastArgs("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			k, err := f.keeper(a, c, by)
			if err != nil {
				return err
			}
			o.Names, o.Sort, o.Dry = args, upkeep.Sort(sort), !f.yes
			r, err := k.Remove(c.Context(), o)
			if errors.Is(err, upkeep.ErrAmbiguous) {
				return door.Hint(err, "say which with --kind dataset or --kind adapter")
			}
			return printUpkeep(a, r, err)
		},
	}
	f.add(c)
	c.Flags().StringVar(&sort, "kind", "", "what the names are of: "+door.Either(upkeep.Sorts))
	c.Flags().BoolVar(&o.Undo, "undo", false, "bring back what was removed and is not deleted yet")
	c.Flags().StringVar(&by, "by", "", "who removes it (default $USER)")
	c.Flags().StringVar(&o.Why, "why", "", "why, for the history")
	door.Choices(c, "kind", door.Strings(upkeep.Sorts)...)
	return c
}

func collectCommand(a *door.App) *cobra.Command {
	var f upkeepFlags
	var grace time.Duration
	c := &cobra.Command{
		Use:   "gc",
		Short: "Delete what was removed, and what nothing refers to",
		Long: `Delete what was removed with rm, and what nothing refers to: files of publications that were
killed, results of workflows that no run in the history used, pages of evaluations whose runs are
gone, copies of files of far stores. What is found is marked first and deleted by a later call, when
--grace has passed since; so nothing is lost that somebody is about to refer to.

Without --yes it only says what it would do. It may run while others work.`,
		Example: `  cultivar gc
  cultivar gc --yes
  cultivar gc --store ./store --grace 720h --yes`,
		Args: door.ExactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			if grace < 0 {
				return door.Usagef("--grace is %s, want 0s or more", grace)
			}
			k, err := f.keeper(a, c, "")
			if err != nil {
				return err
			}
			r, err := k.Collect(c.Context(), upkeep.CollectOptions{Grace: grace, Dry: !f.yes})
			if errors.Is(err, upkeep.ErrDamaged) {
				return door.Hint(err, "`cultivar repair` says what can be mended")
			}
			return printUpkeep(a, r, err)
		},
	}
	f.add(c)
	c.Flags().DurationVar(&grace, "grace", upkeep.Grace, "how long what was removed or found stays; longer than any publication takes")
	return c
}

func repairCommand(a *door.App) *cobra.Command {
	var f upkeepFlags
	var from string
	c := &cobra.Command{
		Use:   "repair",
		Short: "Mend what is damaged, as far as there are whole copies",
		Long: `Read everything, compare it with its digest, and mend what is damaged: manifests and files from
another store that has them whole (--from), files of datasets from the directories that show them,
aliases that point at nothing (back to the last whole version), and those directories.

Without --yes it only says what it would do. What cannot be mended stays as it is, is listed, and
makes the exit code 3.`,
		Example: `  cultivar repair
  cultivar repair --store ./store --from ./backup --yes`,
		Args: door.ExactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			k, err := f.keeper(a, c, "")
			if err != nil {
				return err
			}
			o := upkeep.RepairOptions{Dry: !f.yes}
			if from != "" {
				if o.From, err = open.Open(c.Context(), from); err == nil {
					err = home.Existing(c.Context(), o.From)
				}
				if err != nil {
					return err
				}
			}
			r, err := k.Repair(c.Context(), o)
			if n, _ := r.Bytes(upkeep.Keep); err == nil && n > 0 {
				err = door.Refusal(fmt.Errorf("%d pieces of damage cannot be mended", n))
			}
			return printUpkeep(a, r, err)
		},
	}
	f.add(c)
	c.Flags().StringVar(&from, "from", "", "another store, which may have whole what is damaged here")
	return c
}

// printUpkeep prints what was done, or would be, also when an error ended it.
func printUpkeep(a *door.App, r upkeep.Report, failed error) error {
	if r.Items == nil && failed != nil {
		return failed
	}
	if a.JSON {
		if err := a.PrintJSON(r); err != nil || failed == nil {
			return errors.Join(err, failed)
		}
		return a.Reported(failed)
	}
	if len(r.Items) == 0 {
		a.Note("there is nothing to do")
		return failed
	}
	columns := []door.Column{{Name: "ACTION"}, {Name: "WHAT", Shrink: 'e'}, {Name: "NAME", Shrink: 's'}, {Name: "SIZE", Right: true, Spare: 2},
		{Name: "DUE", Spare: 1}, {Name: "WHY", Shrink: 'e', Spare: 3}}
	var rows [][]string
	for _, i := range summed(r.Items) {
		size := ""
		if i.Bytes > 0 {
			size = humanize.Bytes(i.Bytes)
		}
		rows = append(rows, []string{string(i.Action), i.What, i.Name, size, door.Day(i.Due), strings.ReplaceAll(i.Why, "\n", "; ")})
	}
	err := a.PrintTable(columns, rows)
	if err == nil && r.Dry {
		err = a.Say("nothing was changed; --yes does it")
	}
	return errors.Join(err, failed)
}

// numerous are the sorts of objects of which there may be many.
var numerous = []string{"file", "tree", "result", "report"}

// summed puts what is numerous, and is not to be looked at one by one, into a line an action and day.
func summed(items []upkeep.Item) (list []upkeep.Item) {
	type line struct {
		what, day string
		action    upkeep.Action
	}
	at, more := map[line]int{}, map[line]int64{}
	for _, i := range items {
		l := line{i.What, door.Day(i.Due), i.Action}
		n, seen := at[l]
		switch {
		case !slices.Contains(numerous, i.What), i.Action == upkeep.Keep, i.Action == upkeep.Restore:
			list = append(list, i)
		case !seen:
			at[l], list = len(list), append(list, i)
		default:
			more[l]++
			list[n].Bytes += i.Bytes
			list[n].Name = humanize.Comma(1+more[l]) + " objects"
		}
	}
	return list
}
