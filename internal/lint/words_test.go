package lint_test

import (
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// vague names say nothing about what lives in a package, so that everything ends up there.
var vague = []string{"util", "utils", "common", "helper", "helpers", "types", "manager", "misc", "shared"}

// unfinished marks what is not done: an issue says it better, with who and why.
var unfinished = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X|HA` + `CK)\b`)

// platformMath differs between architectures, by assembly or by fused instructions; results that
// are promised to the bit come from internal/kernels/vec (docs/numerics.md).
var platformMath = []string{
	"Acos", "Asin", "Atan", "Atan2", "Cbrt", "Cos", "Cosh", "Erf", "Erfc", "Exp", "Exp2", "Expm1", "Gamma", "Hypot",
	"Log", "Log10", "Log1p", "Log2", "Pow", "Sin", "Sincos", "Sinh", "Tan", "Tanh",
}

// exactMath lists where arithmetic happens whose results are promised to the bit.
var exactMath = []string{"internal/kernels/...", "internal/rng", "internal/dtype", "trainer/..."}

// platformMathAllowed lists files of exactMath that use such functions all the same, and why.
var platformMathAllowed = map[string]string{
	"trainer/generate/generate.go": "sampling in float64: what is drawn is promised per machine only",
	"trainer/nn/rope.go":           "inverse frequencies in float64, before they are rounded",
}

// impossible lists functions that panic on an error which only a bug in this project can cause.
var impossible = map[string]string{
	"adapters/card.literal":          "encodes a string",
	"internal/corpus.mustParse":      "reads embedded files",
	"internal/safetensors.writeJSON": "encodes strings and integers",
}

func TestPackageNames(t *testing.T) {
	for _, pkg := range packages(sources(t)) {
		if slices.Contains(vague, path.Base(pkg)) {
			t.Errorf("%s: name the package after what it holds", pkg)
		}
	}
}

func TestForbidden(t *testing.T) {
	for _, f := range sources(t) {
		for _, group := range f.ast.Comments {
			for _, c := range group.List {
				if m := unfinished.FindString(c.Text); m != "" {
					t.Errorf("%s: %s in a comment: do it, or open an issue", at(c.Pos()), m)
				}
			}
		}
		if f.test || f.generated {
			continue
		}
		for _, d := range f.ast.Decls {
			checkDecl(t, f, d)
		}
	}
}

func checkDecl(t *testing.T, f *source, d ast.Decl) {
	t.Helper()
	in := f.pkg
	if fn, ok := d.(*ast.FuncDecl); ok {
		in += "." + receiver(fn) + fn.Name.Name
	}
	ast.Inspect(d, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			checkCall(t, f, in, n)
		case *ast.BasicLit:
			checkLiteral(t, n)
		}
		return true
	})
}

func checkCall(t *testing.T, f *source, in string, call *ast.CallExpr) {
	t.Helper()
	pkg, name := callee(call)
	switch {
	case pkg == "fmt" && strings.HasPrefix(name, "Print"):
		t.Errorf("%s: fmt.%s in a library: write to an io.Writer that is handed in", at(call.Pos()), name)
	case pkg == "" && (name == "print" || name == "println"):
		t.Errorf("%s: %s is for debugging", at(call.Pos()), name)
	case pkg == "os" && name == "Exit" && !within(f.pkg, "cmd/cultivar", "cmd/seedling", "bench/...", "store/storetest/..."):
		t.Errorf("%s: only main ends the process", at(call.Pos()))
	case pkg == "" && name == "panic" && len(call.Args) == 1 && isError(call.Args[0]) && impossible[in] == "":
		t.Errorf("%s: panic on an error: return it; panics are for bugs, and say which", at(call.Pos()))
	case pkg == "math" && slices.Contains(platformMath, name) && within(f.pkg, exactMath...) && platformMathAllowed[f.path] == "":
		t.Errorf("%s: math.%s differs between architectures: use internal/kernels/vec", at(call.Pos()), name)
	case within(pkg, "errors", "fmt") && within(name, "New", "Errorf") && len(call.Args) > 0:
		checkErrorText(t, call.Args[0])
	}
}

// callee splits a call of pkg.Name or name.
func callee(call *ast.CallExpr) (pkg, name string) {
	switch fun := call.Fun.(type) {
	case *ast.Ident:
		return "", fun.Name
	case *ast.SelectorExpr:
		if x, ok := fun.X.(*ast.Ident); ok {
			return x.Name, fun.Sel.Name
		}
	}
	return "?", ""
}

func isError(e ast.Expr) bool {
	id, ok := e.(*ast.Ident)
	return ok && (id.Name == "err" || strings.HasSuffix(id.Name, "Err"))
}

// errorName is what a first word in capitals may be: a name, an abbreviation, a place in a format.
var errorName = regexp.MustCompile(`^([A-Z][A-Za-z0-9]*[A-Z0-9]|[A-Z]\b|[A-Z][a-z]+[-./:_])`)

// checkErrorText holds the texts of errors to the house's form: what was being done, lower case,
// nothing that every layer would add again.
func checkErrorText(t *testing.T, e ast.Expr) {
	t.Helper()
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return
	}
	text := strings.Trim(lit.Value, "\"`")
	if text == "" {
		t.Errorf("%s: an error without text", at(lit.Pos()))
		return
	}
	if c := text[0]; c >= 'A' && c <= 'Z' && !errorName.MatchString(text) && !properNoun[strings.FieldsFunc(text, notLetter)[0]] {
		t.Errorf("%s: error text starts with a capital: %.40s", at(lit.Pos()), text)
	}
	if strings.HasSuffix(text, ".") || strings.HasSuffix(text, "!") {
		t.Errorf("%s: error text ends with a full stop: %s", at(lit.Pos()), text)
	}
}

var properNoun = map[string]bool{"Parquet": true, "Unicode": true, "Arrow": true, "Jinja": true}

func notLetter(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') }

func checkLiteral(t *testing.T, lit *ast.BasicLit) {
	t.Helper()
	if lit.Kind != token.STRING {
		return
	}
	for _, phrase := range []string{"failed to ", "unable to ", "error while "} {
		if strings.Contains(strings.ToLower(lit.Value), phrase) {
			t.Errorf("%s: %q says nothing that an error is not: name the action, %.60s", at(lit.Pos()), strings.TrimSpace(phrase), lit.Value)
		}
	}
}
