package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/cmd/internal/door"
	"github.com/cultivar/cultivar/internal/version"
)

func versionCommand(a *door.App) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  door.ExactArgs(),
		RunE: func(*cobra.Command, []string) error {
			if a.JSON {
				return a.PrintJSON(versionJSON{version.Version, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH})
			}
			_, err := fmt.Fprintf(a.Out, "cultivar %s (%s, %s/%s)\n", version.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

// versionJSON is the result of version.
type versionJSON struct {
	Version  string `json:"version"`
	Go       string `json:"go"`       // that it was built with
	Platform string `json:"platform"` // system/architecture
}
