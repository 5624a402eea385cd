package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

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
