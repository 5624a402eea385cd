package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/cmd/internal/door"
	"github.com/cultivar/cultivar/internal/version"
)

func versionCommand(a *door.App) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Example: `  cultivar version
  cultivar version --json`,
		Args: door.ExactArgs(),
		RunE: func(*cobra.Command, []string) error {
			b := version.Build()
			if a.JSON {
				return a.PrintJSON(b)
			}
			_, err := fmt.Fprintf(a.Out, "cultivar %s (%s, %s)\n", b.Version, b.Go, b.Platform)
			return err
		},
	}
}
