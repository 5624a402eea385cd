// Package testkit finds the files that tests read.
package testkit

import (
	"os"
	"path/filepath"
	"testing"
)

// SharedEnv overrides where reference files are looked for.
const SharedEnv = "CULTIVAR_SHARED"

// Root is the repository's root: the nearest directory above the test's that holds go.mod.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the test's directory")
		}
		dir = parent
	}
}

// Shared returns the path of a reference file or directory that is too large, or not ours, to be
// part of the repository: below $CULTIVAR_SHARED or the directory "shared" beside the repository.
// Where it does not exist the test is skipped.
func Shared(t testing.TB, elem ...string) string {
	t.Helper()
	root := os.Getenv(SharedEnv)
	if root == "" {
		root = filepath.Join(filepath.Dir(Root(t)), "shared")
	}
	path := filepath.Join(append([]string{root}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("reference file is not here (set %s): %v", SharedEnv, err)
	}
	return path
}

// Read returns the content of a file.
func Read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// CopyDir copies the regular files of a flat directory into a new temporary one, for tests that
// damage or extend them.
func CopyDir(t testing.TB, from string) string {
	t.Helper()
	to := t.TempDir()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		if err := os.WriteFile(filepath.Join(to, e.Name()), Read(t, filepath.Join(from, e.Name())), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return to
}
