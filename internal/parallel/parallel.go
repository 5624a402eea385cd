// Package parallel runs loops on all cores. It decides only who computes a piece, never how:
// callers split work so that no result depends on the split (docs/numerics.md).
package parallel

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Workers returns how many goroutines a loop uses: GOMAXPROCS at the time of the call.
func Workers() int { return runtime.GOMAXPROCS(0) }

// For calls body(lo, hi) for consecutive pieces of [0, n), each at most grain long, from several
// goroutines, and returns when all are done. Pieces are taken one by one, so that uneven work
// balances. A panic in body is raised again in the caller.
func For(n, grain int, body func(lo, hi int)) {
	if n <= 0 {
		return
	}
	if grain < 1 {
		grain = 1
	}
	pieces := (n + grain - 1) / grain
	workers := min(Workers(), pieces)
	if workers <= 1 {
		body(0, n)
		return
	}
	var next atomic.Int64
	var failure atomic.Pointer[any]
	work := func() {
		defer func() {
			if r := recover(); r != nil {
				failure.CompareAndSwap(nil, &r)
			}
		}()
		for failure.Load() == nil {
			i := int(next.Add(1)) - 1
			if i >= pieces {
				return
			}
			body(i*grain, min((i+1)*grain, n))
		}
	}
	var done sync.WaitGroup
	for range workers - 1 {
		done.Go(work)
	}
	work()
	done.Wait()
	if r := failure.Load(); r != nil {
		panic(*r)
	}
}
