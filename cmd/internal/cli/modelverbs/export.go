package modelverbs

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/adapters/export"
	"github.com/cultivar/cultivar/cmd/internal/door"
	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/workflows/exporting"
	"github.com/cultivar/cultivar/workflows/kinds"
)

// ExportCommand is export.
func ExportCommand(a *door.App) *cobra.Command {
	var o exporting.Options
	var format, dtype, outType string
	c := &cobra.Command{
		Use:   "export ADAPTER --format peft|merged|gguf|merged-gguf --out PATH [--base BASE]",
		Short: "Turn an adapter into a PEFT directory or GGUF, or merge it into its base",
		Long: `Turn an adapter into what other programs take.

peft is the adapter as PEFT writes it. merged is a whole model in Hugging Face's format, the base with
the adapter added to its weights, for programs that load no adapters. gguf and merged-gguf are the
same two for llama.cpp; merged-gguf without an ADAPTER is the base alone. Weights of a quantised base
are widened to merge into them: merged holds none that is quantised.

ADAPTER is a directory, or NAME, NAME@3 or NAME:ALIAS in the registry.`,
		Example: `  cultivar export handbook:prod --format merged --base ./smollm --out ./handbook-model
  cultivar export ./adapter --format peft --fold-rslora --out ./for-vllm
  cultivar export handbook:prod --format gguf --base ./smollm --out handbook.gguf`,
		Args: func(c *cobra.Command, args []string) error {
			if format == exporting.FormatMergedGGUF && len(args) == 0 {
				return nil
			}
			return door.ExactArgs("ADAPTER")(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.Adapter = args[0]
			}
			return runExport(a, c, o, format, dtype, outType)
		},
	}
	f := c.Flags()
	f.StringVar(&format, "format", "", door.Either(exporting.Formats))
	f.StringVar(&o.Out, "out", "", "directory to make, or for GGUF the file")
	f.StringVar(&o.Base, "base", "", "merged: the model to merge into, a directory or hf://org/name@revision")
	f.StringVar(&dtype, "dtype", "keep", "merged: "+door.Either(export.DTypes)+"; keep is the base's own (of what is quantised, that of its embeddings)")
	f.StringVar(&outType, "outtype", "", "GGUF: store matrices as "+door.Either(export.OutTypes)+" (default f32 for an adapter, the base's own types for a model)")
	f.BoolVar(&o.FoldRSLoRA, "fold-rslora", false, "peft: write rank-stabilised LoRA as the plain LoRA that computes the same")
	door.AllowOtherBase(c, &o.AllowOtherBase)
	door.StoreFlag(c, &o.Store, door.StoreUsage+" that the adapter is in; --from is the same")
	door.Choices(c, "format", exporting.Formats...)
	door.Choices(c, "dtype", door.Strings(export.DTypes)...)
	door.Choices(c, "outtype", door.Strings(export.OutTypes)...)
	door.Require(c, "format", "out")
	return c
}

func runExport(a *door.App, c *cobra.Command, o exporting.Options, format, dtype, outType string) error {
	if err := exclusive(c, format); err != nil {
		return err
	}
	o.DType, o.OutType = export.DType(dtype), export.OutType(outType)
	var err error
	if o.Home, err = a.HomeDir(); err != nil {
		return err
	}
	if o.Base, err = a.LocalBase(c.Context(), o.Base); err != nil {
		return err
	}
	o.Warn = a.Warn
	r, err := door.Recorded(a, c, kinds.Exporting(format), o)
	if err != nil {
		return err
	}
	for _, note := range r.Notes {
		a.Note("note: %s", note)
	}
	if err := printExported(a, r, o, format); err != nil {
		return err
	}
	if format == exporting.FormatMerged || format == exporting.FormatMergedGGUF {
		a.Next("generate", "--base", o.Out, "--prompt", "…")
	}
	return nil
}

// exclusive refuses flags that belong to another format, and wants those that the format needs.
func exclusive(c *cobra.Command, format string) error {
	takes := map[string][]string{
		exporting.FormatPEFT: {"fold-rslora"}, exporting.FormatMerged: {"base", "dtype", door.OtherBaseFlag}, exporting.FormatGGUF: {"base", "outtype", door.OtherBaseFlag},
		exporting.FormatMergedGGUF: {"base", "outtype", door.OtherBaseFlag},
	}[format]
	for _, name := range []string{"base", "dtype", "outtype", "fold-rslora", door.OtherBaseFlag} {
		if c.Flags().Changed(name) && !slices.Contains(takes, name) {
			return door.Usagef("--%s does not go with --format %s", name, format)
		}
	}
	if slices.Contains(takes, "base") && !c.Flags().Changed("base") {
		if format == exporting.FormatGGUF {
			return door.Usagef("--base is missing: --format gguf needs the model that the adapter is for")
		}
		return door.Usagef("--base is missing: --format %s needs the model to merge into", format)
	}
	return nil
}

func printExported(a *door.App, r exporting.Result, o exporting.Options, format string) error {
	if a.JSON {
		return a.PrintJSON(r)
	}
	if format == exporting.FormatPEFT {
		return a.Say("%s in %s", r.Adapter, o.Out)
	}
	if format == exporting.FormatGGUF || r.Adapter == "" {
		return a.Say("%d tensors (%s) in %s", r.Tensors, humanize.Bytes(r.Bytes), o.Out)
	}
	return a.Say("%s merged into %d of %d weights (%s) in %s", r.Adapter, r.Modules, r.Tensors, humanize.Bytes(r.Bytes), o.Out)
}
