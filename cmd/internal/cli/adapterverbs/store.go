package adapterverbs

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/cmd/internal/door"
	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/open"
	"github.com/cultivar/cultivar/store/probe"
	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/workflows/home"
)

// StoreCommand is store: what a bucket promises, and what it holds.
func StoreCommand(a *door.App) *cobra.Command {
	return door.Group("store", "Find out whether a store is safe to publish to, and whether what it holds is intact",
		`Find out whether a store is safe to publish to, and whether what it holds is intact.

URL is a directory, or s3://bucket/prefix?endpoint=https://host&region=R; without one it is the
home's. Credentials for S3 come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, from the AWS
configuration files, or from the instance's role.`,
		storeProbeCommand(a), storeCheckCommand(a), storeListCommand(a),
	)
}

func storeProbeCommand(a *door.App) *cobra.Command {
	return &cobra.Command{
		Use:   "probe URL",
		Short: "Try whether a store keeps the promises that publishing stands on",
		Long: `Try whether a store keeps the promises that publishing stands on: it reads and lists what was written,
and applies conditional writes, also when 32 writers race and when an upload has parts. What the
probe writes it removes.`,
		Example: `  cultivar store probe ./store
  cultivar store probe ./store --json`,
		Args: door.ExactArgs("URL"),
		RunE: func(c *cobra.Command, args []string) error {
			b, err := open.Open(c.Context(), args[0])
			if err != nil {
				return err
			}
			report, err := probe.Probe(c.Context(), b)
			if a.JSON {
				if printErr := a.PrintJSON(report); printErr != nil {
					return printErr
				}
				if err != nil {
					return a.Reported(err)
				}
				return nil
			}
			return errors.Join(err, printProbe(a, report, err == nil))
		},
	}
}

func printProbe(a *door.App, r probe.Report, safe bool) error {
	var f door.Fields
	for _, s := range r.Steps {
		verdict, detail := "ok", s.Name
		if !s.OK {
			verdict = "FAILED"
		}
		if s.Detail != "" {
			detail += ": " + s.Detail
		}
		f.Add(verdict, "%s", detail)
	}
	if err := a.PrintFields(&f); err != nil || !safe {
		return err
	}
	return a.Say("%s is safe to publish to", r.URL)
}

func storeCheckCommand(a *door.App) *cobra.Command {
	var readData bool
	c := &cobra.Command{
		Use:   "check [URL]",
		Short: "Check that every alias, version and file in a store is there",
		Long: `Follow every alias of adapters and datasets to its version and every version to its files. With
--read-data the files are read and their digests compared, too. Orphans are files of a publish that
was killed or is under way; they break nothing.

Without URL it is the home, of which the directories of datasets are compared with the versions that
they show, too.`,
		Example: `  cultivar store check
  cultivar store check ./store --read-data`,
		Args: door.AtMostArgs("URL"),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return checkStore(a, c.Context(), args[0], readData)
			}
			h, err := a.OpenHome(c.Context())
			if err != nil {
				return err
			}
			report, err := h.Check(c.Context(), readData)
			if err != nil {
				return err
			}
			return printCheck(a, report, h.Bucket.URL())
		},
	}
	c.Flags().BoolVar(&readData, "read-data", false, "read all files and compare their digests")
	return c
}

func checkStore(a *door.App, ctx context.Context, url string, readData bool) error {
	b, err := open.Open(ctx, url)
	if err != nil {
		return err
	}
	if err := home.Existing(ctx, b); err != nil {
		return err
	}
	report, err := home.CheckStore(ctx, b, readData)
	if err != nil {
		return err
	}
	return printCheck(a, report, b.URL())
}

func printCheck(a *door.App, r registry.Report, url string) error {
	var broken error
	if !r.OK() {
		broken = fmt.Errorf("%s: %d problems", url, len(r.Problems))
	}
	if a.JSON {
		if err := a.PrintJSON(r); err != nil || broken == nil {
			return err
		}
		return a.Reported(broken)
	}
	var errs []error
	for _, p := range r.Problems {
		errs = append(errs, a.Say("%s: %s", p.Key, p.Reason))
	}
	read := "sizes"
	if r.Read {
		read = "digests"
	}
	errs = append(errs, a.Say("%d names, %d versions, %d aliases, %d files (%s, %s compared), %d orphans",
		r.Names, r.Versions, r.Aliases, r.Blobs, humanize.Bytes(r.Bytes), read, len(r.Orphans)))
	if broken != nil {
		return door.Refusal(errors.Join(append([]error{broken}, errs...)...))
	}
	return errors.Join(errs...)
}

func storeListCommand(a *door.App) *cobra.Command {
	return &cobra.Command{
		Use:   "ls [URL]",
		Short: "List the objects in a store",
		Example: `  cultivar store ls
  cultivar store ls ./store --json`,
		Args: door.AtMostArgs("URL"),
		RunE: func(c *cobra.Command, args []string) error {
			reg, err := ToRead(a, c.Context(), door.First(args))
			if err != nil {
				return err
			}
			return listObjects(a, c.Context(), reg)
		},
	}
}

func listObjects(a *door.App, ctx context.Context, reg *registry.Registry) error {
	list := []store.Listed{}
	for obj, err := range reg.Bucket().List(ctx, "") {
		if err != nil {
			return err
		}
		list = append(list, obj.Listed())
	}
	if a.JSON {
		return a.PrintJSON(list)
	}
	if len(list) == 0 {
		a.Note("nothing is in %s", reg.Bucket().URL())
		return nil
	}
	var rows [][]string
	for _, o := range list {
		rows = append(rows, []string{humanize.Bytes(o.Size), o.Modified[:10], o.Key})
	}
	// Keys stay whole: they are what one copies from here.
	return a.PrintTable([]door.Column{{Name: "SIZE", Right: true, Spare: 1}, {Name: "MODIFIED", Spare: 2}, {Name: "KEY"}}, rows)
}
