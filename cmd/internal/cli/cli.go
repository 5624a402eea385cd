// Package cli is the command line: one file a verb, which parses flags, calls workflows and prints
// what came of it.
//
// Voice: results go to standard output; everything else goes to standard error, as
// "cultivar: error: …" and "cultivar: hint: …", without capitals and full stops. Exit codes are in
// exit.go and nowhere else.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/cultivar/cultivar/internal/cpu"
)

// app is what every verb has: the streams and the flags that all share.
type app struct {
	in   io.Reader
	out  io.Writer
	err  io.Writer
	home string
	json bool
}

// Main runs the command line and returns the exit code.
func Main(args []string, in io.Reader, out, errw io.Writer) int {
	if os.Getenv("GOGC") == "" {
		// What lives long are activations and caches of fixed size, and little garbage is made: the
		// usual 100 would double the memory for nothing.
		debug.SetGCPercent(25)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a := &app{in: in, out: out, err: errw}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errw)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	return a.fail(ctx, err)
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "cultivar",
		Short:         "Turn an open-weight model and your documents into an adapter of your own",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			return cpu.FromEnv()
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usagef("%v; see `%s --help`", err, c.CommandPath())
	})
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
		a.pretrainCommand(),
		a.exportCommand(),
		a.inspectCommand(),
		a.publishCommand(),
		a.pullCommand(),
		a.adapterCommand(),
		a.storeCommand(),
		a.doctorCommand(),
		a.configCommand(),
		a.completionCommand(),
		a.versionCommand(),
	}
}

// homeDir resolves the home: the flag, the environment, the user's directory.
func (a *app) homeDir() (string, error) {
	if a.home != "" {
		return a.home, nil
	}
	if h := os.Getenv("CULTIVAR_HOME"); h != "" {
		return h, nil
	}
	user, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find the home directory: %w; set CULTIVAR_HOME or use --home", err)
	}
	return filepath.Join(user, ".cultivar"), nil
}

// printJSON prints a result as one JSON document.
func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// note prints a line for people to standard error.
func (a *app) note(format string, args ...any) {
	_, _ = fmt.Fprintf(a.err, "cultivar: "+format+"\n", args...)
}

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// exactArgs is cobra.ExactArgs with errors that name what is missing.
func exactArgs(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return usagef("%s is missing; see `%s --help`", names[len(args)], c.CommandPath())
		}
		if len(args) > len(names) {
			return usagef("unexpected argument %q; see `%s --help`", args[len(names)], c.CommandPath())
		}
		return nil
	}
}

var errCancelled = errors.New("interrupted")
