// Package door is what all verbs share: the streams, the home, exit codes and hints, tables and bars, and the
// record of what a verb made. It knows no verb.
package door

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/workflows/home"
	"github.com/cultivar/cultivar/workflows/run"
)

// App is what every verb has: the streams and the flags that all share.
type App struct {
	In   io.Reader
	Out  io.Writer // results for people
	Raw  io.Writer // the same stream, for what must arrive to the byte
	Err  io.Writer
	Home string // that of --home, "" without it
	// Store is that of --store, for whoever tells how to look there; verbs have a flag of their own.
	Store string
	// Named and Paths are the words of the command line that may name a dataset or an adapter, and a file.
	Named, Paths []string
	JSON         bool
	Lost         error // why help could not be written, of which cobra does not ask
}

// HomeDir resolves the home: the flag, the environment, the user's directory.
func (a *App) HomeDir() (string, error) {
	if a.Home != "" {
		return a.Home, nil
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

// PrintJSON prints a result as one JSON document.
func (a *App) PrintJSON(v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := a.Raw.Write(escaped(b.Bytes()))
	return err
}

// maxNote bounds a line for people, in bytes: it may quote what somebody else wrote.
const maxNote = 1200

// Note prints a line for people to standard error: one line however narrow the screen, so that it can be
// searched for and copied.
func (a *App) Note(format string, args ...any) {
	line := humanize.Excerpt(Printable(fmt.Sprintf(format, args...)), maxNote)
	if Coloured(a.Err) {
		line = painted(line)
	}
	_, _ = io.WriteString(a.Err, "cultivar: "+line+"\n")
}

// ExactArgs is cobra.ExactArgs with errors that name what is missing.
func ExactArgs(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return Usagef("%s is missing; see `%s --help`", names[len(args)], c.CommandPath())
		}
		if len(args) > len(names) {
			return Usagef("unexpected argument %q; see `%s --help`", args[len(names)], c.CommandPath())
		}
		return nil
	}
}

// Runs opens the history of the home for a look at what was done.
func (a *App) Runs(ctx context.Context) (*run.History, error) {
	h, err := a.OpenHome(ctx)
	if err != nil {
		return nil, err
	}
	return run.NewHistory(h.Bucket, time.Now, Who(""), a.WarnError), nil
}

// History opens the history of the home, which the first run makes.
func (a *App) History(ctx context.Context) (*run.History, error) {
	location, err := a.HomeDir()
	if err != nil {
		return nil, err
	}
	h, err := home.Open(ctx, location)
	if err != nil {
		return nil, err
	}
	return run.NewHistory(h.Bucket, time.Now, Who(""), a.WarnError), nil
}

// OpenHome opens the home for a look at what is there. One that --home names must be there; that of the user is
// empty until something is made.
func (a *App) OpenHome(ctx context.Context) (*home.Home, error) {
	location, err := a.HomeDir()
	if err != nil {
		return nil, err
	}
	h, err := home.Open(ctx, location)
	if err == nil && a.Home != "" {
		err = h.There(ctx)
	}
	return h, err
}

// OrNone is a text, or says that there is none.
func OrNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// Day is a date for people; "" when it is not known.
func Day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}

// Commas lists texts on one line.
func Commas(list []string) string { return strings.Join(list, ", ") }

// Largest lists the keys of counts, those with the most first.
func Largest(counts map[string]int64) []string {
	return slices.SortedFunc(maps.Keys(counts), func(x, y string) int {
		return cmp.Or(cmp.Compare(counts[y], counts[x]), cmp.Compare(x, y))
	})
}

// Examples gives a verb that several have in common the examples of one.
func Examples(c *cobra.Command, lines ...string) *cobra.Command {
	c.Example = "  " + strings.Join(lines, "\n  ")
	return c
}

// Require marks flags as required, with an error in our voice.
func Require(c *cobra.Command, names ...string) {
	run := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		for _, n := range names {
			if c.Flags().Lookup(n).Value.String() == "" {
				return Usagef("--%s is missing; see `%s --help`", n, c.CommandPath())
			}
		}
		return run(c, args)
	}
}

// WarnError tells what could not be done but does not matter to the result.
func (a *App) WarnError(err error) { a.Warn(err.Error()) }

// Who is who acts, for histories.
func Who(by string) string {
	if by != "" {
		return by
	}
	return os.Getenv("USER")
}
