// Package settings is --set, which writes keys of a configuration over its file.
package settings

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/cmd/internal/door"
	"github.com/cultivar/cultivar/internal/yamlerr"
	"github.com/cultivar/cultivar/workflows/spec"
)

// Flag adds --set to the verb whose configuration has its name.
func Flag(c *cobra.Command, into *[]string) {
	c.Flags().StringArrayVar(into, "set", nil, "set a key of the configuration, as lora.r=8 (may be given several times)")
	complete := func(c *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		return assignments(c.Name(), typed), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	_ = c.RegisterFlagCompletionFunc("set", complete) // fails for a flag that is not there
}

// assignments lists the keys of a configuration, or what one of them may be, as far as they begin as was typed.
func assignments(name, typed string) (list []string) {
	keys, err := spec.Keys(name)
	if err != nil {
		return nil
	}
	for _, k := range keys {
		list = append(list, k.Path+"=")
		for _, v := range k.Values {
			if value := k.Path + "=" + v; v != "" && strings.HasPrefix(typed, k.Path+"=") {
				list = append(list, value)
			}
		}
	}
	return slices.DeleteFunc(list, func(s string) bool { return s == typed || !strings.HasPrefix(s, typed) })
}

// unnumbered is what an error says of lines: here is but one.
var unnumbered = regexp.MustCompile(`^line \d+: `)

// Apply writes assignments such as lora.r=8 over config, a pointer to the one of a name, and enters where each key
// came from. Values are YAML, as in the file.
func Apply(name string, config any, given []string, origins map[string]string) error {
	for _, text := range given {
		key, value, ok := strings.Cut(text, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !ok || key == "" || strings.ContainsAny(text, "\n\r") {
			return door.Usagef("--set is %q, want KEY=VALUE, such as lora.r=8", text)
		}
		if err := yamlerr.Decode(assignment(key, value), config); err != nil {
			err = door.Usagef("--set %s: %s", text, unnumbered.ReplaceAllString(err.Error(), ""))
			if strings.Contains(err.Error(), "did you mean") {
				return err
			}
			return door.Hint(err, "`cultivar config defaults %s` lists the keys and what they mean", name)
		}
		origins[key] = "--set"
	}
	return nil
}

// assignment is a YAML document that holds one key.
func assignment(path, value string) []byte {
	var b strings.Builder
	for i, part := range strings.Split(path, ".") {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s%s:", strings.Repeat(" ", i), part)
	}
	return []byte(b.String() + " " + value + "\n")
}
