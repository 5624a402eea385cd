package lint_test

import (
	"cmp"
	"fmt"
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// Limits in lines. What is good is far below: half of the files under 150, half of the functions
// under 12.
const (
	maxSource       = 600
	maxTest         = 900
	maxFunction     = 80
	maxTestFunction = 120
)

// longFiles may be longer, for the reason given.
var longFiles = map[string]string{}

// longFunctions may be longer, for the reason given: functions that are read from top to bottom
// and would only be scattered by cutting.
var longFunctions = map[string]string{}

func TestFileSize(t *testing.T) {
	files := slices.DeleteFunc(slices.Clone(sources(t)), func(f *source) bool { return f.generated })
	slices.SortFunc(files, func(a, b *source) int { return cmp.Compare(b.lines(), a.lines()) })
	for _, f := range files {
		limit := maxSource
		if f.test {
			limit = maxTest
		}
		if f.lines() > limit && longFiles[f.path] == "" {
			t.Errorf("%s has %d lines, more than %d: cut it where the subject changes", f.path, f.lines(), limit)
		}
	}
	t.Logf("%d files; median %d lines, ninth decile %d", len(files), files[len(files)/2].lines(), files[len(files)/10].lines())
	for _, f := range files[:5] {
		t.Logf("%5d %s", f.lines(), f.path)
	}
}

// function is a declaration with a body, and its length including the line of its signature.
type function struct {
	name  string // pkg.Func or pkg.Type.Method
	pos   string
	lines int
	test  bool
}

func TestFunctionLength(t *testing.T) {
	var list []function
	for _, f := range sources(t) {
		if !f.generated {
			list = append(list, functions(f)...)
		}
	}
	slices.SortFunc(list, func(a, b function) int { return cmp.Compare(b.lines, a.lines) })
	for _, f := range list {
		limit := maxFunction
		if f.test {
			limit = maxTestFunction
		}
		if f.lines > limit && longFunctions[f.name] == "" {
			t.Errorf("%s: %s has %d lines, more than %d", f.pos, f.name, f.lines, limit)
		}
	}
	for name, reason := range longFunctions {
		if !slices.ContainsFunc(list, func(f function) bool { return f.name == name && f.lines > maxFunction }) {
			t.Errorf("%s needs no exception any more (%s)", name, reason)
		}
	}
	t.Logf("%d functions; median %d lines, ninth decile %d", len(list), list[len(list)/2].lines, list[len(list)/10].lines)
	for _, f := range list[:5] {
		t.Logf("%5d %s", f.lines, f.name)
	}
}

func functions(f *source) []function {
	var list []function
	for _, d := range f.ast.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		from, to := fset.Position(fn.Pos()), fset.Position(fn.End())
		list = append(list, function{
			name: f.pkg + "." + receiver(fn) + fn.Name.Name, pos: at(fn.Pos()),
			lines: to.Line - from.Line + 1, test: f.test,
		})
	}
	return list
}

// receiver returns "Type." for methods, "" for functions.
func receiver(fn *ast.FuncDecl) string {
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return ""
	}
	switch x := unpointer(fn.Recv.List[0].Type).(type) {
	case *ast.Ident:
		return x.Name + "."
	case *ast.IndexExpr: // generic with one parameter
		return fmt.Sprint(x.X) + "."
	case *ast.IndexListExpr:
		return fmt.Sprint(x.X) + "."
	}
	return ""
}

func unpointer(e ast.Expr) ast.Expr {
	if p, ok := e.(*ast.StarExpr); ok {
		return p.X
	}
	return e
}

// TestInterfaceSize keeps interfaces small: an optional ability is a second interface.
func TestInterfaceSize(t *testing.T) {
	const limit = 12
	for _, f := range sources(t) {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			s, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			i, ok := s.Type.(*ast.InterfaceType)
			if ok && len(i.Methods.List) > limit && !strings.HasSuffix(f.path, "_test.go") {
				t.Errorf("%s: interface %s has %d methods, more than %d", at(s.Pos()), s.Name.Name, len(i.Methods.List), limit)
			}
			return true
		})
	}
}
