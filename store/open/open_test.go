package open_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/file"
	"github.com/cultivar/cultivar/store/open"
	"github.com/cultivar/cultivar/store/s3"
)

func TestOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b%41")
	b, err := open.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := b.(*file.Bucket); !ok {
		t.Errorf("a path opens as %T", b)
	}
	if _, err := b.Put(t.Context(), "k", strings.NewReader("x"), 1, store.Condition{}); err != nil {
		t.Fatal(err)
	}
	again, err := open.Open(t.Context(), b.URL())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Stat(t.Context(), "k"); err != nil {
		t.Errorf("%s, opened again from %s: %v", again.URL(), b.URL(), err)
	}
	b, err = open.Open(t.Context(), "s3://bucket/p?endpoint=http://127.0.0.1:1")
	if _, ok := b.(*s3.Bucket); !ok || err != nil {
		t.Errorf("an s3 URL opens as %T, %v", b, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, location := range []string{"", "gs://b", "file://host/p", "file://", "file:///p?q=1", "file:///%zz", "s3://", "s3://b?endpoint=x", "://",
		"s3:/models/adapters", "s3:models", "file:/srv", "az://box", "https://host/x", "gs:/b", "S3:/b"} {
		if b, err := open.Open(t.Context(), location); err == nil || b != nil {
			t.Errorf("Open(%q) = %v, %v", location, b, err)
		}
	}
}
