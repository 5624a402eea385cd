package registry_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/cas"
	"github.com/cultivar/cultivar/store/file"
	"github.com/cultivar/cultivar/store/open"
	"github.com/cultivar/cultivar/store/registry"
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

// onEach runs a test on an empty directory and on an empty S3 bucket.
func onEach(t *testing.T, test func(*testing.T, store.Bucket)) {
	t.Run("file", func(t *testing.T) { test(t, directory(t)) })
	t.Run("s3", func(t *testing.T) {
		b, err := open.Open(t.Context(), s3server.Start(t).NewBucket(t))
		if err != nil {
			t.Fatal(err)
		}
		test(t, b)
	})
}

// draft is content that differs by n.
func draft(name string, n int) registry.Draft {
	return registry.Draft{
		Name: name,
		Files: map[string]registry.Source{
			"weights.bin":   registry.Bytes(fmt.Appendf(nil, "weights %d", n)),
			"sub/shared":    registry.Bytes([]byte("the same in all versions")),
			"sub/log.jsonl": {Open: registry.Bytes([]byte("took 3 s")).Open, Record: true},
		},
		Body:      json.RawMessage(`{"kind":"test"}`),
		CreatedBy: "tester",
	}
}

func publish(t testing.TB, r *registry.Registry, d registry.Draft) registry.Manifest {
	t.Helper()
	m, created, err := r.Publish(t.Context(), d)
	if err != nil || !created {
		t.Fatalf("Publish: created %v, %v", created, err)
	}
	return m
}

func wantErr(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
	if err != nil && strings.Contains(err.Error(), "\n") {
		t.Errorf("%s: error has several lines: %q", what, err)
	}
}

// wantClean checks the whole registry, bytes included.
func wantClean(t testing.TB, b store.Bucket) registry.Report {
	t.Helper()
	report, err := registry.Check(t.Context(), b, true, registry.Kind{})
	if err != nil || !report.OK() {
		t.Errorf("check: %v, problems %+v", err, report.Problems)
	}
	return report
}

func TestPublish(t *testing.T) {
	onEach(t, func(t *testing.T, b store.Bucket) {
		r := registry.New(b, registry.Kind{})
		ctx := t.Context()
		first := publish(t, r, draft("support", 1))
		second := publish(t, r, draft("support", 2))
		publish(t, r, draft("billing", 1))
		if first.Version != 1 || second.Version != 2 || first.Digest == second.Digest {
			t.Errorf("published %s %s and %s %s", first.Ref(), first.Digest, second.Ref(), second.Digest)
		}
		again, created, err := r.Publish(ctx, draft("support", 1))
		if err != nil || created || again.Version != 1 || again.WriteID != first.WriteID {
			t.Errorf("publishing the same again: %+v, created %v, %v", again, created, err)
		}
		names, err := r.Names(ctx)
		if !slices.Equal(names, []string{"billing", "support"}) || err != nil {
			t.Errorf("names %q, %v", names, err)
		}
		versions, err := r.Versions(ctx, "support")
		if !slices.Equal(versions, []int{1, 2}) || err != nil {
			t.Errorf("versions %d, %v", versions, err)
		}
		got, err := r.Get(ctx, "support", 2)
		if err != nil || got.Digest != second.Digest || got.CreatedBy != "tester" || !got.CreatedAt.Equal(second.CreatedAt) || string(got.Body) != `{"kind":"test"}` {
			t.Errorf("got %+v, %v, published %+v", got, err, second)
		}
		report := wantClean(t, b)
		// Four blobs: two weights, one shared, one log.
		if report.Versions != 3 || report.Names != 2 || report.Blobs != 4 || len(report.Orphans) != 0 || !report.Read {
			t.Errorf("report %+v", report)
		}
	})
}

