package door

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cultivar/cultivar/internal/nearest"
	"github.com/cultivar/cultivar/workflows/spec"
)

// otherWords are what other programs call our flags, where no likeness of letters leads there.
var otherWords = map[string]string{
	"model": "base", "model-name-or-path": "base", "base-model": "base", "lora": "adapter", "peft": "adapter", "output-dir": "out",
	"name": "out", "input": "data", "train-file": "data", "dataset": "data", "max-tokens": "max-new-tokens", "n-predict": "max-new-tokens", "text": "prompt", "dest": "out",
}

// otherVerbs are what other programs call our verbs.
var otherVerbs = map[string]string{
	"list": "ls", "delete": "rm", "remove": "rm", "info": "show", "get": "show", "log": "history", "prune": "gc", "import": "ingest", "add": "ingest",
	"finetune": "train", "fit": "train", "evaluate": "eval", "run": "generate", "chat": "generate", "render": "template", "encode": "tokenize",
	"convert": "export", "merge": "export", "push": "publish", "upload": "publish", "download": "pull", "status": "doctor", "datasets": "dataset", "adapters": "adapter",
}

// OneStore lets a store be called by where it stands in the sentence, too: publish --to, pull --from.
func OneStore(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	if name == "to" || name == "from" {
		name = "store"
	}
	return pflag.NormalizedName(name)
}

// StoreFlag adds the flag that names a store.
func StoreFlag(c *cobra.Command, into *string, usage string) {
	c.Flags().SetNormalizeFunc(OneStore)
	c.Flags().StringVar(into, "store", "", usage)
}

// FlagError says which flag was meant by one that there is not.
func FlagError(c *cobra.Command, err error) error {
	// The flags of a verb that there is not are unknown before the verb is.
	if args := c.Flags().Args(); c.HasSubCommands() && len(args) > 0 {
		return UnknownCommand(c, args[0])
	}
	var bad *pflag.InvalidValueError
	if errors.As(err, &bad) {
		f := bad.GetFlag()
		return Usagef("--%s is %q, want %s; see `%s --help`", f.Name, bad.GetValue(), kindOf(f.Value.Type()), c.CommandPath())
	}
	usage := Usagef("%v; see `%s --help`", err, c.CommandPath())
	_, name, unknown := strings.Cut(err.Error(), "unknown flag: --")
	if !unknown {
		return usage
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
	if word := otherWords[name]; slices.Contains(names, word) {
		return Hint(usage, "did you mean --%s?", word)
	}
	if near := meant(name, names); near != "" {
		return Hint(usage, "did you mean --%s?", near)
	}
	if key := meant(name, configKeys(c)); key != "" {
		return Hint(usage, "%s is a key of the configuration: --config FILE, see `cultivar config schema %s`", key, c.Name())
	}
	return usage
}

// kindOf says in words what a flag's type takes.
func kindOf(typ string) string {
	switch typ {
	case "int", "int64":
		return "a whole number"
	case "uint64":
		return "a whole number, 0 or more"
	case "float64":
		return "a number"
	case "bool":
		return "true or false"
	}
	return "a " + typ
}

// configKeys lists the keys of the file that a verb takes as its configuration, as flags would be called.
func configKeys(c *cobra.Command) []string {
	if c.Flags().Lookup("config") == nil {
		return nil
	}
	var list []string
	for _, k := range configKeyNames(c.Name()) {
		list = append(list, strings.ReplaceAll(k, "_", "-"))
	}
	return list
}

// UnknownCommand says which verb was meant by one that there is not.
func UnknownCommand(c *cobra.Command, name string) error {
	usage := Usagef("unknown command %q for %q", name, c.CommandPath())
	var names []string
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	name = strings.ToLower(name)
	near := otherVerbs[name]
	if !slices.Contains(names, near) {
		near = meant(name, names)
	}
	if near != "" {
		return Hint(usage, "did you mean `%s %s`?", c.CommandPath(), near)
	}
	return Hint(usage, "`%s --help` lists the commands", c.CommandPath())
}

// meant is the name that a word was meant to be, "" when none is near: one with few other letters, or
// the word cut short, or with a part more or less, or its initials.
func meant(word string, names []string) string {
	best, least := "", 1000
	for _, name := range names {
		d := 10 * nearest.Edits(word, name)
		switch {
		case strings.HasPrefix(name, word) && len(word) > 1, strings.HasPrefix(word, name) && len(name) > 2:
			d = min(d, 15)
		case strings.HasSuffix(name, "-"+word), strings.HasSuffix(word, "-"+name):
			d = min(d, 16)
		case word == initials(name):
			d = min(d, 17)
		}
		if d < least {
			best, least = name, d
		}
	}
	if least > 20 || least == 20 && len(word) < 5 || least >= 10*len(word) {
		return ""
	}
	return best
}

func initials(name string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(name, "-") {
		if part != "" {
			b.WriteByte(part[0])
		}
	}
	if b.Len() < 2 {
		return fmt.Sprintf("%s ", name) // of one part: nothing is called so
	}
	return b.String()
}

// configKeyNames lists the keys of a configuration by their last parts, none when there is no such one.
func configKeyNames(name string) []string {
	keys, err := spec.Keys(name)
	if err != nil || !slices.Contains(spec.Configs, name) {
		return nil
	}
	var list []string
	for _, k := range keys {
		list = append(list, k.Name)
	}
	return list
}
