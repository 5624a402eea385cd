// Package parallel runs loops on all cores. It decides only who computes a piece, never how:
// callers split work so that no result depends on the split (docs/numerics.md).
package parallel

import "runtime"

// Workers returns how many goroutines a loop uses: GOMAXPROCS at the time of the call.
func Workers() int { return runtime.GOMAXPROCS(0) }

// For calls body(lo, hi) for consecutive pieces of [0, n), each at most grain long, from several
// goroutines, and returns when all are done. Each goroutine begins with a share of consecutive pieces,
// the same in every loop of the same size, so that what it wrote in the last one is still in its cache;
// then it takes what others have left, one by one, so that uneven work balances. A panic in body is raised
// again in the caller. A loop within a loop, or beside one of another goroutine, is one call of body: the
// cores are busy already.
func For(n, grain int, body func(lo, hi int)) {
	if n <= 0 {
		return
	}
	if grain < 1 {
		grain = 1
	}
	pieces := (n + grain - 1) / grain
	workers := min(Workers(), pieces)
	if workers <= 1 || !crew.busy.CompareAndSwap(false, true) {
		body(0, n)
		return
	}
	if failure := run(loop{body: body, n: n, grain: grain, pieces: pieces}, workers-1); failure != nil {
		panic(*failure)
	}
}

// A loop is one call of For.
type loop struct {
	body             func(lo, hi int)
	n, grain, pieces int
}

// work computes pieces until there are none left, or until one has panicked, beginning with share own.
func (l *loop) work(own int) {
	defer func() {
		if r := recover(); r != nil {
			failure := r // by itself, so that memory for it is taken only here
			crew.failure.CompareAndSwap(nil, &failure)
		}
	}()
	for i := range crew.shares {
		s := &crew.shares[(own+i)%len(crew.shares)]
		for crew.failure.Load() == nil {
			at := int(s.next.Add(1)) - 1
			if at >= s.end {
				break
			}
			l.body(at*l.grain, min((at+1)*l.grain, l.n))
		}
	}
}
