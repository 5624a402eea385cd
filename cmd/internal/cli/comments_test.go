package cli

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/internal/testkit"
)

// readComments reads what the fields of all structs of this module mean, by package, type and field.
func readComments(t *testing.T) map[string]string {
	t.Helper()
	root, list, set := testkit.Root(t), make(map[string]string), token.NewFileSet()
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); name == "testdata" || name == "tools" || p != root && strings.HasPrefix(name, ".") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(set, p, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, filepath.Dir(p))
		addComments(list, path.Join("github.com/cultivar/cultivar", filepath.ToSlash(rel)), file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func addComments(list map[string]string, pkg string, file *ast.File) {
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		s, ok := spec.Type.(*ast.StructType)
		if !ok {
			return false
		}
		for _, f := range s.Fields.List {
			text := f.Doc.Text() + f.Comment.Text()
			for _, name := range f.Names {
				list[pkg+"."+spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(text), " ")
			}
		}
		return true
	})
}
