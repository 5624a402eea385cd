package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/workflows/doctor"
)

func (a *app) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Look at this machine: processor, kernels, memory, disk, credentials",
		Long: `Look at this machine: its processor and the kernels chosen for it, with a measured rate; memory and
disk; whether the home can be written; whether credentials for S3 are found, which are never shown.

EXIT STATUS
  0 all is well   1 something is broken`,
		Args: exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			home, err := a.homeDir()
			if err != nil {
				return err
			}
			h := doctor.Look(c.Context(), home)
			var broken []error
			for _, p := range h.Problems {
				broken = append(broken, errors.New(p))
			}
			if a.json {
				// The problems are in the report: standard output holds one document.
				err := a.printJSON(h)
				a.json = false
				return errors.Join(append(broken, err)...)
			}
			return errors.Join(append(broken, a.printHealth(h))...)
		},
	}
}

func (a *app) printHealth(h doctor.Health) error {
	var f fields
	f.add("platform", "%s", h.Platform)
	f.add("processor", "%s, %d threads", orUnknown(h.CPU), h.Threads)
	f.add("kernels", "%s (available: %s)", h.Kernels, commas(h.Available))
	f.add("speed", "%.0f GFLOP/s in float32 matrix products", h.GFLOPS)
	f.add("memory", "%s, %s available", size(h.MemoryTotal), size(h.MemoryFree))
	f.add("home", "%s, %s free", h.Home, size(h.HomeFree))
	f.add("TMPDIR", "%s, %s free", h.Temp, size(h.TempFree))
	credentials := "none found (an instance's role is not asked)"
	if h.Credentials != "" {
		credentials = fmt.Sprintf("found in %s", h.Credentials)
	}
	f.add("S3", "%s", credentials)
	return a.printFields(&f)
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
