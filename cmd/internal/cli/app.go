package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cultivar/cultivar/store/open"
	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/workflows/home"
	"github.com/cultivar/cultivar/workflows/run"
	"github.com/spf13/cobra"
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

// history opens the history of the home.
func (a *app) history(ctx context.Context) (*run.History, error) {
	location, err := a.homeDir()
	if err != nil {
		return nil, err
	}
	h, err := home.Open(ctx, location)
	if err != nil {
		return nil, err
	}
	return run.NewHistory(h.Bucket, time.Now, who(""), a.warnError), nil
}

// openHome opens the home.
func (a *app) openHome(ctx context.Context) (*home.Home, error) {
	location, err := a.homeDir()
	if err != nil {
		return nil, err
	}
	return home.Open(ctx, location)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// day is a date for people; "" when it is not known.
func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}

func commas(list []string) string { return strings.Join(list, ", ") }

// shownJSON is a version with the aliases that point at it.
type shownJSON struct {
	registry.Manifest
	Ref     string   `json:"ref"`
	Aliases []string `json:"aliases"`
}

// localPath is the path that a flag gives for something on this machine, which may be a file:// URL; a
// place elsewhere is refused, and never becomes a directory called "s3:".
func localPath(flag, value string) (string, error) {
	path, local, err := open.Directory(value)
	if err != nil || !local {
		return "", usagef("--%s is %q, want a path on this machine", flag, value)
	}
	return path, nil
}

// require marks flags as required, with an error in our voice.
func require(c *cobra.Command, names ...string) {
	run := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		for _, n := range names {
			if !c.Flags().Changed(n) {
				return usagef("--%s is missing; see `%s --help`", n, c.CommandPath())
			}
		}
		return run(c, args)
	}
}

// warnError tells what could not be done but does not matter to the result.
func (a *app) warnError(err error) { a.warn(err.Error()) }

// who is who acts, for histories.
func who(by string) string {
	if by != "" {
		return by
	}
	return os.Getenv("USER")
}
