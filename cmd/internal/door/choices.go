package door

import (
	"strings"

	"github.com/spf13/cobra"
)

// Choices holds a flag of a verb to a list, which the shells complete from, too. A flag that is empty by default may
// be given empty.
func Choices(c *cobra.Command, name string, values ...string) {
	complete := func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		return beginning(typed, values), cobra.ShellCompDirectiveNoFileComp
	}
	_ = c.RegisterFlagCompletionFunc(name, complete) // fails for a second list of a flag alone
	run := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		f := c.Flags().Lookup(name)
		if value := f.Value.String(); f.Changed && (value != "" || f.DefValue != "") {
			if err := OneOf("--"+name, value, values...); err != nil {
				return err
			}
		}
		return run(c, args)
	}
}

// OneOf holds what somebody gave to a list.
func OneOf(what, value string, allowed ...string) error {
	for _, a := range allowed {
		if value == a {
			return nil
		}
	}
	err := Usagef("%s is %q, want %s", what, value, Either(allowed))
	if near := meant(strings.ToLower(value), allowed); near != "" {
		return Hint(err, "did you mean %s?", near)
	}
	return err
}

// Either lists what may be chosen, as "a, b or c".
func Either[T ~string](values []T) string {
	var b strings.Builder
	for i, v := range values {
		switch {
		case i > 0 && i == len(values)-1:
			b.WriteString(" or ")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(string(v))
	}
	return b.String()
}

// Strings are the words of a list of them.
func Strings[T ~string](values []T) []string {
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = string(v)
	}
	return list
}
