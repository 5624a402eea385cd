package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/workflows"
	"github.com/cultivar/cultivar/workflows/run"
)

// making is a verb that makes something, as history keeps it: O are its options, R is its result.
type making[O, R any] struct {
	kind   string
	config func(O) any          // what decides the result beside the inputs
	tell   func(*run.Log, O, R) // what it worked on and what it made
}

// recorded does the work of a verb that makes something, and keeps what became of it in the home.
func recorded[O, R any](a *app, c *cobra.Command, m making[O, R], work func(context.Context, O) (R, error), o O) (R, error) {
	var r R
	h, err := a.history(c.Context())
	if err != nil {
		return r, err
	}
	err = h.Record(c.Context(), m.kind, m.config(o), func(ctx context.Context, l *run.Log) error {
		var err error
		if r, err = work(ctx, o); err == nil {
			m.tell(l, o, r)
		}
		return err
	})
	return r, err
}

func artefact(t workflows.Type, ref, digest string) workflows.Artefact {
	return workflows.Artefact{Type: t, Ref: ref, Digest: digest}
}
