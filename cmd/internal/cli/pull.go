package cli

import (
	"github.com/cultivar/cultivar/adapters/publish"
	"github.com/cultivar/cultivar/workflows"
	"github.com/cultivar/cultivar/workflows/run"
	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/workflows/stages"
)

func (a *app) pullCommand() *cobra.Command {
	var o stages.PullOptions
	c := &cobra.Command{
		Use:   "pull NAME[@VERSION|:ALIAS] --out DIR",
		Short: "Get a published adapter, verified, into a directory",
		Long: `Get a published adapter into the directory DIR, as plain PEFT files for a serving engine. NAME is its
highest version, NAME@3 the third, NAME:prod the one that the alias prod points at now.

All digests are verified before DIR appears; it is there whole or not at all.`,
		Example: `  cultivar pull handbook:prod --out ./handbook
  cultivar pull support@12 --from s3://models/adapters --out ./support-12`,
		Args: exactArgs("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			o.Ref = args[0]
			return a.runPull(c, o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Out, "out", "", "directory to make")
	f.StringVar(&o.Store, "from", "", "store (default the home's registry)")
	f.BoolVar(&o.Replace, "replace", false, "take the place of another adapter in the directory")
	require(c, "out")
	return c
}

func (a *app) runPull(c *cobra.Command, o stages.PullOptions) error {
	var err error
	if o.Out, err = localPath("out", o.Out); err != nil {
		return err
	}
	if o.Home, err = a.homeDir(); err != nil {
		return err
	}
	r, err := recorded(a, c, pulling(), stages.Pull, o)
	if err != nil {
		return err
	}
	m := r.Manifest
	if a.json {
		return a.printJSON(pulledJSON{m.Ref().String(), m.Name, m.Version, m.Digest, o.Out, m.Size(), len(m.Files)})
	}
	var f fields
	f.add("version", "%s", m.Ref())
	f.add("digest", "%s", m.Digest)
	f.add("adapter", "%s", o.Out)
	f.add("files", "%d (%s)", len(m.Files), humanize.Bytes(m.Size()))
	return a.printFields(&f)
}

// pulledJSON is the result of pull.
type pulledJSON struct {
	Ref     string `json:"ref"`
	Name    string `json:"name"`
	Version int    `json:"version"`
	Digest  string `json:"digest"`
	Out     string `json:"out"`
	Bytes   int64  `json:"bytes"`
	Files   int    `json:"files"`
}

func pulling() making[stages.PullOptions, publish.Result] {
	return making[stages.PullOptions, publish.Result]{
		kind: "pull", config: func(o stages.PullOptions) any { return map[string]any{"from": o.Store} },
		tell: func(l *run.Log, o stages.PullOptions, r publish.Result) {
			l.Input(artefact(workflows.Version, r.Manifest.Ref().String(), r.Manifest.Digest))
			l.Output(artefact(workflows.Adapter, o.Out, r.Manifest.Digest))
		},
	}
}
