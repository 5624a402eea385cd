package lint_test

import (
	"go/ast"
	"strings"
	"testing"
)

// TestPackageComments: every package says once what lives in it.
func TestPackageComments(t *testing.T) {
	comments := make(map[string]int)
	for _, f := range sources(t) {
		if f.test && f.pkg != "internal/lint" {
			continue
		}
		if doc := f.ast.Doc.Text(); doc != "" {
			comments[f.pkg]++
			if name := f.ast.Name.Name; name != "main" && f.pkg != "internal/lint" && !strings.HasPrefix(doc, "Package "+name+" ") {
				t.Errorf("%s: the package comment begins %.30q, want %q", f.path, doc, "Package "+name)
			}
		}
	}
	for _, pkg := range packages(sources(t)) {
		switch comments[pkg] {
		case 0:
			t.Errorf("%s has no package comment: what lives here, what does not", pkg)
		case 1:
		default:
			t.Errorf("%s has %d package comments: keep one", pkg, comments[pkg])
		}
	}
}

// TestDocs: everything that a package offers to others is described.
func TestDocs(t *testing.T) {
	for _, f := range sources(t) {
		if f.test || f.generated {
			continue
		}
		for _, d := range f.ast.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				checkFuncDoc(t, d)
			case *ast.GenDecl:
				checkDeclDoc(t, d)
			}
		}
	}
}

// selfEvident methods implement interfaces that everybody knows.
var selfEvident = map[string]bool{
	"String": true, "Error": true, "Unwrap": true, "Is": true, "As": true, "Len": true, "Less": true, "Swap": true, "Push": true, "Pop": true,
	"Read": true, "Write": true, "Close": true, "ReadAt": true, "Seek": true, "Name": true,
	"MarshalJSON": true, "UnmarshalJSON": true, "MarshalText": true, "UnmarshalText": true, "MarshalYAML": true, "UnmarshalYAML": true,
	"Format": true, "GoString": true, "LogValue": true, "RoundTrip": true, "ServeHTTP": true,
}

func checkFuncDoc(t *testing.T, fn *ast.FuncDecl) {
	t.Helper()
	name := fn.Name.Name
	if !ast.IsExported(name) || fn.Doc.Text() != "" {
		return
	}
	recv := strings.TrimSuffix(receiver(fn), ".")
	if recv != "" && (!ast.IsExported(recv) || selfEvident[name]) {
		return
	}
	t.Errorf("%s: exported %s%s has no comment", at(fn.Pos()), receiver(fn), name)
}

// checkDeclDoc accepts a comment on the group, above the name or behind it on its line, or one in
// the group that speaks of the name.
func checkDeclDoc(t *testing.T, d *ast.GenDecl) {
	t.Helper()
	var said strings.Builder
	for _, spec := range d.Specs {
		if s, ok := spec.(*ast.ValueSpec); ok {
			said.WriteString(s.Doc.Text())
		}
	}
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			if ast.IsExported(s.Name.Name) && d.Doc.Text()+s.Doc.Text()+s.Comment.Text() == "" {
				t.Errorf("%s: exported type %s has no comment", at(s.Pos()), s.Name.Name)
			}
		case *ast.ValueSpec:
			for _, n := range s.Names {
				commented := d.Doc.Text()+s.Doc.Text()+s.Comment.Text() != "" || strings.Contains(said.String(), n.Name)
				if ast.IsExported(n.Name) && !commented {
					t.Errorf("%s: exported %s has no comment", at(n.Pos()), n.Name)
				}
			}
		}
	}
}
