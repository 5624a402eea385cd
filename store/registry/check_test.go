package registry_test

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/cas"
	"github.com/cultivar/cultivar/store/registry"
)

func TestCheckFindsDamage(t *testing.T) {
	for name, test := range map[string]struct {
		damage  func(*testing.T, store.Bucket, registry.Manifest)
		key     func(registry.Manifest) string
		readAll bool // whether only reading the data shows it
	}{
		"blob missing": {
			damage: func(t *testing.T, b store.Bucket, m registry.Manifest) { remove(t, b, blobKey(m)) }, key: blobKey,
		},
		"blob short": {
			damage: func(t *testing.T, b store.Bucket, m registry.Manifest) { write(t, b, blobKey(m), "weights") }, key: blobKey,
		},
		"blob rotten": {
			damage: func(t *testing.T, b store.Bucket, m registry.Manifest) { write(t, b, blobKey(m), "weightz 1") }, key: blobKey, readAll: true,
		},
		"manifest gone": {
			damage: func(t *testing.T, b store.Bucket, m registry.Manifest) { remove(t, b, "manifests/a/00000001.json") },
			key:    func(registry.Manifest) string { return "refs/a/prod/00000000000000000001.json" },
		},
		"manifest changed": {
			damage: func(t *testing.T, b store.Bucket, m registry.Manifest) {
				edit(t, b, "manifests/a/00000001.json", `"test"`, `"evil"`)
			},
			key: func(registry.Manifest) string { return "manifests/a/00000001.json" },
		},
		"manifest of another version": {
			damage: func(t *testing.T, b store.Bucket, m registry.Manifest) {
				edit(t, b, "manifests/a/00000001.json", `"version": 1`, `"version": 2`)
			},
			key: func(registry.Manifest) string { return "manifests/a/00000001.json" },
		},
		"manifest no JSON": {
			damage: func(t *testing.T, b store.Bucket, m registry.Manifest) { write(t, b, "manifests/a/00000001.json", "{") },
			key:    func(registry.Manifest) string { return "manifests/a/00000001.json" },
		},
		"alias entry lost": {
			damage: func(t *testing.T, b store.Bucket, m registry.Manifest) {
				remove(t, b, "refs/a/prod/00000000000000000001.json")
			},
			key: func(registry.Manifest) string { return "refs/a/prod/00000000000000000002.json" },
		},
		"alias entry redirected": {
			damage: func(t *testing.T, b store.Bucket, m registry.Manifest) {
				edit(t, b, "refs/a/prod/00000000000000000002.json", m.Digest, string(cas.Sum(nil)))
			},
			key: func(registry.Manifest) string { return "refs/a/prod/00000000000000000002.json" },
		},
		"stray object": {
			damage: func(t *testing.T, b store.Bucket, m registry.Manifest) { write(t, b, "manifests/a/1.json", "{}") },
			key:    func(registry.Manifest) string { return "manifests/a/1.json" },
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := directory(t)
			r := registry.New(b, registry.Kind{})
			m := publish(t, r, draft("a", 1))
			for range 2 {
				if _, err := r.SetAlias(t.Context(), "a", "prod", 1, "me", "why"); err != nil {
					t.Fatal(err)
				}
			}
			wantClean(t, b)
			test.damage(t, b, m)
			for _, read := range []bool{false, true} {
				report, err := registry.Check(t.Context(), b, read, registry.Kind{})
				if err != nil {
					t.Fatal(err)
				}
				found := slices.ContainsFunc(report.Problems, func(p registry.Problem) bool { return p.Key == test.key(m) })
				if want := read || !test.readAll; found != want {
					t.Errorf("reading data %v: problem found: %v, want %v; report %+v", read, found, want, report)
				}
			}
		})
	}
}

func blobKey(m registry.Manifest) string {
	for _, f := range m.Files {
		if f.Path == "weights.bin" {
			return cas.Key(cas.Digest(f.Digest))
		}
	}
	panic("no weights")
}

func remove(t *testing.T, b store.Bucket, key string) {
	t.Helper()
	if _, err := b.Stat(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if err := b.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, b store.Bucket, key, body string) {
	t.Helper()
	if _, err := b.Put(t.Context(), key, strings.NewReader(body), int64(len(body)), store.Condition{}); err != nil {
		t.Fatal(err)
	}
}

func edit(t *testing.T, b store.Bucket, key, from, to string) {
	t.Helper()
	r, _, err := b.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil || !strings.Contains(string(data), from) {
		t.Fatalf("%s has no %s: %s (%v)", key, from, data, err)
	}
	write(t, b, key, strings.Replace(string(data), from, to, 1))
}