func TestVersionAskedFor(t *testing.T) {
	b := directory(t)
	r := registry.New(b, registry.Kind{})
	d := draft("a", 1)
	d.Version = 7
	if m := publish(t, r, d); m.Version != 7 {
		t.Errorf("asked for 7, got %d", m.Version)
	}
	if m, created, err := r.Publish(t.Context(), d); err != nil || created || m.Version != 7 {
		t.Errorf("asking again: %d, created %v, %v", m.Version, created, err)
	}
	other := draft("a", 2)
	other.Version = 7
	_, _, err := r.Publish(t.Context(), other)
	wantErr(t, "taking a version", err, registry.ErrVersionExists)
	other.Version = 0
	if m := publish(t, r, other); m.Version != 8 {
		t.Errorf("next version is %d, want 8", m.Version)
	}
	wantClean(t, b)
}

// TestDigest: the digest names content, not where, when, by whom or as what it was published.
func TestDigest(t *testing.T) {
	base := publish(t, registry.New(directory(t), registry.Kind{}), draft("a", 1)).Digest
	for name, test := range map[string]struct {
		change func(*registry.Draft)
		same   bool
	}{
		"name":        {func(d *registry.Draft) { d.Name = "b" }, true},
		"version":     {func(d *registry.Draft) { d.Version = 9 }, true},
		"time":        {func(d *registry.Draft) { d.CreatedAt = time.Unix(1, 0) }, true},
		"author":      {func(d *registry.Draft) { d.CreatedBy = "x" }, true},
		"white space": {func(d *registry.Draft) { d.Body = json.RawMessage("{\n \"kind\" : \"test\" }\n") }, true},
		"record": {func(d *registry.Draft) {
			d.Files["sub/log.jsonl"] = registry.Source{Open: registry.Bytes([]byte("took 4 s")).Open, Record: true}
		}, true},
		"body":          {func(d *registry.Draft) { d.Body = json.RawMessage(`{"kind":"other"}`) }, false},
		"no body":       {func(d *registry.Draft) { d.Body = nil }, false},
		"bytes":         {func(d *registry.Draft) { d.Files["weights.bin"] = registry.Bytes([]byte("x")) }, false},
		"one file more": {func(d *registry.Draft) { d.Files["x"] = registry.Bytes(nil) }, false},
		"one file less": {func(d *registry.Draft) { delete(d.Files, "sub/shared") }, false},
	} {
		d := draft("a", 1)
		test.change(&d)
		if got := publish(t, registry.New(directory(t), registry.Kind{}), d).Digest; (got == base) != test.same {
			t.Errorf("%s: digest %s, base %s", name, got, base)
		}
	}
	// Key order in the body, and the digest's own definition, written out.
	d := registry.Draft{Name: "a", Files: map[string]registry.Source{"f": registry.Bytes([]byte("abc"))}, Body: json.RawMessage(`{"b":1.0,"a":"<é>"}`)}
	want := string(cas.Sum([]byte(`{"body":{"a":"<é>","b":1.0},"files":[{"digest":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","path":"f","size":3}]}`)))
	if got := publish(t, registry.New(directory(t), registry.Kind{}), d).Digest; got != want {
		t.Errorf("digest %s, by definition %s", got, want)
	}
}

func TestBadDrafts(t *testing.T) {
	b := directory(t)
	for name, change := range map[string]func(*registry.Draft){
		"name with dots":     func(d *registry.Draft) { d.Name = "../x" },
		"empty name":         func(d *registry.Draft) { d.Name = "" },
		"negative version":   func(d *registry.Draft) { d.Version = -1 },
		"huge version":       func(d *registry.Draft) { d.Version = 100_000_000 },
		"path out":           func(d *registry.Draft) { d.Files["../x"] = registry.Bytes(nil) },
		"absolute path":      func(d *registry.Draft) { d.Files["/x"] = registry.Bytes(nil) },
		"drive":              func(d *registry.Draft) { d.Files["c:x"] = registry.Bytes(nil) },
		"file and directory": func(d *registry.Draft) { d.Files["sub"] = registry.Bytes(nil) },
		"body not JSON":      func(d *registry.Draft) { d.Body = json.RawMessage(`{`) },
		"body no object":     func(d *registry.Draft) { d.Body = json.RawMessage(`[1]`) },
		"two bodies":         func(d *registry.Draft) { d.Body = json.RawMessage(`{} {}`) },
		"missing file":       func(d *registry.Draft) { d.Files["x"] = registry.Local("/no/such/file") },
	} {
		d := draft("a", 1)
		change(&d)
		if m, _, err := registry.New(b, registry.Kind{}).Publish(t.Context(), d); err == nil {
			t.Errorf("%s: published as %s", name, m.Ref())
		}
	}
	if report := wantClean(t, b); report.Versions != 0 {
		t.Errorf("report %+v", report)
	}
}

