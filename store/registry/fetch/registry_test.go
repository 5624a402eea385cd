package fetch_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/cas"
	"github.com/cultivar/cultivar/store/file"
	"github.com/cultivar/cultivar/store/open"
	"github.com/cultivar/cultivar/store/registry"
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

// draft is the n-th content of a name.
func draft(name string, n int) registry.Draft {
	return registry.Draft{Name: name, Body: json.RawMessage(`{"kind":"test"}`), Files: map[string]registry.Source{
		"weights.bin":   registry.Bytes(fmt.Appendf(nil, "weights %d", n)),
		"sub/shared":    registry.Bytes([]byte("the same in all versions")),
		"sub/log.jsonl": {Open: registry.Bytes([]byte("took 3 s")).Open, Record: true},
	}}
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
}

// blobKey is the key of the weights.
func blobKey(m registry.Manifest) string {
	for _, f := range m.Files {
		if f.Path == "weights.bin" {
			return cas.Key(cas.Digest(f.Digest))
		}
	}
	panic("no weights")
}

func write(t testing.TB, b store.Bucket, key, body string) {
	t.Helper()
	if _, err := b.Put(t.Context(), key, strings.NewReader(body), int64(len(body)), store.Condition{}); err != nil {
		t.Fatal(err)
	}
}
