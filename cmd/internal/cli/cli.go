// Package cli is the command line: one file a verb, which parses flags, calls workflows and prints
// what came of it.
//
// Voice: results go to standard output; everything else goes to standard error, as
// "cultivar: error: …" and "cultivar: hint: …", without capitals and full stops. Exit codes are in
// exit.go and nowhere else.
package cli

import (
	"context"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/internal/version"
)

// Main runs the command line and returns the exit code.
func Main(args []string, in io.Reader, out, errw io.Writer) int {
	if os.Getenv("GOGC") == "" {
		// What lives long are activations and caches of fixed size, and little garbage is made: the
		// usual 100 would double the memory for nothing.
		debug.SetGCPercent(25)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a := &app{in: in, out: &screen{w: out}, raw: out, err: errw}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(a.out)
	root.SetErr(errw)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	return a.fail(ctx, err)
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "cultivar",
		Short:         "Turn an open-weight model and your documents into an adapter of your own",
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version.Version,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(c, args[0])
			}
			return nil
		},
		PersistentPreRunE: func(*cobra.Command, []string) error {
			return cpu.FromEnv()
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetVersionTemplate("cultivar {{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	root.PersistentFlags().StringVar(&a.home, "home", "", "where datasets and adapters live (default $CULTIVAR_HOME, else ~/.cultivar)")
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print results as JSON")
	root.AddCommand(a.commands()...)
	return root
}

// commands lists the verbs in the order in which a newcomer meets them.
func (a *app) commands() []*cobra.Command {
	return []*cobra.Command{
		a.quickstartCommand(),
		a.ingestCommand(),
		a.datasetCommand(),
		a.trainCommand(),
		a.evalCommand(),
		a.generateCommand(),
		a.tokenizeCommand(),
		a.templateCommand(),
		a.exportCommand(),
		a.inspectCommand(),
		a.publishCommand(),
		a.pullCommand(),
		a.adapterCommand(),
		a.storeCommand(),
		a.runsCommand(),
		a.doctorCommand(),
		a.configCommand(),
		a.completionCommand(),
		a.versionCommand(),
	}
}
