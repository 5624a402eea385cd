package door

import (
	"github.com/spf13/cobra"
)

// Group is a verb that only holds others: alone it prints its help.
func Group(use, short, long string, verbs ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: use + " COMMAND", Short: short, Long: long,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return UnknownCommand(c, args[0])
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(verbs...)
	return c
}

// AtLeastArgs wants one argument or more.
func AtLeastArgs(name string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return Usagef("%s is missing; see `%s --help`", name, c.CommandPath())
		}
		return nil
	}
}

// AtMostArgs wants no more arguments than are named.
func AtMostArgs(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) > len(names) {
			return Usagef("unexpected argument %q; see `%s --help`", args[len(names)], c.CommandPath())
		}
		return nil
	}
}

// Reported returns a refusal whose whole story has been printed as JSON already, so that standard
// output holds one document.
func (a *App) Reported(err error) error {
	a.JSON = false
	return Refusal(err)
}

// First is the first argument, "" when there is none.
func First(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}
