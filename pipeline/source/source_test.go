package source

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// plant writes files, given as path → content, below a fresh folder.
func plant(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func list(t *testing.T, dir string, cfg Config) []string {
	t.Helper()
	d, err := OpenDir("s", dir, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var paths []string
	for f, err := range d.Files(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, f.Path)
	}
	return paths
}

func TestWalk(t *testing.T) {
	dir := plant(t, map[string]string{
		"b.md": "", "a/z.md": "", "a/y.md": "", "a/deep/x.md": "", ".hidden.md": "",
		".git/config": "", ".notes/n.md": "", "drafts/d.md": "", "a/drafts/e.md": "",
		"keep.log": "", "drop.log": "", "a/local.log": "", "only/here/f.txt": "", "x/only/here/f.txt": "",
		".cultivarignore":   "# comment\n\n*.log\n!keep.log\ndrafts/\n/only/here\n",
		"a/.cultivarignore": "!local.log\ny.*\n",
	})
	outside := filepath.Join(t.TempDir(), "secret.md")
	if err := os.WriteFile(outside, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link.md")); err != nil {
		t.Fatal(err)
	}
	want := []string{"a/deep/x.md", "a/local.log", "a/z.md", "b.md", "keep.log", "x/only/here/f.txt"}
	if got := list(t, dir, DefaultConfig()); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	cfg := DefaultConfig()
	cfg.Hidden, cfg.Ignore = true, []string{"a", "x", "*.log"}
	want = []string{".hidden.md", ".notes/n.md", "b.md", "keep.log"}
	if got := list(t, dir, cfg); !slices.Equal(got, want) {
		t.Errorf("hidden: got %q, want %q", got, want)
	}
}

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		line, path string
		dir, want  bool
	}{
		{"*.md", "a/b/c.md", false, true},
		{"/*.md", "a/c.md", false, false},
		{"/*.md", "c.md", false, true},
		{"a/**/z", "a/z", false, true},
		{"a/**/z", "a/b/c/z", false, true},
		{"a/**", "a", true, false},
		{"a/**", "a/b", false, true},
		{"**/z", "z", false, true},
		{"b/", "a/b", false, false},
		{"b/", "a/b", true, true},
		{"[ab]?.txt", "b1.txt", false, true},
		{"[ab]?.txt", "c1.txt", false, false},
	} {
		p, ok, err := parsePattern(c.line)
		if err != nil || !ok {
			t.Fatalf("%q: %v", c.line, err)
		}
		if got := p.match(strings.Split(c.path, "/"), c.dir); got != c.want {
			t.Errorf("%q on %q (dir %v) = %v", c.line, c.path, c.dir, got)
		}
	}
}

func TestErrors(t *testing.T) {
	if _, err := OpenDir("s", filepath.Join(t.TempDir(), "none"), DefaultConfig()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing folder: %v", err)
	}
	dir := plant(t, map[string]string{".cultivarignore": "a\n[bad\n"})
	d, err := OpenDir("s", dir, DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, err := range d.Files(context.Background()) {
		if err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("malformed pattern: %v", err)
		}
	}
	cfg := Config{Ignore: []string{"ok", "[bad"}}
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "ignore[1]") || !strings.Contains(err.Error(), "max_file_bytes") {
		t.Errorf("validate: %v", err)
	}
}

func TestSingleFileAndSizeCap(t *testing.T) {
	dir := plant(t, map[string]string{"a.md": "12345", "b.md": ""})
	d, err := OpenDir("s", filepath.Join(dir, "a.md"), DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	n := 0
	for f, err := range d.Files(context.Background()) {
		n++
		if err != nil || f.Path != "a.md" {
			t.Fatalf("%v %v", f.Path, err)
		}
		if data, err := f.Read(5); err != nil || string(data) != "12345" {
			t.Errorf("read: %q %v", data, err)
		}
		var big *TooLargeError
		if _, err := f.Read(4); !errors.As(err, &big) || big.Size != 5 {
			t.Errorf("cap: %v", err)
		}
		f.Size = 0 // as if the file had grown since it was listed
		if _, err := f.Read(4); !errors.As(err, &big) {
			t.Errorf("grown: %v", err)
		}
	}
	if n != 1 {
		t.Errorf("%d files", n)
	}
}

func FuzzPattern(f *testing.F) {
	f.Add("**/a*/[b-", "a/b")
	f.Add("!x/", "x")
	f.Fuzz(func(t *testing.T, line, path string) {
		p, ok, err := parsePattern(line)
		if ok && err == nil && len(p.segments) < 16 && len(path) < 64 {
			p.match(strings.Split(path, "/"), false)
		}
	})
}

// What is left out is counted, each time anew, and version control is nobody's documents.
func TestLeft(t *testing.T) {
	dir := plant(t, map[string]string{
		"a.md": "", ".note.md": "", ".plans/may.md": "", ".plans/june.md": "", "old.tmp": "", ".git/config": "", ignoreName: "*.tmp\n",
	})
	if err := os.Symlink("a.md", filepath.Join(dir, "link.md")); err != nil {
		t.Fatal(err)
	}
	d, err := OpenDir("s", dir, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for range 2 {
		for _, err := range d.Files(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
		}
		if got, want := d.Left(), (Left{Hidden: 2, Ignored: 1, Special: 1}); got != want {
			t.Errorf("left out %+v, want %+v", got, want)
		}
	}
}
