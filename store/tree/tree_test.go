package tree_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/cas"
	"github.com/cultivar/cultivar/store/file"
	"github.com/cultivar/cultivar/store/tree"
)

func bucket(t *testing.T) store.Bucket {
	t.Helper()
	b, err := file.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var files = fstest.MapFS{"a.txt": {Data: []byte("a")}, "b/c.txt": {Data: []byte("c")}, "b/empty": {}}

func TestRoundTrip(t *testing.T) {
	b, dir := bucket(t), t.TempDir()
	d, err := tree.Put(t.Context(), b, files)
	if err != nil {
		t.Fatal(err)
	}
	if err := tree.Checkout(t.Context(), b, d, dir); err != nil {
		t.Fatal(err)
	}
	again, err := tree.Put(t.Context(), bucket(t), os.DirFS(dir))
	if err != nil || again != d {
		t.Errorf("what was checked out is %s (%v), want %s", again, err, d)
	}
	changed := filepath.Join(dir, "b", "c.txt")
	if err := os.WriteFile(changed, []byte("z"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := tree.Checkout(t.Context(), b, d, dir); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(changed); string(got) != "c" {
		t.Errorf("a changed file is %q (%v) after a checkout", got, err)
	}
	if err := tree.Verify(t.Context(), b, d); err != nil {
		t.Error(err)
	}
}

func TestDamage(t *testing.T) {
	b := bucket(t)
	d, err := tree.Put(t.Context(), b, files)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Put(t.Context(), tree.Prefix+cas.Key(cas.Sum([]byte("c"))), strings.NewReader("z"), 1, store.Condition{}); err != nil {
		t.Fatal(err)
	}
	if err := tree.Verify(t.Context(), b, d); !errors.Is(err, cas.ErrCorrupt) {
		t.Errorf("verify: %v, want ErrCorrupt", err)
	}
	if err := tree.Checkout(t.Context(), b, d, t.TempDir()); !errors.Is(err, cas.ErrCorrupt) {
		t.Errorf("checkout: %v, want ErrCorrupt", err)
	}
}

// A list of files comes from a store that others write to: none may lead out of the directory.
func TestBadLists(t *testing.T) {
	sum := string(cas.Sum(nil))
	for name, text := range map[string]string{
		"no list":  `[]`,
		"parent":   `{"files":[{"path":"../x","digest":"` + sum + `"}]}`,
		"absolute": `{"files":[{"path":"/x","digest":"` + sum + `"}]}`,
		"unclean":  `{"files":[{"path":"a//x","digest":"` + sum + `"}]}`,
		"itself":   `{"files":[{"path":".","digest":"` + sum + `"}]}`,
		"twice":    `{"files":[{"path":"x","digest":"` + sum + `"},{"path":"x","digest":"` + sum + `"}]}`,
		"digest":   `{"files":[{"path":"x","digest":"md5:1"}]}`,
	} {
		b := bucket(t)
		d := cas.Sum([]byte(text))
		if _, err := b.Put(t.Context(), tree.Prefix+cas.Key(d), strings.NewReader(text), int64(len(text)), store.Condition{}); err != nil {
			t.Fatal(err)
		}
		if err := tree.Checkout(t.Context(), b, d, t.TempDir()); !errors.Is(err, tree.ErrBadTree) {
			t.Errorf("%s: %v, want ErrBadTree", name, err)
		}
	}
}
