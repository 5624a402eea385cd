package lint_test

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Limits of a package: what one can keep in one's head, and what one can know of the house.
const (
	maxPackage = 2000 // lines that are neither tests nor generated
	maxImports = 25   // packages of this module
)

// largeByNature are packages of many small things that belong together, each read by itself.
var largeByNature = []string{"internal/kernels/...", "datasets/tokenizer", "datasets/chat/jinja", "trainer/ops"}

func TestPackageSize(t *testing.T) {
	lines, imports := make(map[string]int), make(map[string][]string)
	for _, f := range sources(t) {
		if f.test || f.generated {
			continue
		}
		lines[f.pkg] += f.lines()
		for _, imp := range f.imports() {
			if pkg, ours := inModule(imp); ours && !slices.Contains(imports[f.pkg], pkg) {
				imports[f.pkg] = append(imports[f.pkg], pkg)
			}
		}
	}
	for pkg, n := range lines {
		if n > maxPackage && !within(pkg, largeByNature...) {
			t.Errorf("%s has %d lines, more than %d: cut it where the subject changes", pkg, n, maxPackage)
		}
		if n := len(imports[pkg]); n > maxImports {
			t.Errorf("%s imports %d packages of this module, more than %d", pkg, n, maxImports)
		}
	}
}

// flagName is how a flag of the command line looks within a text.
var flagName = regexp.MustCompile(`(^|[\s"'(=,` + "`" + `])--[a-z][a-z-]+`)

// flagsBelow are files outside of cmd that name flags all the same, for the reason given.
var flagsBelow = map[string]string{
	"adapters/servable/servable.go": "vLLM's own flags",
	"internal/gguf/parse.go":        "a tool of llama.cpp's, with its flag",
}

// TestFlagsBelow: rooms serve every door, so none may speak the words of the command line.
func TestFlagsBelow(t *testing.T) {
	used := make(map[string]bool)
	for _, f := range sources(t) {
		if f.test || within(f.pkg, "cmd/...", "bench/...", "store/storetest/...") {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING || !flagName.MatchString(lit.Value) {
				return true
			}
			used[f.path] = true
			if flagsBelow[f.path] == "" {
				t.Errorf("%s: a flag named below cmd: say what is wrong, and let cmd say which flag mends it: %.80s", at(lit.Pos()), lit.Value)
			}
			return true
		})
	}
	for path, reason := range flagsBelow {
		if !used[path] {
			t.Errorf("%s needs no exception any more (%s)", path, reason)
		}
	}
}

func TestFlagName(t *testing.T) {
	for text, want := range map[string]bool{
		`"use --memory"`: true, `"--out is there"`: true, "`a --b-c`": true,
		`"a -- b"`: false, `"---"`: false, `"x--y"`: false, `"-----BEGIN KEY"`: false,
	} {
		if flagName.MatchString(text) != want {
			t.Errorf("%s: a flag is %v", text, !want)
		}
	}
}

// TestNoImportCircle follows imports between the rooms' trees: packages cannot import each other in a
// circle, but rooms could, one package here and another there.
func TestNoImportCircle(t *testing.T) {
	graph := make(map[string]map[string]string) // room → room → the import
	for _, f := range sources(t) {
		if f.test {
			continue
		}
		from, _, _ := strings.Cut(f.pkg, "/")
		for _, imp := range f.imports() {
			pkg, ours := inModule(imp)
			to, _, _ := strings.Cut(pkg, "/")
			// The foundation's two packages of files know the vocabulary of rows.
			if !ours || to == from || from == "internal" && pkg == "datasets" {
				continue
			}
			if graph[from] == nil {
				graph[from] = make(map[string]string)
			}
			graph[from][to] = f.path + " imports " + pkg
		}
	}
	for room := range graph {
		if chain := circle(graph, room, room, map[string]bool{}); chain != nil {
			t.Errorf("rooms import each other: %s", strings.Join(chain, "; "))
		}
	}
}

// circle finds a way from a room back to the first.
func circle(graph map[string]map[string]string, first, room string, seen map[string]bool) []string {
	seen[room] = true
	for next, how := range graph[room] {
		if next == first {
			return []string{how}
		}
		if seen[next] {
			continue
		}
		if chain := circle(graph, first, next, seen); chain != nil {
			return append([]string{how}, chain...)
		}
	}
	return nil
}
