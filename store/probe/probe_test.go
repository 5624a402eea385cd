package probe_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/file"
	"github.com/cultivar/cultivar/store/open"
	"github.com/cultivar/cultivar/store/probe"
	"github.com/cultivar/cultivar/store/storetest"
	"github.com/cultivar/cultivar/store/storetest/s3server"
)

func directory(t testing.TB) store.Bucket {
	t.Helper()
	b, err := file.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func keys(t *testing.T, b store.Bucket) []string {
	t.Helper()
	var keys []string
	for obj, err := range b.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, obj.Key)
	}
	return keys
}

func TestGoodStores(t *testing.T) {
	s3, err := open.Open(t.Context(), s3server.Start(t).NewBucket(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]store.Bucket{"file": directory(t), "s3": s3} {
		report, err := probe.Probe(t.Context(), b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(report.Steps) != 7 || report.URL != b.URL() {
			t.Errorf("%s: report %+v", name, report)
		}
		for _, step := range report.Steps {
			if !step.OK || step.Detail == "" {
				t.Errorf("%s: step %+v", name, step)
			}
		}
		if left := keys(t, b); len(left) != 0 {
			t.Errorf("%s: the probe left %q", name, left)
		}
	}
}

// liar takes conditional puts and drops what forget says of the condition.
type liar struct {
	store.Bucket
	forget func(store.Condition, int64) store.Condition
}

func (l liar) Put(ctx context.Context, key string, r io.Reader, size int64, cond store.Condition) (store.Object, error) {
	return l.Bucket.Put(ctx, key, r, size, l.forget(cond, size))
}

// racy checks create-only before the put, with nothing to hold other writers off in between: right
// one by one, wrong in a race.
type racy struct {
	store.Bucket
	waiting sync.WaitGroup
}

func (r *racy) Put(ctx context.Context, key string, body io.Reader, size int64, cond store.Condition) (store.Object, error) {
	if cond.IfAbsent && strings.Contains(key, "/race/") {
		_, err := r.Stat(ctx, key)
		r.waiting.Done()
		r.waiting.Wait() // all have looked before the first one writes
		if err == nil {
			return store.Object{}, store.ErrExist
		}
		cond = store.Condition{}
	}
	return r.Bucket.Put(ctx, key, body, size, cond)
}

func TestBadStores(t *testing.T) {
	race := &racy{Bucket: directory(t)}
	race.waiting.Add(probe.Writers)
	for _, test := range []struct {
		name string
		b    store.Bucket
		step string // the one that fails
	}{
		{"ignores conditions", liar{directory(t), func(store.Condition, int64) store.Condition { return store.Condition{} }}, "create only"},
		{"ignores If-Match", liar{directory(t), func(c store.Condition, _ int64) store.Condition {
			return store.Condition{IfAbsent: c.IfAbsent}
		}}, "compare and swap"},
		{"ignores conditions in parts", liar{directory(t), func(c store.Condition, size int64) store.Condition {
			if size > 16<<20 {
				return store.Condition{}
			}
			return c
		}}, "create only, in parts"},
		{"races", race, "create race"},
	} {
		report, err := probe.Probe(t.Context(), test.b)
		if !errors.Is(err, store.ErrNoConditions) || !strings.Contains(err.Error(), test.step) {
			t.Errorf("%s: %v, want ErrNoConditions in %q", test.name, err, test.step)
		}
		if last := report.Steps[len(report.Steps)-1]; last.OK || last.Name != test.step {
			t.Errorf("%s: last step %+v, want %q", test.name, last, test.step)
		}
		if left := keys(t, test.b); len(left) != 0 {
			t.Errorf("%s: the probe left %q", test.name, left)
		}
	}
}

func TestEnsure(t *testing.T) {
	good := storetest.Break(directory(t), nil)
	if err := probe.Ensure(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	if left := keys(t, good); len(left) != 1 || left[0] != probe.MarkerKey(good) {
		t.Errorf("Ensure left %q, want only %q", left, probe.MarkerKey(good))
	}
	before := good.Ops()
	if err := probe.Ensure(t.Context(), good); err != nil || good.Ops() != before+1 {
		t.Errorf("the second Ensure took %d operations (%v), want 1", good.Ops()-before, err)
	}

	bad := liar{directory(t), func(store.Condition, int64) store.Condition { return store.Condition{} }}
	for range 2 { // a failure is not remembered as a success
		if err := probe.Ensure(t.Context(), bad); !errors.Is(err, store.ErrNoConditions) {
			t.Errorf("Ensure of a store that ignores conditions: %v", err)
		}
	}
	if left := keys(t, bad); len(left) != 0 {
		t.Errorf("Ensure left %q", left)
	}
	broken := storetest.Break(directory(t), func(storetest.Op) storetest.Fault { return storetest.Fail })
	if err := probe.Ensure(t.Context(), broken); !errors.Is(err, storetest.ErrInjected) {
		t.Errorf("Ensure of a broken store: %v", err)
	}
}
