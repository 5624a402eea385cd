package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// grace is how long a verb that is told to end may take to put away what it is at. Whatever it is at then is left as
// a killed process would leave it, which loses nothing that was finished.
const grace = 1500 * time.Millisecond

// untilTold runs a verb until it ends, or until SIGINT or SIGTERM told it to: then its context is done, and after the
// grace, or with a second signal, it is not waited for. What waits in the system (for a pipe, a terminal, a lock)
// knows no context, so whoever gets the error of one that is done has to end the process.
func untilTold(verb func(context.Context) error) (context.Context, error) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	return obey(signals, grace, verb)
}

func obey(signals <-chan os.Signal, grace time.Duration, verb func(context.Context) error) (context.Context, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- verb(ctx) }()
	select {
	case err := <-done:
		return context.Background(), err // what it says of a context is not ours
	case <-signals:
		cancel()
	}
	late := time.NewTimer(grace)
	defer late.Stop()
	select {
	case err := <-done:
		return ctx, err
	case <-signals:
	case <-late.C:
	}
	return ctx, context.Canceled
}
