package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/datasets/catalog"
	"github.com/cultivar/cultivar/internal/gguf"
	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/workflows/inspect"
)

func (a *app) inspectCommand() *cobra.Command {
	var store string
	c := &cobra.Command{
		Use:   "inspect PATH|REF",
		Short: "Say what a base, an adapter or a dataset is",
		Long: `Say what something is, without running it: a model directory (shapes, sizes, memory, tokenizer, what
an adapter can target), an adapter (its settings, its lineage, what can serve it), or a dataset.

PATH is a directory, a GGUF file, or hf://org/name@revision for a base on the Hugging Face Hub.
REF is the name of a dataset or of a published adapter.`,
		Args: exactArgs("PATH"),
		RunE: func(c *cobra.Command, args []string) error { return a.runInspect(c.Context(), args[0], store) },
	}
	c.Flags().StringVar(&store, "from", "", "store that an adapter is in (default the home's registry)")
	return c
}

func (a *app) runInspect(ctx context.Context, what, store string) error {
	what, err := a.localBase(ctx, what)
	if err != nil {
		return err
	}
	if info, err := os.Stat(what); err == nil {
		switch {
		case gguf.Is(what):
			return a.inspectBase(what)
		case !info.IsDir():
			return fmt.Errorf("%s is a file but no GGUF; want a directory of a base, an adapter or a dataset", what)
		}
		err := a.inspectDir(ctx, what)
		if !errors.Is(err, errUnknownDir) || filepath.Base(what) != what {
			return err
		}
		// The folder that was ingested often has the dataset's name.
		if named := a.inspectNamed(ctx, what, store); !errors.Is(named, errUnknownName) {
			return named
		}
		return err
	}
	return a.inspectNamed(ctx, what, store)
}

// What inspect was given is nothing that it knows.
var (
	errUnknownDir  = errors.New("neither a base, an adapter nor a dataset")
	errUnknownName = errors.New("no directory, dataset or adapter")
)

// inspectNamed looks for what has a name in the home or in a store.
func (a *app) inspectNamed(ctx context.Context, what, store string) error {
	dataset, dataErr := a.openDataset(ctx, what)
	reg, err := a.registry(ctx, store)
	if err != nil {
		return err
	}
	m, adapterErr := reg.Resolve(ctx, what)
	switch {
	case dataErr == nil && adapterErr == nil:
		return usagef("%s is a dataset and an adapter; see `cultivar dataset show` and `cultivar adapter show`", what)
	case dataErr == nil:
		return a.showDataset(dataset)
	case adapterErr == nil:
		return a.inspectAdapter(ctx, store, m.Ref().String())
	case errors.Is(dataErr, catalog.ErrCorrupt):
		return dataErr
	case errors.Is(adapterErr, registry.ErrNoVersion), errors.Is(adapterErr, registry.ErrBadName):
		return hint(fmt.Errorf("%s is %w", what, errUnknownName), "`cultivar dataset ls` and `cultivar adapter ls` list what there is")
	}
	return adapterErr
}

// inspectDir tells the kinds of directories apart by the file that each must have.
func (a *app) inspectDir(ctx context.Context, dir string) error {
	has := func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err == nil
	}
	switch {
	case has(peft.ConfigName):
		return a.inspectAdapter(ctx, "", dir)
	case has("config.json"):
		return a.inspectBase(dir)
	case has("manifest.json"):
		abs, err := filepath.Abs(dir)
		if err != nil {
			return err
		}
		d, err := a.openDataset(ctx, abs)
		if err != nil {
			return err
		}
		return a.showDataset(d)
	}
	return fmt.Errorf("%s: %w: it has no config.json, %s or manifest.json", dir, errUnknownDir, peft.ConfigName)
}

func (a *app) inspectBase(path string) error {
	info, err := inspect.OfBase(path)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(info)
	}
	return a.printBase(info)
}

func (a *app) inspectAdapter(ctx context.Context, store, ref string) error {
	found, err := a.findAdapter(ctx, store, ref)
	if err != nil {
		return err
	}
	info, err := inspect.OfAdapter(found.Name, found.Adapter, found.Lineage)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(info)
	}
	return a.printAdapter(info)
}

func (a *app) printAdapter(i inspect.Adapter) error {
	var f fields
	f.add("adapter", "%s", i.Name)
	f.add("digest", "%s", i.Digest)
	f.add("lora", "%s", loraText(adapters.Config{Rank: i.Rank, Alpha: i.Alpha, UseRSLoRA: i.UseRSLoRA, UseDoRA: i.UseDoRA, TargetModules: i.Targets, TargetParameters: i.Weights}))
	f.add("parameters", "%s in %d modules (%s)", humanize.Count(i.Parameters), i.Modules, humanize.Bytes(i.Bytes))
	if i.Lineage != nil {
		addLineage(&f, *i.Lineage)
	} else {
		f.add("base", "%s, by name only: the adapter has no lineage", orNone(i.BaseName))
	}
	for _, v := range i.Servers {
		text := yesNo(v.OK) + ": " + v.Note
		if v.Format != "" {
			text += ": export --format " + v.Format
		}
		f.add(v.Server, "%s", text)
	}
	return a.printFields(&f)
}
