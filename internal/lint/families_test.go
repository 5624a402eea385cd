package lint_test

import (
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// familiesRoot holds a package for each family of models. All that is particular to one stands there; the
// explicit list beside them is the only other place that names any.
const familiesRoot = "trainer/model"

// familyNamesAllowed are where a family's name is another thing's. Tests and comments may name any.
var familyNamesAllowed = []struct{ where, why string }{
	{"trainer/families", "the explicit list"},
	{"datasets/tokenizer/...", "names of tokenizers and of values of GGUF's tokenizer.ggml.pre: a family has several, and families share them"},
	{"workflows/pretraining/pretraining.go", "the base that it makes is of a family, and says so in its config.json"},
	{"trainer/scratch", "it makes models of one family, whose weights it asks that family for"},
	{"pipeline/redact/phone.go", "to call, in Spanish"},
	{"bench/...", "what is measured are models of families"},
}

// otherWords hold a family's name and are none.
var otherWords = regexp.MustCompile(`(?i)llama\.?cpp|llama-gguf-split|llama_?3(_|\b)|llama_?4_scaling|asLlama3|llama3Factors|llama4Scaling|mistral.?common`)

// familyWord is what a name looks like.
var familyWord = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// familyWords are what names a family: that of its package, and what its files call it.
func familyWords(t *testing.T) map[string]string {
	t.Helper()
	words := map[string]string{} // the folder, by word
	for _, f := range sources(t) {
		if f.test || path.Dir(f.pkg) != familiesRoot {
			continue
		}
		words[path.Base(f.pkg)] = f.pkg
		ast.Inspect(f.ast, func(n ast.Node) bool {
			var value ast.Expr
			switch n := n.(type) {
			case *ast.KeyValueExpr:
				if key, ok := n.Key.(*ast.Ident); ok && slices.Contains([]string{"ModelType", "Name", "Untied"}, key.Name) {
					value = n.Value
				}
			case *ast.ValueSpec:
				if len(n.Values) == 1 && strings.Contains(n.Names[0].Name, "Architecture") {
					value = n.Values[0]
				}
			}
			if lit, ok := value.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if word, err := strconv.Unquote(lit.Value); err == nil && familyWord.MatchString(word) {
					words[strings.ToLower(word)] = f.pkg
				}
			}
			return true
		})
	}
	if len(words) < 40 {
		t.Fatalf("%d names of families", len(words))
	}
	return words
}

// TestFamilyNames: what is particular to a family stands in its folder, so that its name is in no code
// elsewhere.
func TestFamilyNames(t *testing.T) {
	words := familyWords(t)
	var list []string
	for w := range words {
		list = append(list, regexp.QuoteMeta(w))
	}
	slices.SortFunc(list, func(a, b string) int { return len(b) - len(a) })
	used := map[string]bool{}
	named := regexp.MustCompile(`(?i)` + strings.Join(list, "|"))
	for _, f := range sources(t) {
		if f.test || f.generated || f.pkg == "internal/lint" || path.Dir(f.pkg) == familiesRoot {
			continue
		}
		allowed := slices.IndexFunc(familyNamesAllowed, func(a struct{ where, why string }) bool { return f.path == a.where || within(f.pkg, a.where) })
		ast.Inspect(f.ast, func(n ast.Node) bool {
			var text string
			switch n := n.(type) {
			case *ast.ImportSpec:
				return false
			case *ast.Ident:
				text = n.Name
			case *ast.BasicLit:
				text = n.Value
			}
			found := named.FindString(otherWords.ReplaceAllString(text, ""))
			switch {
			case found == "":
			case allowed >= 0:
				used[familyNamesAllowed[allowed].where] = true
			default:
				t.Errorf("%s: %s in %.60s: what is particular to a family stands in %s", at(n.Pos()), found, text, words[strings.ToLower(found)])
			}
			return true
		})
	}
	for _, a := range familyNamesAllowed {
		if !used[a.where] {
			t.Errorf("%s names no family any more (%s)", a.where, a.why)
		}
	}
}
