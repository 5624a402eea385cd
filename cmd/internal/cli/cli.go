// Package cli is the command line: one file a verb, which parses flags, calls workflows and prints
// what came of it.
//
// Voice: results go to standard output; everything else goes to standard error, as
// "cultivar: error: …" and "cultivar: hint: …", without capitals and full stops. Exit codes are in
// exit.go and nowhere else.
package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/internal/cpu"
	"github.com/cultivar/cultivar/internal/version"
)

// app is what every verb has: the streams and the flags that all share.
type app struct {
	in   io.Reader
	out  io.Writer // results for people
	raw  io.Writer // the same stream, for what must arrive to the byte
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
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := a.raw.Write(escaped(b.Bytes()))
	return err
}

// note prints a line for people to standard error.
func (a *app) note(format string, args ...any) {
	_, _ = io.WriteString(a.err, "cultivar: "+printable(fmt.Sprintf(format, args...))+"\n")
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
