package cli

import (
	"strings"

	"github.com/spf13/cobra"
)

// group is a verb that only holds others: alone it prints its help.
func group(use, short, long string, verbs ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: use + " COMMAND", Short: short, Long: long,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(c, args[0])
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(verbs...)
	return c
}

// atLeastArgs wants one argument or more.
func atLeastArgs(name string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usagef("%s is missing; see `%s --help`", name, c.CommandPath())
		}
		return nil
	}
}

// atMostArgs wants no more arguments than are named.
func atMostArgs(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) > len(names) {
			return usagef("unexpected argument %q; see `%s --help`", args[len(names)], c.CommandPath())
		}
		return nil
	}
}

// oneOf holds a flag's value to a list.
func oneOf(flag, value string, allowed ...string) error {
	for _, a := range allowed {
		if value == a {
			return nil
		}
	}
	return usagef("--%s is %q, want %s", flag, value, strings.Join(allowed, ", "))
}

// reported returns a refusal whose whole story has been printed as JSON already, so that standard
// output holds one document.
func (a *app) reported(err error) error {
	a.json = false
	return refusal(err)
}
