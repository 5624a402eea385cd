package file_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/file"
)

// TestLocal: an adopted file, its object and its exposed name are one file.
func TestLocal(t *testing.T) {
	home, ctx := t.TempDir(), t.Context()
	b, err := file.OpenPrivate(filepath.Join(home, "bucket"))
	if err != nil {
		t.Fatal(err)
	}
	from, to := filepath.Join(home, "from"), filepath.Join(home, "to")
	if err := os.WriteFile(from, []byte("content"), 0o444); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-48 * time.Hour) // older than any sweep waits
	if err := os.Chtimes(from, old, old); err != nil {
		t.Fatal(err)
	}
	for range 2 { // again over itself
		obj, err := b.Adopt(ctx, "a/b", from)
		if err != nil || obj.Size != 7 || obj.Key != "a/b" {
			t.Fatalf("Adopt: %+v, %v", obj, err)
		}
	}
	if again, err := b.Stat(ctx, "a/b"); err != nil || again.Size != 7 {
		t.Errorf("Stat: %+v, %v", again, err)
	}
	if err := b.Expose(ctx, "a/b", to); err != nil {
		t.Fatal(err)
	}
	if err := b.Expose(ctx, "a/b", to); !errors.Is(err, os.ErrExist) {
		t.Errorf("exposed over a file: %v", err)
	}
	f, err := b.OpenFile(ctx, "a/b")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{from, to} {
		if other, err := os.Stat(path); err != nil || !os.SameFile(info, other) {
			t.Errorf("%s is another file: %v", path, err)
		}
	}
	if data, err := io.ReadAll(io.NewSectionReader(f, 3, 4)); string(data) != "tent" || err != nil {
		t.Errorf("read %q, %v", data, err)
	}
	if left, err := os.ReadDir(filepath.Join(home, "bucket", ".tmp")); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
	if info, err := os.Stat(filepath.Join(home, "bucket")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("others can enter: %v, %v", info, err)
	}
}

func TestLocalRefuses(t *testing.T) {
	b, err := file.Open(filepath.Join(t.TempDir(), "bucket"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, dir := t.Context(), t.TempDir()
	if _, err := b.OpenFile(ctx, "a"); !errors.Is(err, store.ErrNotExist) {
		t.Errorf("opened what is not there: %v", err)
	}
	if _, err := b.Adopt(ctx, "a", filepath.Join(dir, "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("adopted what is not there: %v", err)
	}
	if err := b.Expose(ctx, "a", filepath.Join(dir, "a")); !errors.Is(err, store.ErrNotExist) {
		t.Errorf("exposed what is not there: %v", err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink("/etc/hostname", link); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Adopt(ctx, "a", link); err == nil {
		t.Error("adopted a link")
	}
	for _, key := range []string{"", "../a", "a//b"} {
		if _, err := b.OpenFile(ctx, key); !errors.Is(err, store.ErrBadKey) {
			t.Errorf("opened %q: %v", key, err)
		}
	}
	if _, err := b.Put(ctx, "b", strings.NewReader("x"), 1, store.Condition{}); err != nil {
		t.Error(err)
	}
}
