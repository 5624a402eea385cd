package parallel

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestForCoversEachIndexOnce(t *testing.T) {
	for _, workers := range []int{1, 2, 5} {
		old := runtime.GOMAXPROCS(workers)
		for _, n := range []int{0, 1, 2, 7, 64, 1000} {
			for _, grain := range []int{-1, 0, 1, 3, 64, 5000} {
				seen := make([]atomic.Int32, n)
				For(n, grain, func(lo, hi int) {
					if hi-lo > max(grain, 1) && workers > 1 && n > max(grain, 1) {
						t.Errorf("n %d, grain %d: a piece of %d", n, grain, hi-lo)
					}
					for i := lo; i < hi; i++ {
						seen[i].Add(1)
					}
				})
				for i := range seen {
					if c := seen[i].Load(); c != 1 {
						t.Fatalf("n %d, grain %d, %d workers: index %d is visited %d times", n, grain, workers, i, c)
					}
				}
			}
		}
		runtime.GOMAXPROCS(old)
	}
}

func TestForRaisesAPanicInTheCaller(t *testing.T) {
	for _, workers := range []int{1, 4} {
		old := runtime.GOMAXPROCS(workers)
		func() {
			defer func() {
				if r := recover(); r != "piece 50" {
					t.Errorf("%d workers: recovered %v", workers, r)
				}
			}()
			For(100, 1, func(lo, hi int) {
				if lo <= 50 && 50 < hi {
					panic("piece 50")
				}
			})
			t.Errorf("%d workers: the panic is lost", workers)
		}()
		runtime.GOMAXPROCS(old)
	}
}

func TestForWithinForRunsInline(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	var count atomic.Int64
	For(50, 1, func(lo, hi int) {
		For(100, 7, func(a, b int) { count.Add(int64(b-a) * int64(hi-lo)) })
	})
	if got := count.Load(); got != 5000 {
		t.Errorf("%d inner steps, want 5000", got)
	}
}

// Loops of several goroutines at once, under a GOMAXPROCS that changes, with sleeping helpers.
func TestForIsSafeForConcurrentUse(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(3))
	var group sync.WaitGroup
	for g := range 4 {
		group.Go(func() {
			for i := range 300 {
				if g == 0 && i%50 == 0 {
					runtime.GOMAXPROCS(2 + i%3)
				}
				if i%100 == 0 {
					time.Sleep(time.Millisecond) // so that helpers fall asleep
				}
				var sum atomic.Int64
				For(100, 9, func(lo, hi int) {
					for x := lo; x < hi; x++ {
						sum.Add(int64(x))
					}
				})
				if sum.Load() != 4950 {
					t.Errorf("sum is %d", sum.Load())
				}
			}
		})
	}
	group.Wait()
}

// A body that takes long makes the caller sleep until the helpers have left.
func TestForWaitsForSlowPieces(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	for range 5 {
		var done atomic.Int64
		For(4, 1, func(lo, hi int) {
			time.Sleep(time.Duration(lo) * time.Millisecond)
			done.Add(1)
		})
		if done.Load() != 4 {
			t.Fatalf("%d of 4 pieces are done", done.Load())
		}
	}
}

func TestForGoesOnAfterGoexitAndPanic(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	caller := make(chan bool, 1)
	go func() { // the goroutine of the caller may be the one that ends
		defer func() { caller <- true }()
		For(64, 1, func(int, int) { runtime.Goexit() })
	}()
	<-caller
	for range 20 {
		func() {
			defer func() { _ = recover() }()
			For(64, 1, func(lo, _ int) {
				if lo%16 == 3 {
					panic("piece")
				}
			})
		}()
		var n atomic.Int64
		For(64, 1, func(lo, hi int) { n.Add(int64(hi - lo)) })
		if n.Load() != 64 {
			t.Fatalf("%d of 64 after a panic", n.Load())
		}
	}
}

func TestForDoesNotAllocate(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	var sum atomic.Int64
	body := func(lo, hi int) { sum.Add(int64(hi - lo)) }
	if n := testing.AllocsPerRun(100, func() { For(64, 4, body) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkFor is what a loop costs that has nothing to do: with helpers awake, and asleep.
func BenchmarkFor(b *testing.B) {
	for _, pause := range []time.Duration{0, time.Millisecond} {
		b.Run(pause.String(), func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				time.Sleep(pause)
				b.StartTimer()
				For(8, 1, func(int, int) {})
			}
		})
	}
}
