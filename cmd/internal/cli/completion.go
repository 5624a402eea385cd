package cli

import (
	"github.com/spf13/cobra"
)

func (a *app) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Print a script that lets the shell complete commands and flags",
		Example: `  source <(cultivar completion bash)
  cultivar completion zsh > "${fpath[1]}/_cultivar"
  cultivar completion fish > ~/.config/fish/completions/cultivar.fish`,
		Args:      exactArgs("SHELL"),
		ValidArgs: []string{"bash", "zsh", "fish"},
		RunE: func(c *cobra.Command, args []string) error {
			switch root := c.Root(); args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.out, true)
			case "zsh":
				return root.GenZshCompletion(a.out)
			case "fish":
				return root.GenFishCompletion(a.out, true)
			}
			return usagef("no completion for %q, want bash, zsh or fish", args[0])
		},
	}
}
