package registry_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/store/storetest"
)

// publishAndPromote is what a pipeline does in the end.
func publishAndPromote(ctx context.Context, b store.Bucket) error {
	r := registry.New(b, registry.Kind{})
	m, _, err := r.Publish(ctx, draft("a", 1))
	if err != nil {
		return err
	}
	_, err = r.SetAlias(ctx, "a", "prod", m.Version, "pipeline", "nightly")
	return err
}

// TestEveryFaultAtEveryStep breaks each operation of a publish in each way: killed before it, killed
// after it, failed, answer lost, done twice. After that the registry must be whole, and the same
// publish, run again, must complete with one version.
func TestEveryFaultAtEveryStep(t *testing.T) {
	count := storetest.Break(directory(t), nil)
	if err := publishAndPromote(t.Context(), count); err != nil {
		t.Fatal(err)
	}
	for n := range count.Ops() {
		for _, fault := range []storetest.Fault{
			storetest.CrashBefore, storetest.CrashAfter, storetest.Fail, storetest.Lose, storetest.Repeat,
		} {
			survive(t, n, fault)
		}
	}
}

func survive(t *testing.T, n int, fault storetest.Fault) {
	t.Helper()
	b := directory(t)
	faulty := storetest.Break(b, storetest.At(n, fault))
	err := publishAndPromote(t.Context(), faulty)
	if faulty.Crashed() != (err != nil && (fault == storetest.CrashBefore || fault == storetest.CrashAfter)) {
		t.Errorf("fault %d at operation %d: crashed %v, %v", fault, n, faulty.Crashed(), err)
	}
	wantClean(t, b)
	if err := publishAndPromote(t.Context(), b); err != nil {
		t.Errorf("fault %d at operation %d: running it again: %v", fault, n, err)
	}
	report := wantClean(t, b)
	if report.Versions != 1 || len(report.Orphans) != 0 {
		t.Errorf("fault %d at operation %d: after running it again: %+v", fault, n, report)
	}
	r := registry.New(b, registry.Kind{})
	if m, err := r.Resolve(t.Context(), "a:prod"); err != nil || m.Version != 1 {
		t.Errorf("fault %d at operation %d: alias at %+v, %v", fault, n, m.Ref(), err)
	}
}

// TestLostAnswers: a winner whose answer was lost, or whose repeated put was refused, knows that it won.
func TestLostAnswers(t *testing.T) {
	for _, fault := range []storetest.Fault{storetest.Lose, storetest.Repeat} {
		b := directory(t)
		faulty := storetest.Break(b, func(op storetest.Op) storetest.Fault {
			if op.Verb == "put" && len(op.Key) > 5 && op.Key[:5] != "blobs" {
				return fault
			}
			return storetest.None
		})
		r := registry.New(faulty, registry.Kind{})
		m, created, err := r.Publish(t.Context(), draft("a", 1))
		if err != nil || !created || m.Version != 1 {
			t.Errorf("fault %d: published %s, created %v, %v", fault, m.Ref(), created, err)
		}
		for seq := uint64(1); seq <= 3; seq++ {
			if e, err := r.SetAlias(t.Context(), "a", "prod", 1, "me", "why"); err != nil || e.Seq != seq {
				t.Errorf("fault %d: alias entry %d, %v, want %d", fault, e.Seq, err, seq)
			}
		}
		if history, err := r.History(t.Context(), "a", "prod"); err != nil || len(history) != 3 {
			t.Errorf("fault %d: history has %d entries, %v, want 3", fault, len(history), err)
		}
	}
}

// move is one call of SetAlias as an observer saw it.
type move struct {
	started, ended int64 // ticks of one clock
	entry          registry.AliasEntry
}

// TestAliasHistory lets movers race over a bucket that loses and repeats puts, and holds the log to
// a total order: every call has exactly one entry, without gaps, and a call that ended before
// another one started comes before it (linearizability of an append-only log).
func TestAliasHistory(t *testing.T) {
	onEach(t, func(t *testing.T, b store.Bucket) {
		const movers, each = 8, 4
		publish(t, registry.New(b, registry.Kind{}), draft("a", 1))
		var clock atomic.Int64
		var mu sync.Mutex
		var moves []move
		var done sync.WaitGroup
		for mover := range movers {
			done.Go(func() {
				r := registry.New(storetest.Break(b, func(op storetest.Op) storetest.Fault {
					if op.Verb != "put" {
						return storetest.None
					}
					return []storetest.Fault{storetest.None, storetest.Lose, storetest.Repeat, storetest.Fail}[(op.N+mover)%4]
				}), registry.Kind{})
				for i := range each {
					m := move{started: clock.Add(1)}
					var err error
					if m.entry, err = r.SetAlias(t.Context(), "a", "prod", 1, fmt.Sprint(mover), fmt.Sprint(i)); err != nil {
						t.Error(err)
						return
					}
					m.ended = clock.Add(1)
					mu.Lock()
					moves = append(moves, m)
					mu.Unlock()
				}
			})
		}
		done.Wait()
		checkOrder(t, b, moves)
		wantClean(t, b)
	})
}

func checkOrder(t *testing.T, b store.Bucket, moves []move) {
	t.Helper()
	history, err := registry.New(b, registry.Kind{}).History(t.Context(), "a", "prod")
	if err != nil || len(history) != len(moves) {
		t.Fatalf("%d entries for %d moves, %v", len(history), len(moves), err)
	}
	for _, m := range moves {
		if got := history[m.entry.Seq-1]; got.WriteID != m.entry.WriteID || got.Who != m.entry.Who || got.Why != m.entry.Why {
			t.Errorf("entry %d is %+v, the mover got %+v", m.entry.Seq, got, m.entry)
		}
		for _, other := range moves {
			if m.ended < other.started && m.entry.Seq >= other.entry.Seq {
				t.Errorf("entry %d ended before entry %d started", m.entry.Seq, other.entry.Seq)
			}
		}
	}
}
