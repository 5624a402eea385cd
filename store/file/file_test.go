package file_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/file"
	"github.com/cultivar/cultivar/store/storetest"
)

func open(t testing.TB, dir string) *file.Bucket {
	t.Helper()
	b, err := file.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestContract(t *testing.T) {
	storetest.Run(t, func(t testing.TB) func() store.Bucket {
		dir := filepath.Join(t.TempDir(), "not", "yet")
		return func() store.Bucket { return open(t, dir) }
	})
}

// files lists everything below dir but the lock, by path.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var paths []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != ".lock" {
			rel, _ := filepath.Rel(dir, p)
			paths = append(paths, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// TestLayout pins the names on disk: another version of the program must find the objects.
func TestLayout(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	long := strings.Repeat("x.", 75)
	layout := map[string]string{
		"manifests/support/00000001.json": "manifests.d/support.d/00000001.json",
		"README.md":                       "!r!e!a!d!m!e.md",
		"a/.x":                            "a.d/%2ex",
		"a/b.d":                           "a.d/b.%64",
		"a/b.d/c.c":                       "a.d/b.%64.d/c.%63",
		"ключ":                            "%d0%ba%d0%bb%d1%8e%d1%87",
		long:                              strings.ReplaceAll(long, ".", "%2e")[:140] + ".c/" + strings.ReplaceAll(long, ".", "%2e")[140:280] + ".c/" + strings.ReplaceAll(long, ".", "%2e")[280:],
	}
	var want []string
	for key, path := range layout {
		if _, err := b.Put(t.Context(), key, strings.NewReader("x"), 1, store.Condition{}); err != nil {
			t.Fatal(err)
		}
		want = append(want, path)
	}
	got := files(t, dir)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("layout\n got %q\nwant %q", got, want)
	}
}

func TestForeignFilesAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".DS_Store", "README.md", "x.d", "%41", "sub/file", "ok.d/.nfs01", "ab.c/c"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte("x"), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	before := files(t, dir)
	b := open(t, dir)
	for obj, err := range b.List(t.Context(), "") {
		t.Errorf("listed %+v, %v", obj, err)
	}
	if _, err := b.Put(t.Context(), "ok/a", strings.NewReader("x"), 1, store.Condition{}); err != nil {
		t.Fatal(err)
	}
	if err := b.Delete(t.Context(), "ok/a"); err != nil {
		t.Fatal(err)
	}
	if after := files(t, dir); !slices.Equal(before, after) {
		t.Errorf("before %q\nafter %q", before, after)
	}
}

func TestFailuresLeaveNothing(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	ctx := t.Context()
	if _, err := b.Put(ctx, "k", strings.NewReader("one"), 3, store.Condition{}); err != nil {
		t.Fatal(err)
	}
	for _, put := range []struct {
		size int64
		cond store.Condition
	}{{2, store.Condition{}}, {4, store.Condition{}}, {3, store.Condition{IfAbsent: true}}, {3, store.Condition{IfMatch: "x"}}} {
		if _, err := b.Put(ctx, "k", strings.NewReader("two"), put.size, put.cond); err == nil {
			t.Errorf("put %+v succeeded", put)
		}
	}
	if got := files(t, dir); !slices.Equal(got, []string{"k"}) {
		t.Errorf("left behind: %q", got)
	}
}

func TestDeleteRemovesEmptyDirectories(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	for _, key := range []string{"a/b/c/d", "a/e"} {
		if _, err := b.Put(t.Context(), key, strings.NewReader("x"), 1, store.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Delete(t.Context(), "a/b/c/d"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "a.d", "b.d")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("empty directory stays: %v", err)
	}
	if got := files(t, dir); !slices.Equal(got, []string{"a.d/e"}) {
		t.Errorf("left: %q", got)
	}
}

func TestReadingCreatesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "home")
	b := open(t, dir)
	if _, err := b.Stat(t.Context(), "k"); !errors.Is(err, store.ErrNotExist) {
		t.Error(err)
	}
	for _, err := range b.List(t.Context(), "") {
		t.Error(err)
	}
	if err := b.Delete(t.Context(), "k"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading created %s: %v", dir, err)
	}
}

func TestOpenPlainFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := file.Open(path); err == nil {
		t.Error("a plain file opened as a bucket")
	}
}

// TestSweep: what a killed writer left goes at once, however young; a living writer's stays.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	tmp := filepath.Join(dir, ".tmp")
	if err := os.Mkdir(tmp, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tmp, "dead"), []byte("half"), 0o666); err != nil {
		t.Fatal(err)
	}
	// A writer that is waiting for its body, and a second handle that sweeps meanwhile.
	body, feed := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := open(t, dir).Put(t.Context(), "slow", body, 2, store.Condition{})
		done <- err
	}()
	if _, err := feed.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, dir).Put(t.Context(), "k", strings.NewReader("x"), 1, store.Condition{}); err != nil {
		t.Fatal(err)
	}
	if got := files(t, dir); len(got) != 2 || !strings.HasPrefix(got[0], ".tmp/") || got[0] == ".tmp/dead" || got[1] != "k" {
		t.Errorf("left: %q", got)
	}
	_, err := feed.Write([]byte("y"))
	if err := errors.Join(err, feed.Close(), <-done); err != nil {
		t.Fatal(err)
	}
	if got := files(t, dir); !slices.Equal(got, []string{"k", "slow"}) {
		t.Errorf("left: %q", got)
	}
}

