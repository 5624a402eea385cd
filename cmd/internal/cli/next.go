package cli

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/cmd/internal/door"
	"github.com/cultivar/cultivar/cmd/internal/next"
)

// nextSteps is the program without a verb: what it is for, and what one would do next.
func nextSteps(a *door.App, c *cobra.Command) error {
	location, err := a.HomeDir()
	if err != nil {
		return err
	}
	seen, err := look(a, c.Context())
	if err != nil {
		return err
	}
	shown := NextJSON{location, next.Steps(seen)}
	for i := range shown.Next {
		shown.Next[i].Command += a.Here()
	}
	if a.JSON {
		return a.PrintJSON(shown)
	}
	errs := []error{a.Say("cultivar: %s", c.Short), a.Say(""), a.Say("What one would do next, with what is in %s:", location), a.Say("")}
	for _, s := range shown.Next {
		errs = append(errs, a.PrintCommand("cultivar "+s.Command, s.Why))
	}
	return errors.Join(append(errs, a.Say(""), a.Say("`cultivar --help` lists all commands."))...)
}

// NextJSON is the result of the program without a verb.
type NextJSON struct {
	Home string      `json:"home"`
	Next []next.Step `json:"next"` // three things that one would do
}

func look(a *door.App, ctx context.Context) (next.Seen, error) {
	seen := next.Seen{
		There: func(path string) bool { _, err := os.Stat(path); return err == nil },
		Base: func(name string) string {
			if _, err := os.Stat(name); err == nil && door.NotBase(name) == nil {
				return name
			}
			return door.HubName(name)
		},
	}
	h, err := a.OpenHome(ctx)
	if err != nil {
		return seen, err
	}
	history, err := a.Runs(ctx)
	if err != nil {
		return seen, err
	}
	if seen.Runs, err = history.List(ctx); err != nil {
		return seen, err
	}
	datasets, _, err := h.Datasets.Overview(ctx)
	if err != nil {
		return seen, err
	}
	for _, d := range datasets {
		seen.Datasets = append(seen.Datasets, d.Name)
	}
	adapters, _, err := h.Adapters.List(ctx, "")
	if err != nil {
		return seen, err
	}
	for _, v := range adapters {
		seen.Adapters = append(seen.Adapters, v.Name)
	}
	return seen, nil
}
