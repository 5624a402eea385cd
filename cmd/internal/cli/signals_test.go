package cli

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"
)

func TestObey(t *testing.T) {
	failed := errors.New("failed")
	deaf := func(context.Context) error { select {} }
	obeys := func(ctx context.Context) error { <-ctx.Done(); return failed }
	for name, c := range map[string]struct {
		verb    func(context.Context) error
		signals int
		grace   time.Duration
		want    error
		told    bool
	}{
		"ends":            {func(context.Context) error { return nil }, 0, time.Hour, nil, false},
		"fails":           {func(context.Context) error { return failed }, 0, time.Hour, failed, false},
		"obeys":           {obeys, 1, time.Hour, failed, true},
		"deaf":            {deaf, 1, time.Millisecond, context.Canceled, true},
		"deaf, and twice": {deaf, 2, time.Hour, context.Canceled, true},
	} {
		signals := make(chan os.Signal, 2)
		for range c.signals {
			signals <- os.Interrupt
		}
		ctx, err := obey(signals, c.grace, c.verb)
		if !errors.Is(err, c.want) || (ctx.Err() != nil) != c.told {
			t.Errorf("%s: %v, told to end: %v", name, err, ctx.Err())
		}
	}
}
