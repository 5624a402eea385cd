package modelverbs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/cmd/internal/cli/adapterverbs"
	"github.com/cultivar/cultivar/cmd/internal/cli/dataverbs"
	"github.com/cultivar/cultivar/cmd/internal/door"
	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/catalog"
	"github.com/cultivar/cultivar/internal/gguf"
	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/workflows/inspect"
	"github.com/cultivar/cultivar/workflows/models"
)

// InspectCommand is inspect.
func InspectCommand(a *door.App) *cobra.Command {
	var store string
	c := &cobra.Command{
		Use:   "inspect PATH|REF",
		Short: "Say what a base, an adapter or a dataset is",
		Long: `Say what something is, without running it: a model directory (shapes, sizes, memory, tokenizer, what
an adapter can target), an adapter (its settings, its lineage, what can serve it), or a dataset.

PATH is a directory, a GGUF file, or hf://org/name@revision for a base on the Hugging Face Hub.
REF is the name of a dataset or of a published adapter.`,
		Example: `  cultivar inspect ./smollm
  cultivar inspect handbook:prod --store ./store
  cultivar inspect ./handbook-adapter --json`,
		Args: door.ExactArgs("PATH"),
		RunE: func(c *cobra.Command, args []string) error { return runInspect(a, c.Context(), args[0], store) },
	}
	door.StoreFlag(c, &store, door.StoreUsage+" that an adapter is in; --from is the same")
	return c
}

func runInspect(a *door.App, ctx context.Context, what, store string) error {
	what, err := a.Fetched(ctx, what)
	if err != nil {
		return err
	}
	if info, err := os.Stat(what); err == nil {
		switch {
		case gguf.Is(what):
			return inspectBase(a, what)
		case !info.IsDir():
			return door.NotRows(what, fmt.Errorf("%s is a file but no GGUF; want a directory of a base, an adapter or a dataset", what))
		}
		err := inspectDir(a, ctx, what)
		if !errors.Is(err, errUnknownDir) || filepath.Base(what) != what {
			return err
		}
		// The folder that was ingested often has the dataset's name.
		if named := inspectNamed(a, ctx, what, store); !errors.Is(named, errUnknownName) {
			return named
		}
		return err
	}
	return inspectNamed(a, ctx, what, store)
}

// What inspect was given is nothing that it knows.
var (
	errUnknownDir  = errors.New("neither a base, an adapter nor a dataset")
	errUnknownName = errors.New("no directory, dataset or adapter")
)

// inspectNamed looks for what has a name in the home or in a store.
func inspectNamed(a *door.App, ctx context.Context, what, store string) error {
	var dataset *catalog.Dataset
	dataErr := datasets.ErrNotFound // in a store that is named, an adapter is meant
	if store == "" {
		dataset, dataErr = dataverbs.OpenDataset(a, ctx, what)
	}
	reg, err := adapterverbs.ToRead(a, ctx, store)
	if err != nil {
		return err
	}
	m, adapterErr := reg.Resolve(ctx, what)
	switch {
	case dataErr == nil && adapterErr == nil:
		return door.Usagef("%s is a dataset and an adapter; see `cultivar dataset show` and `cultivar adapter show`", what)
	case dataErr == nil:
		return dataverbs.ShowDataset(a, dataset)
	case adapterErr == nil:
		return inspectAdapter(a, ctx, store, m.Ref().String())
	case errors.Is(dataErr, catalog.ErrCorrupt):
		return dataErr
	case door.HubName(what) != "":
		return door.NotBase(what)
	case errors.Is(adapterErr, registry.ErrNoVersion), errors.Is(adapterErr, registry.ErrBadName):
		return door.Hint(fmt.Errorf("%s is %w", what, errUnknownName), "`cultivar dataset ls` and `cultivar adapter ls` list what there is")
	}
	return adapterErr
}

// inspectDir tells the kinds of directories apart by the file that each must have.
func inspectDir(a *door.App, ctx context.Context, dir string) error {
	has := func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err == nil
	}
	switch {
	case has(peft.ConfigName), models.Checkpoint(dir) != "":
		return inspectAdapter(a, ctx, "", dir)
	case has("config.json"):
		return inspectBase(a, dir)
	case has("manifest.json"):
		abs, err := filepath.Abs(dir)
		if err != nil {
			return err
		}
		d, err := dataverbs.OpenDataset(a, ctx, abs)
		if err != nil {
			return err
		}
		return dataverbs.ShowDataset(a, d)
	}
	err := fmt.Errorf("%s: %w: it has no config.json, %s or manifest.json", dir, errUnknownDir, peft.ConfigName)
	return door.Hint(err, "%s", door.DocumentsHint(dir))
}

func inspectBase(a *door.App, path string) error {
	info, err := inspect.OfBase(path)
	if err != nil {
		return err
	}
	if a.JSON {
		return a.PrintJSON(info)
	}
	return printBase(a, info)
}

func inspectAdapter(a *door.App, ctx context.Context, store, ref string) error {
	found, err := adapterverbs.FindAdapter(a, ctx, store, ref)
	if err != nil {
		return err
	}
	info, err := inspect.OfAdapter(found.Name, found.Adapter, found.Lineage)
	if err != nil {
		return err
	}
	if a.JSON {
		return a.PrintJSON(info)
	}
	return printAdapter(a, info)
}

func printAdapter(a *door.App, i inspect.Adapter) error {
	var f door.Fields
	f.Add("adapter", "%s", i.Name)
	f.Add("digest", "%s", i.Digest)
	f.Add("lora", "%s", adapterverbs.LoraText(adapters.Config{Rank: i.Rank, Alpha: i.Alpha, UseRSLoRA: i.UseRSLoRA, UseDoRA: i.UseDoRA, TargetModules: i.Targets, TargetParameters: i.Weights}))
	f.Add("parameters", "%s in %d modules (%s)", humanize.Count(i.Parameters), i.Modules, humanize.Bytes(i.Bytes))
	if i.Lineage != nil {
		adapterverbs.AddLineage(&f, *i.Lineage)
	} else {
		f.Add("base", "%s, by name only: the adapter has no lineage", door.OrNone(i.BaseName))
	}
	for _, v := range i.Servers {
		text := yesNo(v.OK) + ": " + v.Note
		if v.Format != "" {
			text += ": export --format " + v.Format
		}
		f.Add(v.Server, "%s", text)
	}
	return a.PrintFields(&f)
}
