package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/internal/version"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  exactArgs(),
		RunE: func(*cobra.Command, []string) error {
			if a.json {
				return a.printJSON(versionJSON{version.Version, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH})
			}
			_, err := fmt.Fprintf(a.out, "cultivar %s (%s, %s/%s)\n", version.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
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
