package door

import (
	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/workflows"
	"github.com/cultivar/cultivar/workflows/run"
)

// Recorded does the work of a verb that makes something, and keeps what became of it in the home.
func Recorded[O, R any](a *App, c *cobra.Command, w workflows.Work[O, R], o O) (R, error) {
	h, err := a.History(c.Context())
	if err != nil {
		var none R
		return none, err
	}
	return run.Do(c.Context(), h, w, o)
}
