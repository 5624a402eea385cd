package plainfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	err := errors.Join(os.WriteFile(at("plain"), []byte("x"), 0o666), syscall.Mkfifo(at("pipe"), 0o666), os.Mkdir(at("dir"), 0o777), os.Symlink("plain", at("link")))
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	for where, open := range map[string]func(string) (*os.File, fs.FileInfo, error){
		"path": func(name string) (*os.File, fs.FileInfo, error) { return Open(at(name)) },
		"root": func(name string) (*os.File, fs.FileInfo, error) { return OpenIn(root, name) },
	} {
		f, info, err := open("plain")
		if err != nil || info.Size() != 1 {
			t.Fatalf("%s: %v", where, err)
		}
		if data, err := io.ReadAll(f); string(data) != "x" || err != nil {
			t.Errorf("%s: %q, %v", where, data, err)
		}
		_ = f.Close()
		for _, name := range []string{"pipe", "dir", "link", "absent"} {
			if _, _, err := open(name); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s of %s: %v", where, name, err)
			}
		}
	}
}
