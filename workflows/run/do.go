package run

import (
	"context"

	"github.com/cultivar/cultivar/workflows"
)

// Do does a work as a run: history keeps what it was done with, what came of it, and how it ended.
func Do[O, R any](ctx context.Context, h *History, w workflows.Work[O, R], o O) (R, error) {
	var r R
	err := h.Record(ctx, w.Name, w.Config(o), func(ctx context.Context, l *Log) error {
		var err error
		if r, err = w.Do(ctx, o); err != nil {
			return err
		}
		used, made := w.Tell(o, r)
		for _, a := range used {
			l.Input(a)
		}
		for _, a := range made {
			l.Output(a)
		}
		return nil
	})
	return r, err
}
