package pipeline

import (
	"context"
	"iter"
)

// lookahead is how many results may wait, for each worker, for an earlier one that takes longer. It
// bounds what a run has in memory.
const lookahead = 4

// ordered applies fn to each element of in from several goroutines and yields the results in the
// order of in. in is drained from another goroutine, one at a time. The first error of in comes in
// its place, and ends the sequence. Nothing is left running when the sequence has ended.
func ordered[T, R any](ctx context.Context, workers int, in iter.Seq2[T, error], fn func(context.Context, T) R) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		queue := make(chan chan result[R], workers*lookahead)
		defer func() { // after cancel the producer soon closes the queue
			cancel()
			for slot := range queue {
				<-slot
			}
		}()
		go produce(ctx, workers, in, fn, queue)
		for slot := range queue {
			r := <-slot
			if !yield(r.value, r.err) || r.err != nil {
				return
			}
		}
	}
}

type result[R any] struct {
	value R
	err   error
}

// produce starts a goroutine for each element, at most workers at a time, and queues the place where
// its result will be.
func produce[T, R any](ctx context.Context, workers int, in iter.Seq2[T, error], fn func(context.Context, T) R, queue chan<- chan result[R]) {
	defer close(queue)
	tokens := make(chan struct{}, workers)
	for element, err := range in {
		slot := make(chan result[R], 1)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			slot <- result[R]{err: err}
			queue <- slot
			return
		}
		queue <- slot
		tokens <- struct{}{}
		go func() {
			defer func() { <-tokens }()
			slot <- result[R]{value: fn(ctx, element)}
		}()
	}
}