func TestResolve(t *testing.T) {
	b := directory(t)
	r := registry.New(b, registry.Kind{})
	ctx := t.Context()
	publish(t, r, draft("a", 1))
	publish(t, r, draft("a", 2))
	if _, err := r.SetAlias(ctx, "a", "prod", 1, "me", "first"); err != nil {
		t.Fatal(err)
	}
	for ref, want := range map[string]int{"a": 2, "a@1": 1, "a@2": 2, "a:prod": 1} {
		if m, err := r.Resolve(ctx, ref); err != nil || m.Version != want {
			t.Errorf("%s is version %d, %v, want %d", ref, m.Version, err, want)
		}
	}
	for ref, want := range map[string]error{
		"b": registry.ErrNoVersion, "a@3": registry.ErrNoVersion, "a:none": registry.ErrNoAlias, "b:prod": registry.ErrNoAlias,
		"A": registry.ErrBadName, "": registry.ErrBadName, "a@0": registry.ErrBadName, "a@01": registry.ErrBadName, "a@-1": registry.ErrBadName,
		"a@": registry.ErrBadName, "a:": registry.ErrBadName, "a:b@1": registry.ErrBadName, "a@1:b": registry.ErrBadName, "../a": registry.ErrBadName,
		"a@99999999999999999999": registry.ErrBadName, "a b": registry.ErrBadName, strings.Repeat("a", 64): registry.ErrBadName,
	} {
		_, err := r.Resolve(ctx, ref)
		wantErr(t, "Resolve "+ref, err, want)
	}
}

func TestAliases(t *testing.T) {
	onEach(t, func(t *testing.T, b store.Bucket) {
		r := registry.New(b, registry.Kind{})
		ctx := t.Context()
		for n := range 3 {
			publish(t, r, draft("a", n))
		}
		_, err := r.SetAlias(ctx, "a", "prod", 9, "me", "")
		wantErr(t, "alias to no version", err, registry.ErrNoVersion)
		_, err = r.SetAlias(ctx, "a", "prod", 0, "me", "")
		wantErr(t, "withdrawing no alias", err, registry.ErrNoAlias)
		_, err = r.SetAlias(ctx, "a", "../prod", 1, "me", "")
		wantErr(t, "bad alias", err, registry.ErrBadName)
		_, err = r.History(ctx, "a", "prod")
		wantErr(t, "history of no alias", err, registry.ErrNoAlias)

		moves := []int{1, 3, 2, 2, 0, 3}
		for i, version := range moves {
			e, err := r.SetAlias(ctx, "a", "prod", version, "me", fmt.Sprint("move ", i))
			if err != nil || e.Seq != uint64(i+1) {
				t.Fatalf("move %d: %+v, %v", i, e, err)
			}
			now, err := r.Alias(ctx, "a", "prod")
			if version == 0 {
				wantErr(t, "withdrawn alias", err, registry.ErrNoAlias)
			} else if err != nil || now.Version != version || now.WriteID != e.WriteID {
				t.Errorf("after move %d: %+v, %v", i, now, err)
			}
		}
		history, err := r.History(ctx, "a", "prod")
		if err != nil || len(history) != len(moves) {
			t.Fatalf("history %+v, %v", history, err)
		}
		for i, e := range history {
			if e.Version != moves[i] || e.Why != fmt.Sprint("move ", i) || e.Who != "me" || e.At.IsZero() {
				t.Errorf("history[%d] = %+v", i, e)
			}
		}
		if _, err := r.SetAlias(ctx, "a", "canary", 2, "me", ""); err != nil {
			t.Fatal(err)
		}
		if _, err := r.SetAlias(ctx, "a", "old", 1, "me", ""); err != nil {
			t.Fatal(err)
		}
		if _, err := r.SetAlias(ctx, "a", "old", 0, "me", ""); err != nil {
			t.Fatal(err)
		}
		all, err := r.Aliases(ctx, "a")
		if err != nil || len(all) != 2 || all[0].Alias != "canary" || all[1].Alias != "prod" || all[1].Version != 3 {
			t.Errorf("aliases %+v, %v", all, err)
		}
		if report := wantClean(t, b); report.Aliases != 3 {
			t.Errorf("report %+v", report)
		}
	})
}

