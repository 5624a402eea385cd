package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/adapters/export"
	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/workflows/stages"
)

func (a *app) exportCommand() *cobra.Command {
	var o stages.ExportOptions
	var format, dtype string
	c := &cobra.Command{
		Use:   "export ADAPTER --format peft|merged --out PATH [--base BASE]",
		Short: "Turn an adapter into a PEFT directory, or merge it into its base",
		Long: `Turn an adapter into what other programs take.

peft is the adapter as PEFT writes it. merged is a whole model in Hugging Face's format, the base with
the adapter added to its weights, for programs that load no adapters.

ADAPTER is a directory, or NAME, NAME@3 or NAME:ALIAS in the registry.`,
		Example: `  cultivar export handbook:prod --format merged --base ./smollm --out ./handbook-model
  cultivar export ./adapter --format peft --fold-rslora --out ./for-llama.cpp`,
		Args: exactArgs("ADAPTER"),
		RunE: func(c *cobra.Command, args []string) error {
			o.Adapter = args[0]
			return a.runExport(c, o, format, dtype)
		},
	}
	f := c.Flags()
	f.StringVar(&format, "format", "", "peft or merged")
	f.StringVar(&o.Out, "out", "", "directory to make")
	f.StringVar(&o.Base, "base", "", "merged: the model directory to merge into")
	f.StringVar(&dtype, "dtype", "keep", "merged: float32, bfloat16, float16, or keep the base's")
	f.BoolVar(&o.FoldRSLoRA, "fold-rslora", false, "peft: write rank-stabilised LoRA as the plain LoRA that computes the same")
	f.StringVar(&o.Store, "from", "", "store that the adapter is in (default the home's registry)")
	require(c, "format", "out")
	return c
}

func (a *app) runExport(c *cobra.Command, o stages.ExportOptions, format, dtype string) error {
	if err := oneOf("format", format, "peft", "merged"); err != nil {
		return err
	}
	if err := exclusive(c, format); err != nil {
		return err
	}
	var err error
	if o.DType, err = export.ParseDType(dtype); err != nil {
		return usageError{err}
	}
	if o.Home, err = a.homeDir(); err != nil {
		return err
	}
	run := stages.ExportPEFT
	if format == "merged" {
		run = stages.ExportMerged
	}
	r, err := run(c.Context(), o)
	if err != nil {
		return err
	}
	if r.OtherBase != "" {
		a.note("warning: %s was trained on another base, %s; that is right only when it was trained on this one quantised", r.Adapter, r.OtherBase)
	}
	return a.printExported(r, o, format)
}

// exclusive refuses flags that belong to the other format, and wants those that the format needs.
func exclusive(c *cobra.Command, format string) error {
	others := []string{"base", "dtype"}
	if format == "merged" {
		others = []string{"fold-rslora"}
		if !c.Flags().Changed("base") {
			return usagef("--base is missing: --format merged needs the model to merge into")
		}
	}
	for _, name := range others {
		if c.Flags().Changed(name) {
			return usagef("--%s does not go with --format %s", name, format)
		}
	}
	return nil
}

func (a *app) printExported(r stages.ExportResult, o stages.ExportOptions, format string) error {
	if a.json {
		out := map[string]any{"adapter": r.Adapter, "format": format, "out": o.Out}
		if format == "merged" {
			out["modules"], out["tensors"], out["bytes"], out["shards"] = r.Merge.Modules, r.Merge.Tensors, r.Merge.Bytes, r.Merge.Shards
		}
		return a.printJSON(out)
	}
	if format == "peft" {
		_, err := fmt.Fprintf(a.out, "%s in %s\n", r.Adapter, o.Out)
		return err
	}
	_, err := fmt.Fprintf(a.out, "%s merged into %d of %d weights (%s) in %s\n", r.Adapter, r.Merge.Modules, r.Merge.Tensors, humanize.Bytes(r.Merge.Bytes), o.Out)
	return err
}
