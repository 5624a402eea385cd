package embedded

import (
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
)

func TestUnpack(t *testing.T) {
	files := fstest.MapFS{
		"root/a.txt":   {Data: []byte("a")},
		"root/b/c.txt": {Data: []byte("c")},
		"other.txt":    {Data: []byte("x")},
	}
	dir := t.TempDir()
	if err := Unpack(files, "root", dir); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"a.txt": "a", "b/c.txt": "c"} {
		if got, err := os.ReadFile(filepath.Join(dir, path)); string(got) != want {
			t.Errorf("%s holds %q (%v)", path, got, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "other.txt")); err == nil {
		t.Error("a file outside of the root is unpacked")
	}
	changed := filepath.Join(dir, "b", "c.txt")
	if err := os.WriteFile(changed, []byte("z"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := Unpack(files, "root", dir); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(changed); string(got) != "c" {
		t.Errorf("a changed file holds %q (%v) after unpacking again", got, err)
	}
}

func TestDigest(t *testing.T) {
	one, err := Digest(fstest.MapFS{"r/a": {Data: []byte("1")}}, "r")
	if err != nil {
		t.Fatal(err)
	}
	for name, files := range map[string]fstest.MapFS{
		"content": {"r/a": {Data: []byte("2")}},
		"name":    {"r/b": {Data: []byte("1")}},
	} {
		if other, _ := Digest(files, "r"); other == one {
			t.Errorf("the digest does not depend on the %s", name)
		}
	}
}
