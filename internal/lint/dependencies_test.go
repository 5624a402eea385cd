package lint_test

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/internal/testkit"
)

// unlinked must not be part of the binary: what only tests and generators use, and what needs cgo.
var unlinked = []string{
	"testing", "runtime/cgo",
	"gorgonia.org/cu",
	"github.com/mmcloughlin/avo",
	"github.com/invopop/jsonschema",
	"github.com/rogpeppe/go-internal",
	"github.com/versity/versitygw",
	module + "/internal/testkit", module + "/internal/cpu/cputest", module + "/store/storetest", module + "/bases/hub/hubtest",
}

// TestBinary asks the go tool what the binary is linked from, libraries of libraries included.
func TestBinary(t *testing.T) {
	root := testkit.Root(t)
	list := exec.Command("go", "list", "-deps", "./cmd/cultivar")
	list.Dir = root
	list.Env = append(os.Environ(), "CGO_ENABLED=0")
	var stderr bytes.Buffer
	list.Stderr = &stderr
	out, err := list.Output()
	if err != nil {
		if _, missing := exec.LookPath("go"); missing != nil {
			t.Skip("no go tool to ask what the binary is linked from")
		}
		t.Fatalf("list what the binary is linked from: %v\n%s", err, stderr.Bytes())
	}
	linked := strings.Fields(string(out))
	if len(linked) < 100 {
		t.Fatalf("only %d packages are linked", len(linked))
	}
	for _, pkg := range linked {
		for _, u := range unlinked {
			if pkg == u || strings.HasPrefix(pkg, u+"/") {
				t.Errorf("the binary links %s", pkg)
			}
		}
	}
}

// TestDependencies: every library that is imported has its row, and every row its library.
func TestDependencies(t *testing.T) {
	root := testkit.Root(t)
	modules := required(t, filepath.Join(root, "go.mod"))
	used := make(map[string]string)
	for _, f := range sources(t) {
		for _, imp := range f.imports() {
			if m := owner(modules, imp); m != "" {
				used[m] = f.path
			}
		}
	}
	rows := documented(t, filepath.Join(root, "docs", "dependencies.md"))
	for m, file := range used {
		switch rows[m] {
		case "":
			t.Errorf("%s imports %s %s, which has no row in docs/dependencies.md", file, m, modules[m])
		case modules[m]:
		default:
			t.Errorf("docs/dependencies.md says %s %s, go.mod %s", m, rows[m], modules[m])
		}
	}
	for m := range rows {
		if used[m] == "" {
			t.Errorf("docs/dependencies.md has a row for %s, which nothing imports", m)
		}
	}
	if len(used) < 10 {
		t.Errorf("found only %d libraries", len(used))
	}
}

// required reads the modules of go.mod and their versions.
func required(t *testing.T, name string) map[string]string {
	t.Helper()
	list := make(map[string]string)
	for scan := bufio.NewScanner(bytes.NewReader(testkit.Read(t, name))); scan.Scan(); {
		fields := strings.Fields(strings.TrimPrefix(scan.Text(), "require "))
		if len(fields) >= 2 && strings.Contains(fields[0], ".") && strings.HasPrefix(fields[1], "v") {
			list[fields[0]] = fields[1]
		}
	}
	return list
}

// owner returns the module that holds an import path: the longest that is a prefix.
func owner(modules map[string]string, imp string) string {
	best := ""
	for m := range modules {
		if (imp == m || strings.HasPrefix(imp, m+"/")) && len(m) > len(best) {
			best = m
		}
	}
	return best
}

// documented reads the rows "| `module` | version | …" of the tables whose modules are imported by
// the main module: those above the heading "Tools".
func documented(t *testing.T, name string) map[string]string {
	t.Helper()
	text, _, found := strings.Cut(string(testkit.Read(t, name)), "\n## Tools\n")
	if !found {
		t.Fatalf("%s has no heading Tools", name)
	}
	rows := make(map[string]string)
	for line := range strings.Lines(text) {
		if cells := strings.Split(line, "|"); len(cells) > 3 && strings.HasPrefix(cells[1], " `") {
			rows[strings.Trim(cells[1], " `")] = strings.TrimSpace(cells[2])
		}
	}
	return rows
}
