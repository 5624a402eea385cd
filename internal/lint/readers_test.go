package lint_test

import (
	"go/ast"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// tools/readers.txt names every function that is given what somebody else wrote, with the fuzz target that tries it, or
// the reason why none does. The fuzzing step of .ci/run walks it. A line is "package Function package FuzzTarget" or
// "package Function - reason".

// reading are packages in which an exported function of such a name and parameters is a reader: those that see files
// from outside, or from a store that others write to.
var reading = []string{
	"internal/safetensors", "internal/gguf", "internal/yamlerr", "internal/strictjson", "internal/bounded", "bases/...",
	"datasets/...", "pipeline/...", "adapters/...", "store/...", "workflows/spec", "trainer/checkpoint",
}

// readerName is what readers are called; the parameters decide the rest.
var readerName = regexp.MustCompile(`^(Parse|Read|Open|Load|Decode|From|Extract$|Rows$|Check$|Members$|Is$)`)

type reader struct{ pkg, fn, in, target string }

// TestReaders: no reader is forgotten, none is listed that is not there, and each has a target that is.
func TestReaders(t *testing.T) {
	listed := map[string][]reader{} // by the reader; several targets may try one
	for _, r := range readers(t) {
		listed[r.pkg+" "+r.fn] = append(listed[r.pkg+" "+r.fn], r)
	}
	targets, found := map[string]bool{}, map[string]bool{}
	for _, f := range sources(t) {
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			switch {
			case !ok:
			case f.test && strings.HasPrefix(fn.Name.Name, "Fuzz"):
				targets[f.pkg+" "+fn.Name.Name] = true
			case !f.test && within(f.pkg, reading...) && isReader(fn):
				found[f.pkg+" "+receiver(fn)+fn.Name.Name] = true
			}
		}
	}
	for name := range found {
		if listed[name] == nil {
			t.Errorf("%s reads what others write and is not in tools/readers.txt", name)
		}
	}
	for name, list := range listed {
		if !found[name] {
			t.Errorf("tools/readers.txt: there is no reader %s", name)
		}
		for _, r := range list {
			if r.in != "-" && !targets[r.in+" "+r.target] {
				t.Errorf("tools/readers.txt: %s has no fuzz target %s in %s", name, r.target, r.in)
			}
		}
	}
}

func readers(t *testing.T) []reader {
	t.Helper()
	text, err := os.ReadFile("../../tools/readers.txt")
	if err != nil {
		t.Fatal(err)
	}
	var list []reader
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.SplitN(line, " ", 4)
		if len(f) != 4 || f[3] == "" {
			t.Fatalf("tools/readers.txt: %q has not four parts", line)
		}
		list = append(list, reader{f[0], f[1], f[2], f[3]})
	}
	return list
}

// isReader tells by the name, and by a parameter that is content or says where it lies.
func isReader(fn *ast.FuncDecl) bool {
	if !fn.Name.IsExported() || !readerName.MatchString(fn.Name.Name) || fn.Recv != nil && !ast.IsExported(receiver(fn)) {
		return false
	}
	for _, p := range fn.Type.Params.List {
		switch kind := p.Type.(type) {
		case *ast.ArrayType:
			if e, ok := kind.Elt.(*ast.Ident); ok && e.Name == "byte" {
				return true
			}
		case *ast.SelectorExpr:
			if slices.Contains([]string{"Reader", "ReaderAt", "ReadSeeker", "RawMessage", "Input"}, kind.Sel.Name) {
				return true
			}
		case *ast.Ident:
			if slices.Contains([]string{"string", "Input"}, kind.Name) {
				return true
			}
		}
	}
	return false
}
