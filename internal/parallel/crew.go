package parallel

import (
	"runtime"
	"sync/atomic"
	"time"
)

// crew is the helpers of the process, which live on between loops: waking one costs tens of
// microseconds, as long as a small matrix product. There is one crew because there is one set of
// cores, and one loop at a time for the same reason.
var crew = struct {
	busy    atomic.Bool // guards the rest
	loop    loop
	shares  []share // of the pieces, by helper; the caller's is the first
	failure atomic.Pointer[any]
	helpers []*helper

	// How many helpers are in the loop, plus waiting once the caller sleeps until they have left.
	inside atomic.Int64
	left   chan struct{}
}{left: make(chan struct{}, 1)}

const waiting = 1 << 32

// patience is how long a helper looks for the next loop, and a caller for the end of one, before it
// sleeps: about what it costs to be woken. The loops of a training step follow each other sooner.
const patience = 50 * time.Microsecond

// A share is a range of pieces, of which those before next are taken. It fills a line of the cache.
type share struct {
	next atomic.Int64
	end  int
	_    [48]byte
}

// A helper is a goroutine that takes part in loops.
type helper struct {
	own    int         // its share
	called atomic.Bool // to join the loop
	asleep atomic.Bool
	wake   chan struct{}
}

// run computes a loop with n helpers, and returns what a piece of it panicked with.
func run(l loop, n int) (failure *any) {
	crew.loop = l
	deal(n+1, l.pieces)
	for len(crew.helpers) < n {
		h := &helper{own: len(crew.helpers) + 1, wake: make(chan struct{}, 1)}
		crew.helpers = append(crew.helpers, h)
		go h.serve()
	}
	helpers := crew.helpers[:n]
	crew.inside.Store(int64(n))
	for _, h := range helpers {
		h.call()
	}
	defer func() { // also when the body ends the goroutine
		dismiss(helpers)
		failure = crew.failure.Swap(nil)
		crew.loop = loop{}
		crew.busy.Store(false)
	}()
	crew.loop.work(0)
	return nil
}

// deal hands out pieces to n goroutines.
func deal(n, pieces int) {
	if cap(crew.shares) < n {
		crew.shares = make([]share, n)
	}
	crew.shares = crew.shares[:n]
	for i := range crew.shares {
		crew.shares[i].next.Store(int64(i * pieces / n))
		crew.shares[i].end = (i + 1) * pieces / n
	}
}

// dismiss waits until no helper is in the loop. Those that have not woken up yet need not come.
func dismiss(helpers []*helper) {
	for _, h := range helpers {
		if h.called.CompareAndSwap(true, false) {
			crew.inside.Add(-1)
		}
	}
	if !soon(func() bool { return crew.inside.Load() == 0 }) && crew.inside.Add(waiting) != waiting {
		<-crew.left
	}
}

// call asks h to join the loop.
func (h *helper) call() {
	h.called.Store(true)
	if h.asleep.CompareAndSwap(true, false) {
		h.wake <- struct{}{}
	}
}

// serve takes part in loops for ever.
func (h *helper) serve() {
	for {
		h.await()
		h.join()
	}
}

// join takes part in the loop. Should the body end the goroutine, another takes its place.
func (h *helper) join() {
	returned := false
	defer func() {
		if crew.inside.Add(-1) == waiting {
			crew.left <- struct{}{}
		}
		if !returned {
			go h.serve()
		}
	}()
	crew.loop.work(h.own)
	returned = true
}

// await returns when h is called: it has then joined.
func (h *helper) await() {
	answer := func() bool { return h.called.CompareAndSwap(true, false) }
	for !soon(answer) {
		h.asleep.Store(true)
		if !answer() {
			<-h.wake
			continue
		}
		if !h.asleep.CompareAndSwap(true, false) {
			<-h.wake // the call that was just answered woke h as well
		}
		return
	}
}

// soon reports whether done is true within the time of patience, yielding to other goroutines.
func soon(done func() bool) bool {
	for range 100 {
		if done() {
			return true
		}
	}
	for start := time.Now(); time.Since(start) < patience; runtime.Gosched() {
		if done() {
			return true
		}
	}
	return done()
}
