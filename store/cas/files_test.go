package cas

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/file"
	"github.com/cultivar/cultivar/store/storetest"
)

// far is a bucket that is not on this machine.
func far(t *testing.T) *storetest.Faulty {
	t.Helper()
	b, err := file.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return storetest.Break(b, nil)
}

func TestFiles(t *testing.T) {
	b, cache := far(t), filepath.Join(t.TempDir(), "deep", "cache")
	s := New(b)
	d, _, err := s.Put(t.Context(), strings.NewReader("content"))
	if err != nil {
		t.Fatal(err)
	}
	files := NewFiles(s, cache)
	ops := 0
	for i := range 3 {
		f, err := files.Open(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		if data, err := io.ReadAll(io.NewSectionReader(f, 3, 4)); string(data) != "tent" || err != nil {
			t.Errorf("read %q, %v", data, err)
		}
		f.Close()
		if i > 0 && b.Ops() != ops {
			t.Errorf("reading again took %d operations", b.Ops()-ops)
		}
		ops = b.Ops()
	}
	if info, err := os.Stat(cache); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("others can enter the cache: %v, %v", info, err)
	}
	if _, err := files.Open(t.Context(), Sum([]byte("absent"))); !errors.Is(err, store.ErrNotExist) {
		t.Errorf("opened what is not there: %v", err)
	}
	// What is damaged never gets a name in the cache.
	bad := Sum([]byte("right"))
	if _, err := b.Put(t.Context(), Key(bad), strings.NewReader("wrong"), 5, store.Condition{}); err != nil {
		t.Fatal(err)
	}
	if _, err := files.Open(t.Context(), bad); !errors.Is(err, ErrCorrupt) {
		t.Errorf("opened what is damaged: %v", err)
	}
	if entries, err := os.ReadDir(cache); err != nil || len(entries) != 1 {
		t.Errorf("cache holds %v, %v", entries, err)
	}
}

// TestFilesAreBounded: what was not used for longest goes first, and what killed processes left goes, too.
func TestFilesAreBounded(t *testing.T) {
	b, cache := far(t), t.TempDir()
	files := NewFiles(New(b), cache)
	files.limit = 25
	now := time.Now()
	var digests []Digest
	for i := range 4 {
		d, _, err := New(b).Put(t.Context(), strings.NewReader(fmt.Sprintf("content %02d", i)))
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, d)
	}
	left := filepath.Join(cache, fetching+"1")
	if err := errors.Join(os.WriteFile(left, nil, 0o600), os.Chtimes(left, now.Add(-25*time.Hour), now.Add(-25*time.Hour))); err != nil {
		t.Fatal(err)
	}
	open := func(i int) {
		f, err := files.Open(t.Context(), digests[i])
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		at := now.Add(time.Duration(i) * time.Second)
		if err := os.Chtimes(filepath.Join(cache, digests[i].Hex()), at, at); err != nil {
			t.Fatal(err)
		}
	}
	for i := range digests {
		open(i)
	}
	entries, err := os.ReadDir(cache)
	if err != nil || len(entries) != 2 {
		t.Fatalf("cache holds %v, %v", entries, err)
	}
	for _, d := range digests[2:] {
		if _, err := os.Stat(filepath.Join(cache, d.Hex())); err != nil {
			t.Errorf("one of the last two is gone: %v", err)
		}
	}
}

// TestPutFile: a bucket on this machine takes the file itself; another one gets a copy, verified.
func TestPutFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("content"), 0o444); err != nil {
		t.Fatal(err)
	}
	near, err := file.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	d := Sum([]byte("content"))
	for _, b := range []store.Bucket{near, far(t)} {
		s := New(b)
		for range 2 {
			if obj, err := s.PutFile(t.Context(), path, d, 7); err != nil || obj.Size != 7 {
				t.Fatalf("%T: %+v, %v", b, obj, err)
			}
		}
		if err := s.Verify(t.Context(), d); err != nil {
			t.Errorf("%T: %v", b, err)
		}
	}
	f, err := near.OpenFile(t.Context(), Key(d))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	a, _ := f.Stat()
	if b, err := os.Stat(path); err != nil || !os.SameFile(a, b) {
		t.Errorf("it was copied: %v", err)
	}
	if _, err := New(far(t)).PutFile(t.Context(), path, Sum([]byte("another")), 7); err == nil {
		t.Error("stored under another's digest")
	}
}
