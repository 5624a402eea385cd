package registry_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/reap"
	"github.com/cultivar/cultivar/store/registry"
)

// TestRemove: a version that was removed is in no list and under no reference, its number is never given again,
// and what an alias points at stays.
func TestRemove(t *testing.T) {
	onEach(t, func(t *testing.T, b store.Bucket) {
		r, ctx := registry.New(b, registry.Kind{}), t.Context()
		for v := 1; v <= 3; v++ {
			publish(t, r, draft("a", v))
		}
		for _, v := range []int{3, 1} {
			if _, err := r.SetAlias(ctx, "a", "prod", v, "ann", ""); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := r.Remove(ctx, registry.Ref{Name: "a", Version: 1}, "bob", ""); !errors.Is(err, registry.ErrInUse) {
			t.Errorf("removed what an alias points at: %v", err)
		}
		if _, err := r.Remove(ctx, registry.Ref{Name: "a", Version: 9}, "bob", ""); !errors.Is(err, registry.ErrNoVersion) {
			t.Errorf("removed what is not there: %v", err)
		}
		last := registry.Ref{Name: "a", Version: 3}
		for range 2 { // again, as after a kill
			if m, err := r.Remove(ctx, last, "bob", "spoilt"); err != nil || m.Why != "spoilt" {
				t.Fatalf("Remove: %+v, %v", m, err)
			}
		}
		if versions, err := r.Versions(ctx, "a"); err != nil || !slices.Equal(versions, []int{1, 2}) {
			t.Errorf("versions %v, %v", versions, err)
		}
		if _, err := r.Resolve(ctx, "a@3"); !errors.Is(err, registry.ErrRemoved) || !errors.Is(err, registry.ErrNoVersion) {
			t.Errorf("it resolves: %v", err)
		}
		if m, err := r.Resolve(ctx, "a"); err != nil || m.Version != 2 {
			t.Errorf("the highest is %d, %v", m.Version, err)
		}
		if _, err := r.SetAlias(ctx, "a", "prod", 3, "ann", ""); !errors.Is(err, registry.ErrRemoved) {
			t.Errorf("an alias was moved to it: %v", err)
		}
		if err := r.Restore(ctx, last); err != nil {
			t.Fatal(err)
		}
		if m, err := r.Resolve(ctx, "a"); err != nil || m.Version != 3 {
			t.Errorf("restored, the highest is %d, %v", m.Version, err)
		}
		swept(t, b, r, last)
	})
}

// swept removes and sweeps a version, and looks at what is left.
func swept(t *testing.T, b store.Bucket, r *registry.Registry, last registry.Ref) {
	t.Helper()
	ctx := t.Context()
	if err := r.Sweep(ctx, last); err == nil {
		t.Error("swept what was not removed")
	}
	if _, err := r.Remove(ctx, last, "bob", ""); err != nil {
		t.Fatal(err)
	}
	if list, err := r.Removals(ctx); err != nil || len(list) != 1 || list[0].Ref() != last {
		t.Errorf("removals %+v, %v", list, err)
	}
	if err := r.Sweep(ctx, last); err != nil {
		t.Fatal(err)
	}
	if list, err := r.Removals(ctx); err != nil || len(list) != 0 {
		t.Errorf("removals after the sweep %+v, %v", list, err)
	}
	if err := r.Restore(ctx, last); !errors.Is(err, registry.ErrNoVersion) {
		t.Errorf("restored what is gone: %v", err)
	}
	report, err := registry.Check(ctx, b, true, registry.Kind{})
	if err != nil || !report.OK() || len(report.Orphans) == 0 {
		t.Errorf("check: %+v, %v", report, err)
	}
	if m := publish(t, r, draft("a", 3)); m.Version != 4 {
		t.Errorf("the content that was removed is version %d, want a new one", m.Version)
	}
}

// TestRemoveMeetsPromote: an alias that is moved at the moment of the removal keeps its version.
func TestRemoveMeetsPromote(t *testing.T) {
	b := directory(t)
	r := registry.New(b, registry.Kind{})
	publish(t, r, draft("a", 1))
	slow := registry.New(&before{b, "removed/", func() {
		if _, err := r.SetAlias(t.Context(), "a", "prod", 1, "ann", ""); err != nil {
			t.Error(err)
		}
	}}, registry.Kind{})
	if _, err := slow.Remove(t.Context(), registry.Ref{Name: "a", Version: 1}, "bob", ""); !errors.Is(err, registry.ErrInUse) {
		t.Errorf("removed: %v", err)
	}
	if m, err := r.Resolve(t.Context(), "a:prod"); err != nil || m.Version != 1 {
		t.Errorf("prod is %d, %v", m.Version, err)
	}
}

// TestPublishRenews: a publisher that finds a blob which is about to be deleted puts it again.
func TestPublishRenews(t *testing.T) {
	b := directory(t)
	r := registry.New(b, registry.Kind{})
	publish(t, r, draft("a", 1))
	removed := registry.Ref{Name: "a", Version: 1}
	if _, err := r.Remove(t.Context(), removed, "bob", ""); err != nil {
		t.Fatal(err)
	}
	if err := r.Sweep(t.Context(), removed); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	collect := func(after time.Duration) (gone int) {
		t.Helper()
		report, err := registry.Check(t.Context(), b, false, registry.Kind{})
		if err != nil {
			t.Fatal(err)
		}
		var garbage []store.Object
		for _, key := range report.Orphans {
			obj, err := b.Stat(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			garbage = append(garbage, obj)
		}
		fates, err := reap.Collect(t.Context(), b, garbage, reap.Options{Now: start.Add(after), Grace: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range fates {
			if f.Gone {
				gone++
			}
		}
		return gone
	}
	if gone := collect(0); gone != 0 {
		t.Errorf("%d orphans are gone at once", gone)
	}
	// The manifest is created at the moment when the collection has counted what is garbage.
	report, err := registry.Check(t.Context(), b, false, registry.Kind{})
	if err != nil || len(report.Orphans) == 0 {
		t.Fatal(report.Orphans, err)
	}
	var garbage []store.Object
	for _, key := range report.Orphans {
		obj, err := b.Stat(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		garbage = append(garbage, obj)
	}
	m := publish(t, r, draft("a", 1))
	if _, err := reap.Collect(t.Context(), b, garbage, reap.Options{Now: start.Add(2 * time.Hour), Grace: time.Hour}); err != nil {
		t.Fatal(err)
	}
	if report, err := registry.Check(t.Context(), b, true, registry.Kind{}); err != nil || !report.OK() {
		t.Errorf("%s was broken: %+v, %v", m.Ref(), report.Problems, err)
	}
	if _, err := r.Remove(t.Context(), m.Ref(), "bob", ""); err != nil {
		t.Fatal(err)
	}
	if err := r.Sweep(t.Context(), m.Ref()); err != nil {
		t.Fatal(err)
	}
	if gone := collect(3*time.Hour) + collect(5*time.Hour); gone != len(report.Orphans) {
		t.Errorf("%d orphans are gone in the end, want %d", gone, len(report.Orphans))
	}
	left := ""
	for obj, err := range b.List(t.Context(), "blobs/") {
		left += fmt.Sprint(obj.Key, err)
	}
	if left = strings.TrimSpace(left); left != "" {
		t.Errorf("left %s", left)
	}
}
