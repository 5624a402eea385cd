package storetest_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/file"
	"github.com/cultivar/cultivar/store/storetest"
)

func directory(t testing.TB, dir string) store.Bucket {
	t.Helper()
	b, err := file.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestDecoratorContract: a decorator that breaks nothing is a bucket like any other.
func TestDecoratorContract(t *testing.T) {
	storetest.Run(t, func(t testing.TB) func() store.Bucket {
		dir := t.TempDir()
		return func() store.Bucket { return storetest.Break(directory(t, dir), nil) }
	})
}

func TestFaults(t *testing.T) {
	for _, test := range []struct {
		fault  storetest.Fault
		want   error // of the put
		stored bool
		after  error // of the next stat, when the object is stored
	}{
		{storetest.None, nil, true, nil},
		{storetest.Fail, storetest.ErrInjected, false, nil},
		{storetest.Lose, storetest.ErrInjected, true, nil},
		{storetest.Repeat, store.ErrExist, true, nil},
		{storetest.CrashBefore, storetest.ErrInjected, false, storetest.ErrInjected},
		{storetest.CrashAfter, storetest.ErrInjected, true, storetest.ErrInjected},
	} {
		real := directory(t, t.TempDir())
		b := storetest.Break(real, storetest.At(0, test.fault))
		_, err := b.Put(t.Context(), "k", strings.NewReader("body"), 4, store.Condition{IfAbsent: true})
		if !errors.Is(err, test.want) {
			t.Errorf("fault %d: put says %v, want %v", test.fault, err, test.want)
		}
		r, _, err := real.Get(t.Context(), "k")
		if (err == nil) != test.stored {
			t.Errorf("fault %d: object is stored: %v (%v)", test.fault, err == nil, err)
		}
		if err == nil {
			if data, err := io.ReadAll(r); string(data) != "body" {
				t.Errorf("fault %d: body %q, %v", test.fault, data, err)
			}
			r.Close()
		}
		if _, err := b.Stat(t.Context(), "k"); test.stored && !errors.Is(err, test.after) {
			t.Errorf("fault %d: later stat says %v, want %v", test.fault, err, test.after)
		}
		if crashed := test.after != nil; b.Crashed() != crashed {
			t.Errorf("fault %d: crashed is %v", test.fault, b.Crashed())
		}
	}
}

// TestRepeatWithoutCondition replays the body of a put that arrives twice.
func TestRepeatWithoutCondition(t *testing.T) {
	b := storetest.Break(directory(t, t.TempDir()), storetest.At(0, storetest.Repeat))
	obj, err := b.Put(t.Context(), "k", strings.NewReader("body"), 4, store.Condition{})
	if err != nil || obj.Size != 4 || b.Ops() != 1 {
		t.Errorf("put %+v, %v, after %d operations", obj, err, b.Ops())
	}
}
