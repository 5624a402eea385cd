package parallel

import (
	"runtime"
	"sync/atomic"
	"testing"
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
