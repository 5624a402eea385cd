package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/datasets/catalog"
	"github.com/cultivar/cultivar/internal/gguf"
	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/workflows/stages"
)

func (a *app) inspectCommand() *cobra.Command {
	var store string
	c := &cobra.Command{
		Use:   "inspect PATH|REF",
		Short: "Say what a base, an adapter or a dataset is",
		Long: `Say what something is, without running it: a model directory (shapes, sizes, memory, tokenizer, what
an adapter can target), an adapter (its settings, its lineage, what can serve it), or a dataset.

PATH is a directory, a GGUF file, or hf://org/name@revision for a base on the Hugging Face Hub. REF is the
name of a dataset or of a published adapter.`,
		Args: exactArgs("PATH"),
		RunE: func(c *cobra.Command, args []string) error { return a.inspect(c.Context(), args[0], store) },
	}
	c.Flags().StringVar(&store, "from", "", "store that an adapter is in (default the home's registry)")
	return c
}

func (a *app) inspect(ctx context.Context, what, store string) error {
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
		return a.inspectDir(ctx, what)
	}
	home, err := a.homeDir()
	if err != nil {
		return err
	}
	dataset, dataErr := catalog.New(home).Open(what)
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
		return hint(fmt.Errorf("%s is no directory, dataset or adapter", what), "`cultivar dataset ls` and `cultivar adapter ls` list what there is")
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
		d, err := a.openDataset(abs)
		if err != nil {
			return err
		}
		return a.showDataset(d)
	}
	return fmt.Errorf("%s: neither a base, an adapter nor a dataset: it has no config.json, %s or manifest.json", dir, peft.ConfigName)
}

func (a *app) inspectBase(path string) error {
	info, err := stages.InspectBase(path)
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
	info, err := stages.InspectAdapter(found)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(info)
	}
	return a.printAdapter(info)
}

func (a *app) printAdapter(i stages.AdapterInfo) error {
	var f fields
	f.add("adapter", "%s", i.Name)
	f.add("digest", "%s", i.Digest)
	f.add("lora", "%s", loraText(adapters.Config{Rank: i.Rank, Alpha: i.Alpha, UseRSLoRA: i.UseRSLoRA, UseDoRA: i.UseDoRA, TargetModules: i.Targets}))
	f.add("parameters", "%s in %d modules (%s)", humanize.Count(i.Parameters), i.Modules, humanize.Bytes(i.Bytes))
	if i.Lineage != nil {
		f.lineage(*i.Lineage)
	} else {
		f.add("base", "%s, by name only: the adapter has no lineage", orNone(i.BaseName))
	}
	for _, v := range i.Servers {
		f.add(v.Server, "%s: %s", map[bool]string{true: "yes", false: "no"}[v.OK], v.Note)
	}
	return a.printFields(&f)
}

func (a *app) printBase(i stages.BaseInfo) error {
	var f fields
	f.add("base", "%s", i.Path)
	f.add("digest", "%s", i.Digest)
	f.add("architecture", "%s", orNone(i.Architecture))
	f.some("unsupported", i.Unsupported)
	f.add("parameters", "%s (%s as %s)", humanize.Count(i.Parameters), humanize.Bytes(i.WeightBytes), commas(slices.Sorted(maps.Keys(i.StoredTypes))))
	f.add("shape", "%d layers, %d wide, MLP %d, %d heads of %d, %d for keys and values", i.Layers, i.HiddenSize, i.IntermediateSize, i.Heads, i.HeadDim, i.KeyValueHeads)
	f.add("context", "%s", contextText(i))
	f.add("tokenizer", "%s", tokenizerText(i.Tokenizer))
	f.add("template", "%s", map[bool]string{true: "yes", false: "none: conversations need one"}[i.Template])
	for n, t := range i.Targets {
		f.add(map[bool]string{true: "LoRA targets"}[n == 0], "%s %d×%d in %d layers", t.Name, t.Out, t.In, t.Count)
	}
	f.add("to serve", "%s and %s a token of context", humanize.Bytes(i.Memory.Serve), humanize.Bytes(i.Memory.CacheToken))
	if m := i.Memory; m.Train > 0 {
		f.add("to train", "about %s, or %s with gradient_checkpointing (r %d, %d tokens at a time)",
			humanize.Bytes(m.Train), humanize.Bytes(m.TrainLess), m.AdapterRank, m.TrainTokens)
	}
	for _, odd := range i.Oddities {
		f.add("note", "%s", odd)
	}
	return a.printFields(&f)
}

func contextText(i stages.BaseInfo) string {
	text := "not said"
	if i.Context > 0 {
		text = fmt.Sprintf("%d positions", i.Context)
	}
	if i.SlidingWindow > 0 {
		text += fmt.Sprintf(", a window of %d", i.SlidingWindow)
	}
	text += fmt.Sprintf("; rope %s, theta %g", i.Rope.Type, i.Rope.Theta)
	if i.Rope.Factor > 0 {
		text += fmt.Sprintf(", factor %g", i.Rope.Factor)
	}
	return text
}

func tokenizerText(t stages.TokenizerInfo) string {
	if t.Vocabulary == 0 {
		return "not readable"
	}
	text := fmt.Sprintf("%s, %d tokens", orNone(t.Kind), t.Vocabulary)
	for _, role := range t.Roles() {
		text += fmt.Sprintf(", %s %d", role, t.Special[role])
	}
	return text
}
