package door

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/workflows"
	"github.com/cultivar/cultivar/workflows/run"
)

// Making is a verb that makes something, as history keeps it: O are its options, R is its result.
type Making[O, R any] struct {
	Kind   string
	Config func(O) any          // what decides the result beside the inputs
	Tell   func(*run.Log, O, R) // what it worked on and what it made
}

// Recorded does the work of a verb that makes something, and keeps what became of it in the home.
func Recorded[O, R any](a *App, c *cobra.Command, m Making[O, R], work func(context.Context, O) (R, error), o O) (R, error) {
	var r R
	h, err := a.History(c.Context())
	if err != nil {
		return r, err
	}
	err = h.Record(c.Context(), m.Kind, m.Config(o), func(ctx context.Context, l *run.Log) error {
		var err error
		if r, err = work(ctx, o); err == nil {
			m.Tell(l, o, r)
		}
		return err
	})
	return r, err
}

// Artefact names what a verb worked on or made.
func Artefact(t workflows.Type, ref, digest string) workflows.Artefact {
	return workflows.Artefact{Type: t, Ref: ref, Digest: digest}
}
