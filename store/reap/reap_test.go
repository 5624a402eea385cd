package reap

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/file"
	"github.com/cultivar/cultivar/store/storetest"
)

// onEach runs a test on a bucket that deletes on a condition, and on one that does no more than it must.
func onEach(t *testing.T, test func(t *testing.T, b store.Bucket)) {
	b, err := file.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Run("exact", func(t *testing.T) { test(t, b) })
	plain, err := file.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Run("plain", func(t *testing.T) { test(t, storetest.Break(plain, nil)) })
}

func put(t *testing.T, b store.Bucket, key, text string) store.Object {
	t.Helper()
	obj, err := b.Put(t.Context(), key, strings.NewReader(text), int64(len(text)), store.Condition{})
	if err != nil {
		t.Fatal(err)
	}
	return obj
}

// TestPhases: nothing goes at once, nothing that was written again goes, and what is needed again is forgotten.
func TestPhases(t *testing.T) {
	onEach(t, func(t *testing.T, b store.Bucket) {
		start := time.Now()
		collect := func(after time.Duration, dry bool, garbage ...store.Object) (gone string) {
			t.Helper()
			fates, err := Collect(t.Context(), b, garbage, Options{Now: start.Add(after), Grace: time.Hour, Dry: dry})
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range fates {
				if f.Gone {
					gone += f.Object.Key
				}
			}
			return gone
		}
		a, c, d := put(t, b, "a", "x"), put(t, b, "c", "x"), put(t, b, "d", "x")
		if gone := collect(0, true, a) + collect(2*time.Hour, true, a); gone != "" {
			t.Errorf("a dry run marked: %s went", gone)
		}
		if gone := collect(0, false, a, c, d) + collect(59*time.Minute, false, a, c, d); gone != "" {
			t.Errorf("%s went before its time", gone)
		}
		if gone := collect(50*time.Minute, false, a, c); gone != "" { // d is needed
			t.Errorf("%s went before its time", gone)
		}
		time.Sleep(10 * time.Millisecond)
		put(t, b, "c", "x") // by somebody who has seen the mark
		if gone := collect(2*time.Hour, false, c, d); gone != "" {
			t.Errorf("%s went although it was written or needed", gone)
		}
		if gone := collect(4*time.Hour, false, d); gone != "d" {
			t.Errorf("%q went, want d", gone)
		}
		if _, err := b.Stat(t.Context(), "d"); !errors.Is(err, store.ErrNotExist) {
			t.Errorf("d is there: %v", err)
		}
	})
}

// TestBusy: of two collections one is refused.
func TestBusy(t *testing.T) {
	onEach(t, func(t *testing.T, b store.Bucket) {
		if err := Add(t.Context(), b, []store.Object{put(t, b, "a", "x")}, time.Now()); err != nil {
			t.Fatal(err)
		}
		m, err := Read(t.Context(), b)
		if err != nil || !m.Has("a") || m.Under("p/").Has("a") {
			t.Fatal(m, err)
		}
		if err := Add(t.Context(), b, []store.Object{put(t, b, "c", "y")}, time.Now()); err != nil {
			t.Fatal(err)
		}
		if err := m.write(t.Context(), b); !errors.Is(err, ErrBusy) {
			t.Errorf("overwrote another's marks: %v", err)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"schema_version": 1, "objects": {"a": {"at": "2026-01-02T03:04:05Z", "etag": "x", "modified": "2026-01-02T03:04:05Z"}}}`))
	f.Add([]byte(`{"schema_version": 2, "objects": {}}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m := &Marks{Objects: map[string]Mark{}}
		if err := m.parse(text, "tag"); err == nil && (m.Objects == nil || m.etag != "tag") {
			t.Errorf("parsed to %+v", m)
		}
	})
}
