package attention

import (
	"runtime"
	"sync"
	"testing"

	"github.com/cultivar/cultivar/internal/cpu/cputest"
	"github.com/cultivar/cultivar/internal/parallel"
)

// Goroutines must begin the columns of a chain in order, once each, and never be where the one before is
// not done.
func TestChainsHandOutColumnsInOrder(t *testing.T) {
	var c chains // the same one for all, as it is used
	for _, segs := range [][]Segment{{{0, 700, 0, 700}}, {{0, 64, 0, 64}, {64, 400, 64, 400}, {400, 400, 400, 400}}, {}} {
		for _, workers := range []int{1, 2, 5} {
			const kvHeads, rows = 2, 7
			c.set(segs, kvHeads)
			want := 0
			for _, s := range segs {
				want += kvHeads * s.keyBlocks()
			}
			var mu sync.Mutex
			at := map[[2]int]int{} // by chain and row, the columns that have passed
			seen := 0
			var group sync.WaitGroup
			for range workers {
				group.Go(func() {
					for chain, column := c.next(-1); chain >= 0; chain, column = c.next(chain) {
						for row := column % 2; row < rows; row++ { // not all columns have all rows
							c.await(chain, column, row)
							mu.Lock()
							if got := at[[2]int{chain, row}]; got != (column+1)/2 && row == 0 || got != column && row > 0 {
								t.Errorf("column %d of chain %d is at row %d after %d others", column, chain, row, got)
							}
							at[[2]int{chain, row}]++
							mu.Unlock()
							runtime.Gosched()
							c.finish(chain, column, row)
						}
						c.end(chain, column)
						mu.Lock()
						seen++
						mu.Unlock()
					}
				})
			}
			group.Wait()
			if seen != want {
				t.Errorf("%d columns of %v, want %d", seen, segs, want)
			}
		}
	}
}

// A panic in one goroutine is raised in the caller, and no other waits for what will not come.
func TestPanicsAreRaised(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(3))
	p := newProblem(8, Config{Heads: 2, KVHeads: 1, HeadDim: 8, Scale: 0.3}, []Segment{{0, 400, 0, 400}})
	g := &gradients{dq: p.dq, dk: p.dk, dv: p.dv, dout: p.dout, out: p.out, q: p.q, k: p.k, v: p.v, lse: p.lse, segs: p.segs, Config: p.Config}
	g.queries, g.rows = 400, make([]float32, 2*400*p.Heads)
	g.dout.Data = g.dout.Data[:300*g.dout.Stride] // which Backward refuses at once
	g.chains.set(p.segs, p.KVHeads)
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	parallel.For(3, 1, g.compute)
}

func TestCallsAllocateLittle(t *testing.T) {
	if raceEnabled {
		t.Skip("pools forget at random under the race detector")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // loops on several goroutines are measured elsewhere
	cputest.EachImplementation(t, func(t *testing.T) {
		p := newProblem(9, Config{Heads: 4, KVHeads: 2, HeadDim: 8, Scale: 0.3}, []Segment{{0, 70, 0, 70}, {70, 80, 70, 80}})
		if n := testing.AllocsPerRun(5, p.forward); n > 5 {
			t.Errorf("%v allocations forward", n)
		}
		if n := testing.AllocsPerRun(5, p.backward); n > 1 {
			t.Errorf("%v allocations backward", n)
		}
	})
}
