package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/cmd/internal/door"
	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/workflows/doctor"
)

func doctorCommand(a *door.App) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Look at this machine: processor, kernels, memory, disk, credentials",
		Long: `Look at this machine: its processor and the kernels chosen for it, with a measured rate; memory and
disk; whether the home can be written; whether credentials for S3 are found, which are never shown.

EXIT STATUS
  0  all is well
  1  something is broken`,
		Example: `  cultivar doctor
  cultivar doctor --json`,
		Args: door.ExactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			home, err := a.HomeDir()
			if err != nil {
				return err
			}
			h := doctor.Look(c.Context(), home)
			var broken []error
			for _, p := range h.Problems {
				broken = append(broken, errors.New(p))
			}
			if a.JSON {
				// The problems are in the report: standard output holds one document.
				err := a.PrintJSON(h)
				a.JSON = false
				return errors.Join(append(broken, err)...)
			}
			return errors.Join(append(broken, printHealth(a, h))...)
		},
	}
}

func printHealth(a *door.App, h doctor.Health) error {
	var f door.Fields
	f.Add("platform", "%s", h.Platform)
	f.Add("processor", "%s, %d threads", orUnknown(h.CPU), h.Threads)
	f.Add("kernels", "%s (available: %s)", h.Kernels, door.Commas(h.Available))
	f.Add("speed", "%.0f GFLOP/s in float32 matrix products", h.GFLOPS)
	f.Add("memory", "%s, %s available", size(h.MemoryTotal), size(h.MemoryFree))
	f.Add("home", "%s, %s free", h.Home, size(h.HomeFree))
	f.Add("TMPDIR", "%s, %s free", h.Temp, size(h.TempFree))
	credentials := "none found (an instance's role is not asked)"
	if h.Credentials != "" {
		credentials = fmt.Sprintf("found in %s", h.Credentials)
	}
	f.Add("S3", "%s", credentials)
	return a.PrintFields(&f)
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// size prints bytes of which 0 means unknown.
func size(n int64) string {
	if n == 0 {
		return "unknown"
	}
	return humanize.Bytes(n)
}
