package adapterverbs

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/cmd/internal/door"
	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/workflows/home"
	"github.com/cultivar/cultivar/workflows/kinds"
	"github.com/cultivar/cultivar/workflows/models"
	"github.com/cultivar/cultivar/workflows/publication"
)

// PublishCommand is publish.
func PublishCommand(a *door.App) *cobra.Command {
	var o publication.PublishOptions
	c := &cobra.Command{
		Use:   "publish ADAPTER --name NAME [--alias ALIAS]",
		Short: "Publish an adapter as an immutable version",
		Long: `Publish the adapter in the directory ADAPTER as a version of NAME: checked first, whole or not at all,
and never changed afterwards. An alias, such as prod, is then moved to it.

Without --store it goes to the registry in the home; STORE is a directory, or
s3://bucket/prefix?endpoint=https://host. Publishing the same content again does nothing.

EXIT STATUS
  0  done, or done before
  1  failed
  2  usage
  3  the adapter is not sound or not finished, the version exists, or the store is not safe`,
		Example: `  cultivar publish ./handbook-adapter --name handbook --alias prod --why "weekly refresh"
  cultivar publish ./adapter --name support --store ./store`,
		Args:              door.ExactArgs("ADAPTER"),
		ValidArgsFunction: cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs),
		RunE: func(c *cobra.Command, args []string) error {
			o.Dir = args[0]
			return runPublish(a, c, o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Name, "name", "", "name in the registry")
	f.StringVar(&o.Alias, "alias", "", "alias to move to the version")
	f.IntVar(&o.Version, "version", 0, "version to make (default the next one)")
	door.StoreFlag(c, &o.Store, door.StoreUsage+"; --to is the same")
	f.StringVar(&o.Who, "by", "", "who publishes (default $USER)")
	f.StringVar(&o.Why, "why", "", "why, for the alias's history")
	door.Require(c, "name")
	return c
}

func runPublish(a *door.App, c *cobra.Command, o publication.PublishOptions) error {
	var err error
	if o.Home, err = a.HomeDir(); err != nil {
		return err
	}
	if o.Version < 0 {
		return door.Usagef("--version is %d, want 1 or more", o.Version)
	}
	o.Who = door.Who(o.Who)
	reg, err := home.Registry(c.Context(), o.Home, o.Store)
	if err != nil {
		return err
	}
	r, err := door.Recorded(a, c, kinds.Publishing(), o)
	if errors.Is(err, publication.ErrUnfinished) {
		return door.Hint(err, "train to its end with the same command, or publish the checkpoint: `cultivar publish %s --name %s`", models.Checkpoint(o.Dir), o.Name)
	}
	if err != nil && registry.CheckName(o.Name) != nil {
		return door.Rename("name", o.Name, err)
	}
	if err != nil {
		return err
	}
	if a.JSON {
		return a.PrintJSON(o.PublishedAs(r, reg.Bucket().URL()))
	}
	if err := printPublished(a, r, o, reg.Bucket().URL()); err != nil {
		return err
	}
	if m := r.Manifest; o.Alias == "" {
		a.Next(inStore(o.Store, "adapter", "promote", m.Ref().String(), "--alias", "prod")...)
	} else {
		a.Next(inStore(o.Store, "pull", m.Name+":"+o.Alias, "--out", "./"+m.Name+"-served")...)
	}
	return nil
}

// inStore is a command line that is about the same store as this one.
func inStore(store string, words ...string) []string {
	if store != "" {
		words = append(words, "--store", store)
	}
	return words
}

func printPublished(a *door.App, r publication.Result, o publication.PublishOptions, store string) error {
	m := r.Manifest
	if !r.Created {
		if err := a.Say("nothing changed: %s has the same content", m.Ref()); err != nil {
			return err
		}
	}
	var f door.Fields
	f.Add("version", "%s", m.Ref())
	f.Add("digest", "%s", m.Digest)
	f.Add("store", "%s", store)
	f.Add("files", "%d (%s)", len(m.Files), humanize.Bytes(m.Size()))
	if o.Alias != "" {
		f.Add("alias", "%s:%s", m.Name, o.Alias)
	}
	f.Some("skipped", strings.Join(r.Skipped, ", "))
	return a.PrintFields(&f)
}
