package bounded

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestReadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.json")
	for _, tt := range []struct{ size, limit int }{{0, 0}, {0, 8}, {1, 0}, {7, 8}, {8, 8}, {9, 8}, {5000, 5000}, {5001, 5000}} {
		want := bytes.Repeat([]byte{'x'}, tt.size)
		if err := os.WriteFile(path, want, 0o666); err != nil {
			t.Fatal(err)
		}
		got, err := ReadFile(path, int64(tt.limit))
		if tt.size <= tt.limit {
			if err != nil || got == nil || !bytes.Equal(got, want) { // nil is for files that are not there
				t.Errorf("%d bytes with a limit of %d: %d bytes, %v", tt.size, tt.limit, len(got), err)
			}
			continue
		}
		large, is := errors.AsType[*TooLargeError](err)
		if !is || *large != (TooLargeError{path, int64(tt.size), int64(tt.limit)}) || got != nil {
			t.Errorf("%d bytes with a limit of %d: %d bytes, %v", tt.size, tt.limit, len(got), err)
		}
	}
}

// TestReadFileSparse reads nothing of a file whose size alone is too much.
func TestReadFileSparse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(path, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 1<<40); err != nil {
		t.Skipf("the file system has no files with holes: %v", err)
	}
	_, err := ReadFile(path, 1<<39)
	if want := path + ": 1099511627776 bytes, more than the 549755813888 that it may have"; err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
}

func TestReadFileErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := ReadFile(filepath.Join(dir, "absent"), 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an absent file: %v", err)
	}
	if _, err := ReadFile(dir, 1<<20); err == nil {
		t.Error("a directory was read")
	}
}

// TestRead names a file that was opened through a root by its whole path.
func TestRead(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "facts"), []byte("four"), 0o666); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	f, err := root.Open("facts")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	_, err = Read(f, 3)
	if want := filepath.Join(dir, "facts") + ": 4 bytes, more than the 3 that it may have"; err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
}

// TestPipe: a pipe that nobody writes to is refused, and not waited for.
func TestPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.json")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFile(path, 1<<20); err == nil || !strings.Contains(err.Error(), "not a file") {
		t.Errorf("got %v", err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = w.WriteString("{}")
		_ = w.Close()
	}()
	if data, err := ReadFile(fmt.Sprintf("/dev/fd/%d", r.Fd()), 1<<20); err != nil || string(data) != "{}" {
		t.Errorf("a command in the place of a file: %q, %v", data, err)
	}
}