// TestConcurrentPublishers: distinct content gets distinct versions without gaps, the same content
// gets one.
func TestConcurrentPublishers(t *testing.T) {
	onEach(t, func(t *testing.T, b store.Bucket) {
		const publishers = 16
		var mu sync.Mutex
		versions, created := map[int]int{}, 0
		var done sync.WaitGroup
		for n := range 2 * publishers {
			done.Go(func() {
				m, isNew, err := registry.New(b, registry.Kind{}).Publish(t.Context(), draft("a", n/2))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				versions[m.Version]++
				if isNew {
					created++
				}
			})
		}
		done.Wait()
		if created != publishers || len(versions) != publishers {
			t.Errorf("%d versions created for %d contents: %v", created, publishers, versions)
		}
		for version, n := range versions {
			if n != 2 || version > publishers {
				t.Errorf("version %d came back %d times", version, n)
			}
		}
		wantClean(t, b)
	})
}

// TestCorruptManifestDoesNotStopPublishing: its number stays taken, and its content equals nothing.
func TestCorruptManifestDoesNotStopPublishing(t *testing.T) {
	b := directory(t)
	r := registry.New(b, registry.Kind{})
	publish(t, r, draft("a", 1))
	write(t, b, "manifests/a/00000002.json", "not JSON")
	if m := publish(t, r, draft("a", 2)); m.Version != 3 {
		t.Errorf("published as version %d, want 3", m.Version)
	}
	_, err := r.Get(t.Context(), "a", 2)
	wantErr(t, "Get of the corrupt manifest", err, registry.ErrCorrupt)
}

func TestNewerSchemaIsRefused(t *testing.T) {
	b := directory(t)
	r := registry.New(b, registry.Kind{})
	publish(t, r, draft("a", 1))
	edit(t, b, "manifests/a/00000001.json", `"schema_version": 1`, `"schema_version": 2`)
	_, err := r.Get(t.Context(), "a", 1)
	if err == nil || errors.Is(err, registry.ErrCorrupt) || !strings.Contains(err.Error(), "schema version 2") {
		t.Errorf("a newer manifest: %v", err)
	}
}

// TestReadOnly: reading needs no right to write, and writing says what is missing.
func TestReadOnly(t *testing.T) {
	b := directory(t)
	publish(t, registry.New(b, registry.Kind{}), draft("a", 1))
	r := registry.New(storetest.Break(b, func(op storetest.Op) storetest.Fault {
		if op.Verb == "put" {
			return storetest.Fail
		}
		return storetest.None
	}), registry.Kind{})
	if _, err := r.Resolve(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	if _, created, err := r.Publish(t.Context(), draft("a", 1)); err != nil || created {
		t.Errorf("publishing what is there already: %v, %v", created, err)
	}
	_, err := r.SetAlias(t.Context(), "a", "prod", 1, "me", "")
	wantErr(t, "SetAlias", err, storetest.ErrInjected)
}

func TestManyVersionsKeepOrder(t *testing.T) {
	r := registry.New(directory(t), registry.Kind{})
	want := map[int]bool{}
	for n := range 12 {
		want[publish(t, r, draft("a", n)).Version] = true
	}
	versions, err := r.Versions(t.Context(), "a")
	if err != nil || !slices.Equal(versions, slices.Sorted(maps.Keys(want))) || versions[11] != 12 {
		t.Errorf("versions %v, %v", versions, err)
	}
}
