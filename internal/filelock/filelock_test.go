package filelock

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func open(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestLocks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	one, two, three := open(t, path), open(t, path), open(t, path)
	check := func(what string, want bool) func(bool, error) {
		t.Helper()
		return func(got bool, err error) {
			t.Helper()
			if got != want || err != nil {
				t.Errorf("%s: %v, %v", what, got, err)
			}
		}
	}
	check("hold", true)(Hold(one))
	check("hold as well", true)(Hold(two))
	if Dead(three) {
		t.Error("what is held is dead")
	}
	check("take what is held", false)(Take(three))
	_, _ = one.Close(), two.Close()
	if !Dead(three) {
		t.Error("what nobody holds is not dead")
	}
	check("hold what is taken", false)(Hold(open(t, path)))
}

// A directory can be held like a file.
func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	a, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	b, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	if held, err := Hold(a); !held || err != nil {
		t.Fatal(held, err)
	}
	if Dead(b) {
		t.Error("a directory that is held is dead")
	}
}

func TestNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	f := open(t, path)
	if !Named(f, path) {
		t.Error("it has its name")
	}
	if err := os.Rename(path, path+"2"); err != nil {
		t.Fatal(err)
	}
	if Named(f, path) {
		t.Error("it lost its name")
	}
	open(t, path)
	if Named(f, path) {
		t.Error("another file has its name")
	}
}

func TestMissing(t *testing.T) {
	for err, want := range map[error]bool{syscall.ENOLCK: true, syscall.ENOTSUP: true, syscall.EIO: false, errors.New("x"): false} {
		if got := Missing(fmt.Errorf("flock: %w", err)); got != want {
			t.Errorf("%v: %v", err, got)
		}
	}
}
