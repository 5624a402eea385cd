package workflows

import "context"

// Work is what somebody has done by one call, where a workflow has a stage: what is made goes where the
// options say, and not to the home alone. O are the options, R is the result.
type Work[O, R any] struct {
	Name   string      // as history calls the run
	Config func(O) any // what decides the result beside the inputs
	Do     func(ctx context.Context, o O) (R, error)
	Tell   func(o O, r R) (used, made []Artefact) // what was worked on, and what came of it
}
