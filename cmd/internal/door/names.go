package door

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cultivar/cultivar/bases/hub"
	"github.com/cultivar/cultivar/store/open"
)

// Naming is what a flag or an argument names: docs/names.md has the grammar of each.
type Naming int

// The kinds of names.
const (
	NoName   Naming = iota
	Path            // a file or directory of this machine
	Store           // a directory or an S3 prefix
	BaseName        // a path, or hf://org/name
	Ref             // NAME, NAME@3 or NAME:ALIAS, or a path
)

// flagNames say what flags name, the same in every verb. Flags that are not here hold no name of a place.
var flagNames = map[string]Naming{
	"home": Store, "store": Store, "to": Store, "from": Store,
	"out": Path, "dir": Path, "config": Path, "prompt-file": Path, "prompts": Path, "messages": Path, "tools": Path, "chat-template": Path, "html": Path, "report": Path,
	"base": BaseName, "data": Ref, "adapter": Ref,
}

// argumentNames say what the words in a verb's usage stand for. Those that are not here are names of other things.
var argumentNames = map[string]Naming{
	"ADAPTER": Ref, "REF": Ref, "PATH|REF": BaseName, "A": Ref, "B": Ref, "SOURCE…": Path, "URL": Store, "[URL]": Store,
}

// CheckNames holds everything that a command line names to the grammar of its kind, before the verb begins: what
// means a place elsewhere and is none that is known is refused, and never becomes a directory called "s3:". What
// file:// means is put in its place.
func CheckNames(c *cobra.Command, args []string) error {
	var errs []error
	c.Flags().Visit(func(f *pflag.Flag) {
		naming := flagNames[f.Name]
		if f.Name == "out" && strings.Contains(c.Use, "--out DATASET") {
			naming = NoName // that of the dataset to be made
		}
		value, err := naming.resolve(f.Value.String())
		if err != nil {
			errs = append(errs, fmt.Errorf("--%s: %w", f.Name, err))
		} else if value != f.Value.String() {
			errs = append(errs, f.Value.Set(value))
		}
	})
	for i, arg := range args {
		value, err := argumentNames[argument(c.Use, i)].resolve(arg)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		args[i] = value
	}
	if len(errs) > 0 {
		return UsageError(errors.Join(errs...))
	}
	return nil
}

// argument is the word that stands for an argument in a verb's usage. The last one before the flags may be repeated.
func argument(use string, i int) string {
	words := arguments(use)
	if len(words) == 0 {
		return ""
	}
	return words[min(i, len(words)-1)]
}

// arguments are the words that stand for arguments in a verb's usage, which come before the flags.
func arguments(use string) []string {
	words := strings.Fields(use)[1:]
	if flags := slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(strings.Trim(w, "["), "-") }); flags >= 0 {
		words = words[:flags]
	}
	return words
}

// resolve checks a name, and returns the path that a file:// URL means.
func (n Naming) resolve(name string) (string, error) {
	switch {
	case n == NoName || name == "" || n == BaseName && hub.IsRef(name):
		return name, nil
	case n == Ref && !strings.Contains(name, "/"):
		return name, nil // the colon before an alias looks like that of a scheme
	}
	path, local, err := open.Directory(name)
	switch {
	case err != nil && n == BaseName && HubName(name) != "":
		return "", fmt.Errorf("%w; a model of the Hugging Face Hub is named %s", err, HubName(name))
	case n == BaseName && (err != nil || !local):
		return "", cmp.Or(err, fmt.Errorf("%q is no base; it is a directory, a GGUF file, or hf://org/name", name))
	case err != nil:
		return "", err
	case n == Store:
		return name, nil
	case !local:
		return "", fmt.Errorf("%q is not on this machine, and a path on this machine is wanted", name)
	}
	return path, nil
}
