package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/cultivar/cultivar/internal/hugepage"
)

func write(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

// names lists a directory, which is how a test sees what was left behind.
func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return strings.Join(list, " ")
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestWriteFileCreatesAndReplaces(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.json")
	for _, want := range []string{"one", "", strings.Repeat("long ", 1<<17)} {
		if err := WriteFile(path, write(want)); err != nil {
			t.Fatal(err)
		}
		if got := content(t, path); got != want {
			t.Errorf("got %d bytes, want %d", len(got), len(want))
		}
		if got := names(t, dir); got != "a.json" {
			t.Errorf("directory holds %q", got)
		}
	}
}

func TestWriteFilePermissionsFollowTheUmask(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	atomic := filepath.Join(dir, "atomic")
	if err := WriteFile(atomic, write("x")); err != nil {
		t.Fatal(err)
	}
	a, _ := os.Stat(plain)
	b, err := os.Stat(atomic)
	if err != nil || a.Mode() != b.Mode() {
		t.Errorf("mode %v, want %v (%v)", b.Mode(), a.Mode(), err)
	}
}

func TestWriteFileKeepsTheOldFileOnFailure(t *testing.T) {
	fails := map[string]func(io.Writer) error{
		"writer fails": func(w io.Writer) error {
			_, _ = io.WriteString(w, "half")
			return &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
		},
		"writer panics": func(io.Writer) error { panic("boom") },
	}
	for name, fail := range fails {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "a")
			if err := WriteFile(path, write("old")); err != nil {
				t.Fatal(err)
			}
			func() {
				defer func() { _ = recover() }()
				if err := WriteFile(path, fail); !errors.Is(err, syscall.ENOSPC) {
					t.Errorf("error is %v, want ENOSPC", err)
				}
			}()
			if got := content(t, path); got != "old" {
				t.Errorf("file holds %q", got)
			}
			if got := names(t, dir); got != "a" {
				t.Errorf("directory holds %q", got)
			}
		})
	}
}

// /dev/full is a device on which every write fails as on a full disk.
func TestSealReportsAFullDisk(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("/dev/full exists on linux only")
	}
	f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer func() { _ = f.Close() }()
	buf := hugepage.NewWriter(f, 0)
	if err := write("x")(buf); err != nil {
		t.Fatal(err)
	}
	if err := seal(buf, f); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error is %v, want ENOSPC", err)
	}
}

// TestFile writes by hand: nothing is at the path before Commit, and nothing is left by Abort.
func TestFile(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		commit bool
		want   string
	}{{false, ""}, {true, "a"}} {
		f, err := Create(filepath.Join(dir, "a"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte("half")); err != nil {
			t.Fatal(err)
		}
		if got := names(t, dir); !strings.HasPrefix(got, ".a.tmp-") {
			t.Errorf("directory holds %q while the file is written", got)
		}
		if tt.commit {
			if err := f.Commit(); err != nil {
				t.Fatal(err)
			}
		}
		f.Abort()
		f.Abort()
		if got := names(t, dir); got != tt.want {
			t.Errorf("directory holds %q, want %q", got, tt.want)
		}
	}
	if got := content(t, filepath.Join(dir, "a")); got != "half" {
		t.Errorf("file holds %q", got)
	}
}

