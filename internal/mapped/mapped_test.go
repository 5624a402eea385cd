package mapped

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// pages is more than a page of any machine, and no whole number of them.
const pages = 3<<16 + 5

func TestOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	for _, size := range []int{0, 1, pages} {
		want := bytes.Repeat([]byte("abcdefg"), size/7+1)[:size]
		if err := os.WriteFile(path, want, 0o666); err != nil {
			t.Fatal(err)
		}
		data, unmap, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(data, want) {
			t.Errorf("%d bytes come back as others", size)
		}
		if err := unmap(); err != nil {
			t.Errorf("unmap %d bytes: %v", size, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := Open(filepath.Join(dir, "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an absent file: %v", err)
	}
	if _, _, err := Open(dir); err == nil || !strings.HasSuffix(err.Error(), "not a regular file") {
		t.Errorf("a directory: %v", err)
	}
}

// TestForget forgets parts that begin and end within pages: what lies beside them is not touched, and
// they read as before.
func TestForget(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	want := bytes.Repeat([]byte{1, 2, 3, 4, 5}, pages/5)
	if err := os.WriteFile(path, want, 0o666); err != nil {
		t.Fatal(err)
	}
	data, unmap, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unmap(); err != nil {
			t.Error(err)
		}
	}()
	for _, part := range [][]byte{nil, data[:0], data[7:8], data[7 : len(data)-7], data[1<<16:], data} {
		Forget(part)
		if !bytes.Equal(data, want) {
			t.Fatalf("the file reads differently after %d bytes were forgotten", len(part))
		}
	}
}
