package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/store/open"
	"github.com/cultivar/cultivar/store/probe"
	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/workflows/home"
)

func (a *app) storeCommand() *cobra.Command {
	return group("store", "Find out whether a store is safe to publish to, and whether what it holds is intact",
		`Find out whether a store is safe to publish to, and whether what it holds is intact.

URL is a directory, or s3://bucket/prefix?endpoint=https://host&region=R; without one it is the
home's. Credentials for S3 come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, from the AWS
configuration files, or from the instance's role.`,
		a.storeProbeCommand(), a.storeCheckCommand(), a.storeListCommand(),
	)
}

func (a *app) storeProbeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "probe URL",
		Short: "Try whether a store keeps the promises that publishing stands on",
		Long: `Try whether a store keeps the promises that publishing stands on: it reads and lists what was written,
and applies conditional writes, also when 32 writers race and when an upload has parts. What the
probe writes it removes.`,
		Args: exactArgs("URL"),
		RunE: func(c *cobra.Command, args []string) error {
			b, err := open.Open(c.Context(), args[0])
			if err != nil {
				return err
			}
			report, err := probe.Probe(c.Context(), b)
			if a.json {
				if printErr := a.printJSON(report); printErr != nil {
					return printErr
				}
				if err != nil {
					return a.reported(err)
				}
				return nil
			}
			return errors.Join(err, a.printProbe(report, err == nil))
		},
	}
}

func (a *app) printProbe(r probe.Report, safe bool) error {
	var b strings.Builder
	for _, s := range r.Steps {
		verdict := "ok"
		if !s.OK {
			verdict = "FAILED"
		}
		fmt.Fprintf(&b, "%-6s  %-22s  %s\n", verdict, s.Name, printable(s.Detail))
	}
	if safe {
		fmt.Fprintf(&b, "%s is safe to publish to\n", r.URL)
	}
	_, err := io.WriteString(a.out, b.String())
	return err
}

func (a *app) storeCheckCommand() *cobra.Command {
	var readData bool
	c := &cobra.Command{
		Use:   "check [URL]",
		Short: "Check that every alias, version and file in a store is there",
		Long: `Follow every alias of adapters and datasets to its version and every version to its files. With
--read-data the files are read and their digests compared, too. Orphans are files of a publish that
was killed or is under way; they break nothing.

Without URL it is the home, of which the directories of datasets are compared with the versions that
they show, too.`,
		Args: atMostArgs("URL"),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return a.checkStore(c.Context(), args[0], readData)
			}
			h, err := a.openHome(c.Context())
			if err != nil {
				return err
			}
			report, err := h.Check(c.Context(), readData)
			if err != nil {
				return err
			}
			return a.printCheck(report, h.Bucket.URL())
		},
	}
	c.Flags().BoolVar(&readData, "read-data", false, "read all files and compare their digests")
	return c
}

func (a *app) checkStore(ctx context.Context, url string, readData bool) error {
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
	return a.printCheck(report, b.URL())
}

// first is the first argument, "" when there is none.
func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

func (a *app) printCheck(r registry.Report, url string) error {
	var broken error
	if !r.OK() {
		broken = fmt.Errorf("%s: %d problems", url, len(r.Problems))
	}
	if a.json {
		if err := a.printJSON(r); err != nil || broken == nil {
			return err
		}
		return a.reported(broken)
	}
	var b strings.Builder
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "%s: %s\n", printable(p.Key), printable(p.Reason))
	}
	read := "sizes"
	if r.Read {
		read = "digests"
	}
	fmt.Fprintf(&b, "%d names, %d versions, %d aliases, %d files (%s, %s compared), %d orphans\n",
		r.Names, r.Versions, r.Aliases, r.Blobs, humanize.Bytes(r.Bytes), read, len(r.Orphans))
	_, err := io.WriteString(a.out, b.String())
	if broken != nil {
		return refusal{errors.Join(broken, err)}
	}
	return err
}

// objectJSON is a line of store ls.
type objectJSON struct {
	Key      string `json:"key"`
	Size     int64  `json:"size"`
	Modified string `json:"modified"`
}

func (a *app) storeListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "ls [URL]",
		Short: "List the objects in a store",
		Args:  atMostArgs("URL"),
		RunE: func(c *cobra.Command, args []string) error {
			reg, err := a.toRead(c.Context(), first(args))
			if err != nil {
				return err
			}
			return a.listObjects(c.Context(), reg)
		},
	}
}

func (a *app) listObjects(ctx context.Context, reg *registry.Registry) error {
	list := []objectJSON{}
	for obj, err := range reg.Bucket().List(ctx, "") {
		if err != nil {
			return err
		}
		list = append(list, objectJSON{obj.Key, obj.Size, obj.Modified.UTC().Format("2006-01-02T15:04:05Z")})
	}
	if a.json {
		return a.printJSON(list)
	}
	// Keys stay whole: they are what one copies from here.
	for _, o := range list {
		if _, err := fmt.Fprintf(a.out, "%8s  %s  %s\n", humanize.Bytes(o.Size), o.Modified[:10], printable(o.Key)); err != nil {
			return err
		}
	}
	return nil
}
