package adapterverbs

import (
	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/cmd/internal/door"
	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/workflows/kinds"
	"github.com/cultivar/cultivar/workflows/publication"
)

// PullCommand is pull.
func PullCommand(a *door.App) *cobra.Command {
	var o publication.PullOptions
	c := &cobra.Command{
		Use:   "pull NAME[@VERSION|:ALIAS] --out DIR",
		Short: "Get a published adapter, verified, into a directory",
		Long: `Get a published adapter into the directory DIR, as plain PEFT files for a serving engine. NAME is its
highest version, NAME@3 the third, NAME:prod the one that the alias prod points at now.

All digests are verified before DIR appears; it is there whole or not at all.`,
		Example: `  cultivar pull handbook:prod --out ./served
  cultivar pull support@1 --store ./store --out ./support-1`,
		Args: door.ExactArgs("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			o.Ref = args[0]
			return runPull(a, c, o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Out, "out", "", "directory to make")
	door.StoreFlag(c, &o.Store, door.StoreUsage+"; --from is the same")
	f.BoolVar(&o.Replace, "replace", false, "take the place of another adapter in the directory")
	door.Require(c, "out")
	return c
}

func runPull(a *door.App, c *cobra.Command, o publication.PullOptions) error {
	var err error
	if o.Home, err = a.HomeDir(); err != nil {
		return err
	}
	if _, err := ToRead(a, c.Context(), o.Store); err != nil {
		return err
	}
	r, err := door.Recorded(a, c, kinds.Pulling(), o)
	if err != nil {
		return err
	}
	m := r.Manifest
	if a.JSON {
		return a.PrintJSON(o.PulledFrom(r))
	}
	var f door.Fields
	f.Add("version", "%s", m.Ref())
	f.Add("digest", "%s", m.Digest)
	f.Add("adapter", "%s", o.Out)
	f.Add("files", "%d (%s)", len(m.Files), humanize.Bytes(m.Size()))
	if err := a.PrintFields(&f); err != nil {
		return err
	}
	a.Next("generate", "--base", "BASE", "--adapter", o.Out, "--prompt", "…")
	return nil
}
