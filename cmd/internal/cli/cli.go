// Package cli is the command line: one file a verb, which parses flags, calls workflows and prints
// what came of it.
//
// Voice: results go to standard output; everything else goes to standard error, as
// "cultivar: error: …" and "cultivar: hint: …", without capitals and full stops. Exit codes are
// in door/exit.go and nowhere else.
package cli

import (
	"errors"
	"io"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/cmd/internal/cli/adapterverbs"
	"github.com/cultivar/cultivar/cmd/internal/cli/dataverbs"
	"github.com/cultivar/cultivar/cmd/internal/cli/modelverbs"
	"github.com/cultivar/cultivar/cmd/internal/door"
	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/internal/machine"
	"github.com/cultivar/cultivar/internal/version"
)

// Main runs the command line and returns the exit code.
func Main(args []string, in io.Reader, out, errw io.Writer) int {
	if os.Getenv("GOGC") == "" {
		// What lives long are activations and caches of fixed size, and little garbage is made: the
		// usual 100 would double the memory for nothing.
		debug.SetGCPercent(25)
	}
	if left := machine.AddressSpace(); left > 0 && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(left / 10 * 9) // collect rather than fail
	}
	a := &door.App{In: in, Out: &door.Screen{W: out}, Raw: out, Err: errw}
	root := root(a)
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(a.Out)
	root.SetErr(errw)
	ctx, err := untilTold(root.ExecuteContext)
	if err == nil {
		err = a.Lost
	}
	if err == nil {
		return 0
	}
	return a.Fail(ctx, err)
}

func root(a *door.App) *cobra.Command {
	root := &cobra.Command{
		Use:           "cultivar [COMMAND]",
		Short:         "Turn an open-weight model and your documents into an adapter of your own",
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version.Version,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return door.UnknownCommand(c, args[0])
			}
			return nil
		},
		PersistentPreRunE: func(c *cobra.Command, args []string) error {
			a.Typed(c, args)
			return errors.Join(door.CheckNames(c, args), cpu.FromEnv())
		},
		RunE: func(c *cobra.Command, _ []string) error { return nextSteps(a, c) },
	}
	cobra.EnableCommandSorting = false // they stand in the order in which they are met
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetVersionTemplate("cultivar {{.Version}}\n")
	root.SetFlagErrorFunc(door.FlagError)
	root.SetHelpFunc(func(c *cobra.Command, _ []string) { a.Lost = a.Help(c) })
	root.PersistentFlags().StringVar(&a.Home, "home", "", "where datasets and adapters live (default $CULTIVAR_HOME, else ~/.cultivar)")
	root.PersistentFlags().BoolVar(&a.JSON, "json", false, "print results as JSON")
	root.AddCommand(commands(a)...)
	a.Completions(root)
	return root
}

// commands lists the verbs in the order in which a newcomer meets them.
func commands(a *door.App) []*cobra.Command {
	return []*cobra.Command{
		quickstartCommand(a),
		dataverbs.IngestCommand(a),
		dataverbs.DatasetCommand(a),
		modelverbs.TrainCommand(a),
		modelverbs.EvalCommand(a),
		modelverbs.GenerateCommand(a),
		modelverbs.TokenizeCommand(a),
		modelverbs.TemplateCommand(a),
		modelverbs.ExportCommand(a),
		modelverbs.InspectCommand(a),
		adapterverbs.PublishCommand(a),
		adapterverbs.PullCommand(a),
		adapterverbs.AdapterCommand(a),
		adapterverbs.StoreCommand(a),
		runsCommand(a),
		removeCommand(a),
		collectCommand(a),
		repairCommand(a),
		doctorCommand(a),
		configCommand(a),
		completionCommand(a),
		versionCommand(a),
	}
}
