package home

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/catalog"
	"github.com/cultivar/cultivar/store/cas"
	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/store/storetest/s3server"
)

// settling makes the test binary another process, which is killed.
const settling = "CULTIVAR_TEST_SETTLE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(settling); dir != "" {
		h, err := Open(context.Background(), dir)
		if err == nil {
			err = h.Datasets.Settle(context.Background())
		}
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func at(t *testing.T, location string) *Home {
	t.Helper()
	h, err := Open(t.Context(), location)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// The digests of testdata/before-kinds, a home as programs left it before datasets were in the registry.
const (
	first  = "sha256:311cc2d7f9196b55feafd0a916d076d40382722a46ceb2f770b8bd342edf31fa"
	second = "sha256:934cc514f08f03f47e8ec1b79bc0473193db0a0b1d91d85394f21fb4b89008e2"
	third  = first // back to what it was
)

// old copies that home, with the modes that its files had.
func old(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "home")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "before-kinds"))); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(filepath.Join(dir, "datasets"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			err = os.Chmod(path, 0o444)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// files lists what is below a directory.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, e fs.DirEntry, err error) error {
		list = append(list, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// wantOld looks whether everything of the old home is there, under the same names, numbers and digests.
func wantOld(t *testing.T, h *Home) {
	t.Helper()
	for ref, want := range map[string]string{"d@1": first, "d@2": second, "d@3": third, "d": third} {
		d, err := h.Datasets.Open(t.Context(), ref)
		if err != nil {
			t.Errorf("%s: %v", ref, err)
			continue
		}
		if d.Manifest.Digest != want || d.Manifest.Sources[0].URI != "docs" || d.Manifest.CreatedAt.IsZero() {
			t.Errorf("%s is %+v", ref, d.Manifest)
		}
		if err := d.Verify(t.Context()); err != nil {
			t.Error(err)
		}
		n := int64(0)
		for _, err := range d.Documents() {
			if err != nil {
				t.Error(err)
			}
			n++
		}
		if n != d.Manifest.Counts.Documents {
			t.Errorf("%s has %d documents, want %d", ref, n, d.Manifest.Counts.Documents)
		}
	}
	if m, err := h.Adapters.Resolve(t.Context(), "k:prod"); err != nil || m.Digest != "sha256:50941018d5d5b65f475484ba0f4f96b6d21ee49dea375369d80032d35413eb83" {
		t.Errorf("adapter %+v, %v", m, err)
	}
}

// wantMoved looks whether the versions are in the bucket, with directories that show them.
func wantMoved(t *testing.T, h *Home) {
	t.Helper()
	wantOld(t, h)
	if v, err := h.Datasets.Registry().Versions(t.Context(), "d"); !slices.Equal(v, []int{1, 2, 3}) || err != nil {
		t.Errorf("in the bucket: %d, %v", v, err)
	}
	if r, err := h.Check(t.Context(), true); err != nil || !r.OK() {
		t.Errorf("check: %+v, %v", r.Problems, err)
	}
}

func TestOldHome(t *testing.T) {
	dir := old(t)
	before := files(t, dir)
	h := at(t, dir)
	wantOld(t, h)
	if r, err := h.Check(t.Context(), true); err != nil || !r.OK() {
		t.Errorf("check: %+v, %v", r.Problems, err)
	}
	if events, err := h.Datasets.Events(t.Context(), "d", ""); err != nil || len(events) != 3 || events[1].Digest != second {
		t.Errorf("events %+v, %v", events, err)
	}
	if list, damaged, err := h.Datasets.Overview(t.Context()); err != nil || len(damaged) > 0 || len(list) != 1 || list[0].Versions != 3 {
		t.Errorf("overview %+v, %v, %v", list, damaged, err)
	}
	if now := files(t, dir); !slices.Equal(now, before) {
		t.Errorf("reading left %v of %v", now, before)
	}
	commit(t, h, "other", "x")
	wantMoved(t, h)
	// A file of a version is the blob, not a copy.
	d, err := h.Datasets.Open(t.Context(), "d@2")
	if err != nil {
		t.Fatal(err)
	}
	f := d.Manifest.Files[0]
	blob := filepath.Join(dir, "registry", "blobs.d", "sha256.d", cas.Digest(f.Digest).Hex())
	a, err := os.Stat(blob)
	b, bErr := os.Stat(filepath.Join(dir, "datasets", "d", "v2", f.Path))
	if err != nil || bErr != nil || !os.SameFile(a, b) || a.Mode().Perm() != 0o400 {
		t.Errorf("%s and %s: %v, %v, %v", blob, f.Path, a, err, bErr)
	}
	if d := commit(t, h, "d", "x"); d.Ref() != "d@4" {
		t.Errorf("the next version is %s", d.Ref())
	}
	if r, err := h.Check(t.Context(), true); err != nil || !r.OK() || r.Versions != 6 || len(r.Orphans) != 0 {
		t.Errorf("check: %+v, %v", r, err)
	}
}

// commit makes a version of one document.
func commit(t *testing.T, h *Home, name, text string) *catalog.Dataset {
	t.Helper()
	b, err := h.Datasets.Create(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.AddDocument(datasets.Document{DocID: "1", Text: text}); err != nil {
		t.Fatal(err)
	}
	d, _, err := b.Commit(t.Context(), catalog.Info{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestMoveIsKilled kills the process that moves the versions, again and again.
func TestMoveIsKilled(t *testing.T) {
	dir := old(t)
	for i := range 12 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), settling+"="+dir)
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(4+3*i) * time.Millisecond)
		_ = child.Process.Kill()
		_ = child.Wait() // killed, or done
		wantOld(t, at(t, dir))
	}
	h := at(t, dir)
	if err := h.Datasets.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantMoved(t, h)
	if left := files(t, filepath.Join(dir, "datasets", ".tmp")); len(left) != 1 {
		t.Errorf("left %v", left)
	}
}

// TestDamagedOldVersion: what is damaged stays where it is, keeps its number, and is told of.
func TestDamagedOldVersion(t *testing.T) {
	dir := old(t)
	damaged := filepath.Join(dir, "datasets", "d", "v3", "examples", "examples-00000.parquet")
	data, err := os.ReadFile(damaged)
	if err != nil {
		t.Fatal(err)
	}
	data[60] ^= 1
	if err := errors.Join(os.Remove(damaged), os.WriteFile(damaged, data, 0o444)); err != nil {
		t.Fatal(err)
	}
	h := at(t, dir)
	if d := commit(t, h, "d", "x"); d.Ref() != "d@4" {
		t.Errorf("after the damaged one comes %s", d.Ref())
	}
	if v, err := h.Datasets.Registry().Versions(t.Context(), "d"); !slices.Equal(v, []int{1, 2, 4}) || err != nil {
		t.Errorf("in the bucket: %d, %v", v, err)
	}
	r, err := h.Check(t.Context(), false)
	if err != nil || len(r.Problems) != 1 || !strings.Contains(r.Problems[0].Key, "v3") {
		t.Errorf("check: %+v, %v", r.Problems, err)
	}
}

func TestOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b")
	h := at(t, "file://"+strings.ReplaceAll(dir, " ", "%20"))
	if h.Dir != dir {
		t.Errorf("file URL opens %s", h.Dir)
	}
	far := at(t, s3server.Start(t).NewBucket(t))
	if far.Dir != "" || commit(t, far, "d", "x").Manifest.Digest != commit(t, h, "d", "x").Manifest.Digest {
		t.Error("a directory and S3 give one dataset two digests")
	}
	if r, err := far.Check(t.Context(), true); err != nil || !r.OK() || r.Versions != 1 {
		t.Errorf("check: %+v, %v", r, err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("others can enter the home: %v, %v", info.Mode(), err)
	}
	for _, bad := range []string{"", "s3:/b/p", "gs://b", "file:x"} {
		if _, err := Open(t.Context(), bad); err == nil {
			t.Errorf("opened %q", bad)
		}
	}
}

func TestExisting(t *testing.T) {
	h := at(t, t.TempDir())
	if err := errors.Join(os.MkdirAll(filepath.Join(h.Dir, "registry"), 0o777), os.WriteFile(filepath.Join(h.Dir, "registry", "notes.txt"), nil, 0o666)); err != nil {
		t.Fatal(err)
	}
	if err := Existing(t.Context(), h.Bucket); !errors.Is(err, ErrNoStore) {
		t.Errorf("an empty store: %v", err)
	}
	commit(t, h, "d", "x")
	if err := Existing(t.Context(), h.Bucket); err != nil {
		t.Error(err)
	}
}

// TestCheck finds what is wrong with datasets, on either side.
func TestCheck(t *testing.T) {
	for name, test := range map[string]struct {
		damage func(h *Home, d *catalog.Dataset) error
		key    string // in the problem's key
	}{
		"blob missing": {func(h *Home, d *catalog.Dataset) error {
			return h.Bucket.Delete(context.Background(), cas.Key(cas.Digest(d.Manifest.Files[0].Digest)))
		}, "blobs/"},
		"alias dangling": {func(h *Home, d *catalog.Dataset) error {
			_, err := h.Datasets.Registry().Promote(context.Background(), registry.Ref{Name: "d", Version: 1}, "prod", "", "")
			return errors.Join(err, h.Bucket.Delete(context.Background(), "datasets/manifests/d/00000001.json"))
		}, "datasets/refs/d/prod/"},
		"directory without a version": {func(h *Home, d *catalog.Dataset) error {
			return os.MkdirAll(filepath.Join(h.Dir, "datasets", "d", "v9"), 0o777)
		}, "/v9"},
		"file that nobody listed": {func(h *Home, d *catalog.Dataset) error {
			return os.WriteFile(filepath.Join(d.Dir(), "documents", "more.parquet"), nil, 0o666)
		}, "/v1"},
		"file replaced in the directory": {func(h *Home, d *catalog.Dataset) error {
			path := filepath.Join(d.Dir(), d.Manifest.Files[0].Path)
			return errors.Join(os.Remove(path), os.WriteFile(path, []byte("x"), 0o666))
		}, "/v1"},
	} {
		t.Run(name, func(t *testing.T) {
			h := at(t, t.TempDir())
			d := commit(t, h, "d", "x")
			if err := test.damage(h, d); err != nil {
				t.Fatal(err)
			}
			r, err := h.Check(t.Context(), false)
			if err != nil || r.OK() {
				t.Fatalf("check: %+v, %v", r, err)
			}
			if !slices.ContainsFunc(r.Problems, func(p registry.Problem) bool { return strings.Contains(p.Key, test.key) }) {
				t.Errorf("problems %+v", r.Problems)
			}
		})
	}
}