// TestOddFiles: a pipe where an object would be is none, and nobody waits for its writer; neither is a link, even
// to another object. Put takes their place.
func TestOddFiles(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	if _, err := b.Put(t.Context(), "plain", strings.NewReader("x"), 1, store.Condition{}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o666), os.Symlink("plain", filepath.Join(dir, "link"))); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"pipe", "link"} {
		if _, _, err := b.Get(t.Context(), key); !errors.Is(err, store.ErrNotExist) {
			t.Errorf("Get(%q): %v", key, err)
		}
		if _, err := b.OpenFile(t.Context(), key); !errors.Is(err, store.ErrNotExist) {
			t.Errorf("OpenFile(%q): %v", key, err)
		}
	}
	for obj, err := range b.List(t.Context(), "") {
		if err != nil || obj.Key != "plain" {
			t.Errorf("listed %q, %v", obj.Key, err)
		}
	}
	for _, key := range []string{"pipe", "link"} {
		if _, err := b.Put(t.Context(), key, strings.NewReader("new"), 3, store.Condition{}); err != nil {
			t.Errorf("Put(%q): %v", key, err)
		}
	}
	if obj, err := b.Stat(t.Context(), "plain"); err != nil || obj.Size != 1 {
		t.Errorf("a put over a link wrote through it: %+v, %v", obj, err)
	}
}

// TestPrivate: nobody else can enter or read what a private bucket makes, and the umask may take more.
func TestPrivate(t *testing.T) {
	b, err := file.OpenPrivate(filepath.Join(t.TempDir(), "home", "registry"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Put(t.Context(), "a/b", strings.NewReader("x"), 1, store.Condition{}); err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(b.URL())
	err = filepath.WalkDir(filepath.Dir(u.Path), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if info, err := d.Info(); err != nil || info.Mode()&0o077 != 0 {
			t.Errorf("%s has mode %v, %v", path, info.Mode(), err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestSymlinksDoNotEscape plants links out of the bucket where an object and a directory would be.
func TestSymlinksDoNotEscape(t *testing.T) {
	outside := t.TempDir()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Symlink(filepath.Join(outside, "secret"), filepath.Join(dir, "k")), os.Symlink(outside, filepath.Join(dir, "a.d"))); err != nil {
		t.Fatal(err)
	}
	b := open(t, dir)
	for _, key := range []string{"k", "a/secret"} {
		if r, _, err := b.Get(t.Context(), key); err == nil {
			r.Close()
			t.Errorf("Get(%q) followed a link out of the bucket", key)
		}
	}
	if _, err := b.Put(t.Context(), "a/new", strings.NewReader("x"), 1, store.Condition{}); err == nil {
		t.Error("Put followed a link out of the bucket")
	}
	if got := files(t, outside); !slices.Equal(got, []string{"secret"}) {
		t.Errorf("outside: %q", got)
	}
}

const childDir = "CULTIVAR_TEST_FILE_CHILD"

// TestProcessesRace lets processes increment one counter by compare and swap: a lost update is a
// broken lock.
func TestProcessesRace(t *testing.T) {
	const increments = 25
	if dir := os.Getenv(childDir); dir != "" {
		for range increments {
			increment(t, open(t, dir))
		}
		return
	}
	dir := t.TempDir()
	if _, err := open(t, dir).Put(t.Context(), "n", strings.NewReader(""), 0, store.Condition{}); err != nil {
		t.Fatal(err)
	}
	const processes = 4
	var children []*exec.Cmd
	for range processes {
		c := exec.Command(os.Args[0], "-test.run=^TestProcessesRace$")
		c.Env = append(os.Environ(), childDir+"="+dir)
		c.Stderr = new(bytes.Buffer)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		children = append(children, c)
	}
	for _, c := range children {
		if err := c.Wait(); err != nil {
			t.Errorf("%v\n%s", err, c.Stderr)
		}
	}
	obj, err := open(t, dir).Stat(t.Context(), "n")
	if err != nil || obj.Size != processes*increments {
		t.Errorf("counted %d (%v), want %d", obj.Size, err, processes*increments)
	}
}

// increment appends one byte to the object n.
func increment(t *testing.T, b store.Bucket) {
	t.Helper()
	for {
		r, obj, err := b.Get(t.Context(), "n")
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		r.Close()
		if err != nil {
			t.Fatal(err)
		}
		data = append(data, 'x')
		_, err = b.Put(t.Context(), "n", bytes.NewReader(data), int64(len(data)), store.Condition{IfMatch: obj.ETag})
		if err == nil {
			return
		}
		if !errors.Is(err, store.ErrPrecondition) {
			t.Fatal(err)
		}
	}
}