// TestCommitFails puts a directory in the file's way.
func TestCommitFails(t *testing.T) {
	dir := t.TempDir()
	f, err := Create(filepath.Join(dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "a"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(); err == nil {
		t.Error("a directory was replaced by a file")
	}
	if got := names(t, dir); got != "a" {
		t.Errorf("directory holds %q", got)
	}
}

func TestWriteFileRefusals(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "d", "e"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(filepath.Join(dir, "missing", "a"), write("x")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing parent: %v", err)
	}
	if err := WriteFile(filepath.Join(dir, "d"), write("x")); err == nil {
		t.Error("a directory was replaced by a file")
	}
	if got := names(t, dir); got != "d" {
		t.Errorf("directory holds %q", got)
	}
}

func TestWriteDir(t *testing.T) {
	put := func(dir string) error { return os.WriteFile(filepath.Join(dir, "a"), []byte("x"), 0o666) }
	parent := t.TempDir()
	fresh, empty := filepath.Join(parent, "fresh"), filepath.Join(parent, "empty")
	if err := os.Mkdir(empty, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{fresh, empty + string(filepath.Separator)} {
		if err := WriteDir(dir, put); err != nil {
			t.Fatal(err)
		}
		if got := content(t, filepath.Join(dir, "a")); got != "x" {
			t.Errorf("file holds %q", got)
		}
	}
	if err := WriteDir(fresh, put); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a full directory was replaced: %v", err)
	}
	broken := errors.New("broken")
	err := WriteDir(filepath.Join(parent, "failed"), func(dir string) error { return errors.Join(put(dir), broken) })
	if !errors.Is(err, broken) {
		t.Errorf("error is %v", err)
	}
	if got := names(t, parent); got != "empty fresh" {
		t.Errorf("parent holds %q", got)
	}
}

func TestReadOnlyDirectory(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write anywhere")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(filepath.Join(dir, "a"), write("x")); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("error is %v", err)
	}
}

// left makes what a killed process leaves of writing to path.
func left(t *testing.T, path string, dir bool) {
	t.Helper()
	name := tempName(path)
	if dir {
		if err := os.Mkdir(name, 0o777); err != nil {
			t.Fatal(err)
		}
		name = filepath.Join(name, "part")
	}
	if err := os.WriteFile(name, []byte("half"), 0o666); err != nil {
		t.Fatal(err)
	}
}

// TestLeftovers: what dead processes left goes with the next writing to the path; what a living one writes,
// and what was left of another path, stays.
func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	living, err := Create(a)
	if err != nil {
		t.Fatal(err)
	}
	left(t, a, false)
	left(t, a, true)
	left(t, b, false)
	if err := WriteFile(a, write("x")); err != nil {
		t.Fatal(err)
	}
	if got := strings.Fields(names(t, dir)); len(got) != 3 || !strings.HasPrefix(got[0], ".a.tmp-") || !strings.HasPrefix(got[1], ".b.tmp-") || got[2] != "a" {
		t.Errorf("directory holds %q", got)
	}
	if _, err := living.Write([]byte("y")); err != nil {
		t.Fatal(err)
	}
	if err := living.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := WriteDir(b, func(string) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir) + content(t, a); got != "a by" {
		t.Errorf("directory holds %q", got)
	}
}

func TestReplaceDir(t *testing.T) {
	parent := t.TempDir()
	path := filepath.Join(parent, "served")
	agree := func(string) error { return nil }
	put := func(s string) func(string) error {
		return func(dir string) error { return os.WriteFile(filepath.Join(dir, "a"), []byte(s), 0o666) }
	}
	check := func(want string) {
		t.Helper()
		if got := names(t, parent) + " " + content(t, filepath.Join(path, "a")); got != want {
			t.Errorf("there is %q, want %q", got, want)
		}
	}
	for _, s := range []string{"one", "two"} {
		if err := ReplaceDir(path, agree, put(s)); err != nil {
			t.Fatal(err)
		}
		check("served " + s)
	}
	kept := errors.New("kept")
	refuse := func(old string) error {
		if got := content(t, filepath.Join(old, "a")); got != "two" {
			t.Errorf("asked about %q", got)
		}
		return kept
	}
	if err := ReplaceDir(path, refuse, put("three")); !errors.Is(err, kept) {
		t.Errorf("error is %v", err)
	}
	check("served two")
	if err := ReplaceDir(path, agree, func(string) error { return kept }); !errors.Is(err, kept) {
		t.Errorf("error is %v", err)
	}
	check("served two")
	// Where names cannot be exchanged a process is killed between two renames, or after both.
	if err := os.Rename(path, asideName(path)); err != nil {
		t.Fatal(err)
	}
	if err := ReplaceDir(path, agree, func(string) error { return kept }); !errors.Is(err, kept) {
		t.Errorf("error is %v", err)
	}
	check("served two")
	left(t, path, true)
	if err := os.Mkdir(asideName(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := ReplaceDir(path, agree, put("four")); err != nil {
		t.Fatal(err)
	}
	check("served four")
}

func TestByRenames(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	for _, d := range []string{a, b} {
		if err := os.MkdirAll(filepath.Join(d, "of-"+filepath.Base(d)), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if err := byRenames(a, b); err != nil {
		t.Fatal(err)
	}
	if got := names(t, a) + " " + names(t, b) + " " + names(t, dir); got != "of-b of-a a b" {
		t.Errorf("there is %q", got)
	}
}
