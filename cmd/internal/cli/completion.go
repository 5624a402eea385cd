package cli

import (
	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/cmd/internal/door"
)

// shells are those that there is a script for.
var shells = []string{"bash", "zsh", "fish"}

func completionCommand(a *door.App) *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Print a script that lets the shell complete commands, flags, names and keys",
		Example: `  source <(cultivar completion bash)
  cultivar completion zsh > "${fpath[1]}/_cultivar"
  cultivar completion fish > ~/.config/fish/completions/cultivar.fish`,
		Args:      door.ExactArgs("SHELL"),
		ValidArgs: shells,
		RunE: func(c *cobra.Command, args []string) error {
			switch root := c.Root(); args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.Out, true)
			case "zsh":
				return root.GenZshCompletion(a.Out)
			case "fish":
				return root.GenFishCompletion(a.Out, true)
			}
			return door.OneOf("SHELL", args[0], shells...)
		},
	}
}
