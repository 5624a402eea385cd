// Package lint holds the rules of this project that the compiler does not know: who may import whom,
// how long things may be, which words stay out, what must be documented. They are tests, so that
// breaking one fails the same command as breaking anything else, with what to do instead.
//
// The rules read the source with go/parser, whatever its build constraints, so that files for other
// systems are held to them too. There is no product code here, and nothing may import it.
package lint_test

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/cultivar/cultivar/internal/testkit"
)

const module = "github.com/cultivar/cultivar"

// source is one Go file of the main module.
type source struct {
	path      string // from the repository's root, with slashes
	pkg       string // its directory, "." never occurs
	test      bool
	generated bool
	text      []byte
	ast       *ast.File
}

// lines counts lines as wc -l does.
func (s *source) lines() int { return bytes.Count(s.text, []byte("\n")) }

// imports lists the import paths of the file.
func (s *source) imports() []string {
	var list []string
	for _, i := range s.ast.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err == nil {
			list = append(list, p)
		}
	}
	return list
}

var fset = token.NewFileSet()

// load parses every Go file of the main module once for all tests.
var load = sync.OnceValues(func() ([]*source, error) {
	root, err := findRoot()
	if err != nil {
		return nil, err
	}
	var list []*source
	err = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skipDir(root, p, d)
		}
		if filepath.Ext(p) != ".go" {
			return nil
		}
		s, err := parse(root, p)
		if err == nil {
			list = append(list, s)
		}
		return err
	})
	return list, err
})

// skipDir leaves out what the go tool leaves out, and modules of their own.
func skipDir(root, p string, d fs.DirEntry) error {
	name := d.Name()
	if p != root && (name == "testdata" || name[0] == '.' || name[0] == '_') {
		return filepath.SkipDir
	}
	if _, err := os.Stat(filepath.Join(p, "go.mod")); err == nil && p != root {
		return filepath.SkipDir
	}
	return nil
}

func parse(root, p string) (*source, error) {
	text, err := os.ReadFile(p)
	if err != nil {
		return nil, err
	}
	rel, err := filepath.Rel(root, p)
	if err != nil {
		return nil, err
	}
	rel = filepath.ToSlash(rel)
	file, err := parser.ParseFile(fset, rel, text, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	return &source{
		path: rel, pkg: path.Dir(rel), test: strings.HasSuffix(rel, "_test.go"),
		generated: ast.IsGenerated(file), text: text, ast: file,
	}, nil
}

// findRoot is testkit.Root for code that has no test at hand.
func findRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("no go.mod above the test's directory")
		}
		dir = filepath.Dir(dir)
	}
}

// sources returns all files of the main module.
func sources(t *testing.T) []*source {
	t.Helper()
	list, err := load()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 100 {
		t.Fatalf("found %d Go files below %s: the rules would hold for nothing", len(list), testkit.Root(t))
	}
	return list
}

// within tells whether a package is one of the patterns: "store" is that package alone,
// "store/..." that package and all below it.
func within(pkg string, patterns ...string) bool {
	for _, p := range patterns {
		if tree, ok := strings.CutSuffix(p, "/..."); ok && (pkg == tree || strings.HasPrefix(pkg, tree+"/")) {
			return true
		}
		if pkg == p {
			return true
		}
	}
	return false
}

// at names a place for messages.
func at(pos token.Pos) string {
	p := fset.Position(pos)
	return fmt.Sprintf("%s:%d", p.Filename, p.Line)
}

// inModule cuts the module's path off an import path.
func inModule(imp string) (pkg string, ok bool) { return strings.CutPrefix(imp, module+"/") }

// packages lists the packages with files that are not tests, sorted.
func packages(files []*source) []string {
	var list []string
	for _, f := range files {
		if !f.test {
			list = append(list, f.pkg)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func TestWithin(t *testing.T) {
	for _, c := range []struct {
		pkg, pattern string
		want         bool
	}{
		{"store", "store", true},
		{"store/s3", "store", false},
		{"store/s3", "store/...", true},
		{"store", "store/...", true},
		{"storetest", "store/...", false},
	} {
		if got := within(c.pkg, c.pattern); got != c.want {
			t.Errorf("within(%s, %s) = %v", c.pkg, c.pattern, got)
		}
	}
}
