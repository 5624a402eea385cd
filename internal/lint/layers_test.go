package lint_test

import (
	"slices"
	"strings"
	"testing"
)

// layers says which packages of this module a room may import: data flows one way, each arrow is
// one import (docs/architecture.md). The first row whose room holds a package decides; its own room
// is always allowed.
var layers = []struct {
	room  string
	may   []string
	never string // what to do instead
}{
	{"internal/corpus/...", []string{"internal/...", "datasets"}, "it writes rows, and knows their vocabulary only"},
	{"internal/embedded/...", []string{"internal/...", "datasets"}, "it holds files, and knows their vocabulary only"},
	{"internal/kernels/...", []string{"internal/cpu/...", "internal/dtype", "internal/parallel"}, "kernels know slices and shapes, nothing of files or models"},
	{"internal/...", nil, "the foundation knows no room: move the code into the room, or hand in what it needs"},
	{"store/...", []string{"internal/..."}, "a bucket stores bytes and opaque manifests: the caller encodes"},
	{"datasets/...", []string{"store/...", "internal/..."}, "data does not flow back: what it needs is handed in"},
	{"pipeline/...", []string{"datasets/...", "store/...", "internal/..."}, "a pipeline ends at the rows of a dataset"},
	{"bases/...", []string{"datasets/...", "internal/..."}, "a base is opened without knowing who trains on it: families are handed in"},
	{"adapters/...", []string{"bases/...", "datasets/...", "store/...", "internal/..."}, "a reader of adapters must not pull the trainer and its autograd"},
	{"trainer/...", []string{"datasets/...", "adapters/...", "bases/...", "internal/..."}, "readers and writers are handed in by workflows"},
	{"workflows/...", []string{"pipeline/...", "datasets/...", "trainer/...", "adapters/...", "bases/...", "store/...", "internal/..."}, "workflows are called by the doors, never the reverse"},
	{"cmd/...", []string{"workflows/...", "pipeline/...", "datasets/...", "trainer/...", "adapters/...", "bases/...", "store/...", "internal/..."}, ""},
	{"bench/...", []string{"workflows/...", "pipeline/...", "datasets/...", "trainer/...", "adapters/...", "bases/...", "store/...", "internal/..."}, ""},
}

// vocabulary lists the rooms whose root package is their vocabulary: sub-packages import it, never
// the reverse. The roots of pipeline and trainer are the loops that their sub-packages are put into.
var vocabulary = []string{"datasets", "adapters", "store", "workflows"}

// support is for tests alone: none of it may end up in the binary.
var support = []string{"internal/testkit", "internal/cpu/cputest", "store/storetest/...", "bases/hub/hubtest"}

// outside says where each library may be imported. A library that is missing here has not been
// decided on: see docs/dependencies.md, which TestDependencies holds against this.
var outside = []struct {
	library string // prefix of import paths
	where   []string
	tests   bool // tests of any package may import it
}{
	{"github.com/JohannesKaufmann/html-to-markdown/v2", []string{"pipeline/extract/html"}, false},
	{"github.com/apache/arrow-go/v18", []string{"datasets/table"}, true},
	{"github.com/chewxy/hm", []string{"trainer/ops"}, false},
	{"github.com/gabriel-vasile/mimetype", []string{"pipeline/extract"}, false},
	{"github.com/goccy/go-yaml", []string{"cmd/...", "workflows/...", "trainer", "pipeline/extract/markdown", "internal/yamlerr"}, true},
	{"github.com/invopop/jsonschema", nil, true},
	{"github.com/klauspost/compress", []string{"datasets/rows", "pipeline/..."}, false},
	{"github.com/minio/", []string{"store/s3"}, false},
	{"github.com/nyaruka/phonenumbers", []string{"pipeline/redact"}, false},
	{"github.com/parquet-go/parquet-go", []string{"datasets/table/..."}, false},
	{"github.com/rogpeppe/go-internal", nil, true},
	{"github.com/spf13/cobra", []string{"cmd/..."}, false},
	{"github.com/spf13/pflag", []string{"cmd/internal/door"}, false},
	{"github.com/versity/versitygw", []string{"store/storetest/..."}, true},
	{"github.com/zeebo/xxh3", []string{"pipeline/..."}, false},
	{"golang.org/x/net/html", []string{"pipeline/extract/..."}, true},
	{"golang.org/x/sync", []string{"pipeline/...", "store/...", "workflows/...", "datasets/...", "bases/hub"}, false},
	{"golang.org/x/sys", []string{"internal/...", "bases/hub", "store/file", "store/storetest/killpoint", "datasets/catalog", "workflows/..."}, true},
	{"golang.org/x/term", []string{"cmd/internal/door"}, false},
	{"golang.org/x/text", []string{"pipeline/...", "datasets/tokenizer/...", "datasets/chat/...", "datasets/rows", "cmd/internal/door"}, true},
	{"gonum.org/v1/gonum", []string{"internal/kernels/blas"}, false},
	{"gorgonia.org/gorgonia", []string{"trainer/ops", "trainer/nn", "trainer/model/...", "trainer/lora", "trainer/loss", "trainer/optim", "trainer/scratch"}, false},
	{"gorgonia.org/tensor", []string{"internal/kernels/blas", "trainer/ops", "trainer/nn", "trainer/model/...", "trainer/lora", "trainer/loss", "trainer/optim", "trainer/scratch"}, false},
}

// narrow says where packages of the standard library with a wide reach may be imported.
var narrow = []struct {
	std   string
	where []string
	why   string
}{
	{"C", nil, "the binary is built without cgo"},
	{"plugin", nil, "the binary is static"},
	{"encoding/gob", nil, "files are formats that others read"},
	{"log", nil, "use log/slog, handed in"},
	{"math/rand", nil, "use internal/rng, keyed by purpose and position"},
	{"math/rand/v2", []string{"store/..."}, "use internal/rng, keyed by purpose and position"},
	{"net", []string{"store/s3", "store/storetest/...", "bases/hub/...", "cmd/..."}, "nothing phones home: the network is for the store, the hub and the doors"},
	{"net/http", []string{"store/s3", "store/storetest/...", "bases/hub/...", "cmd/..."}, "nothing phones home: the network is for the store, the hub and the doors"},
	{"os/exec", []string{"store/storetest/...", "bench/..."}, "the binary needs nothing beside it"},
	{"testing", support, "test support stays out of the binary"},
	{"unsafe", []string{"internal/mapped", "internal/hugepage", "internal/safetensors", "internal/dtype", "internal/kernels/..."}, "only what maps memory, views of files and kernels may reinterpret memory"},
}

func TestLayers(t *testing.T) {
	for _, f := range sources(t) {
		for _, imp := range f.imports() {
			pkg, ours := inModule(imp)
			switch {
			case ours && within(pkg, support...):
				if !f.test && !within(f.pkg, support...) {
					t.Errorf("%s imports %s, which is for tests", f.path, pkg)
				}
			case ours:
				checkLayer(t, f, pkg)
			case strings.Contains(strings.Split(imp, "/")[0], "."):
				checkOutside(t, f, imp)
			case !f.test:
				checkNarrow(t, f, imp)
			}
		}
	}
}

func checkLayer(t *testing.T, f *source, pkg string) {
	t.Helper()
	for _, l := range layers {
		if !within(f.pkg, l.room) {
			continue
		}
		if !within(pkg, l.room) && !within(pkg, l.may...) {
			t.Errorf("%s imports %s: %s may not (%s)", f.path, pkg, strings.TrimSuffix(l.room, "/..."), l.never)
		}
		if !f.test && slices.Contains(vocabulary, f.pkg) && within(pkg, f.pkg+"/...") {
			t.Errorf("%s imports %s: a room's root is its vocabulary and imports none of its sub-packages", f.path, pkg)
		}
		return
	}
	t.Errorf("%s is in no room: add its folder to docs/architecture.md and to this table, or move it", f.path)
}

func checkOutside(t *testing.T, f *source, imp string) {
	t.Helper()
	known := false
	for _, o := range outside {
		if imp != o.library && !strings.HasPrefix(imp, strings.TrimSuffix(o.library, "/")+"/") {
			continue
		}
		known = true
		if within(f.pkg, o.where...) || f.test && o.tests {
			return
		}
	}
	if !known {
		t.Errorf("%s imports %s, a library nobody has decided on: say why in docs/dependencies.md and where in internal/lint", f.path, imp)
		return
	}
	t.Errorf("%s imports %s, which stays elsewhere (see outside in internal/lint)", f.path, imp)
}

func checkNarrow(t *testing.T, f *source, imp string) {
	t.Helper()
	for _, n := range narrow {
		if imp == n.std && !within(f.pkg, n.where...) {
			t.Errorf("%s imports %s: %s", f.path, imp, n.why)
		}
	}
}

// TestClosure follows imports through this module: what a reader of adapters or of datasets links.
func TestClosure(t *testing.T) {
	graph := make(map[string][]string)
	for _, f := range sources(t) {
		if f.test {
			continue
		}
		graph[f.pkg] = append(graph[f.pkg], f.imports()...)
	}
	for _, c := range []struct{ from, never string }{
		{"adapters/...", "gorgonia.org/"},
		{"datasets/...", "gorgonia.org/"},
		{"store/...", "github.com/parquet-go/"},
		{"trainer/...", "github.com/minio/"},
		{"bases/...", "gorgonia.org/"},
		{"cmd/cultivar", "github.com/versity/"},
	} {
		for pkg := range graph {
			if !within(pkg, c.from) {
				continue
			}
			if chain := reach(graph, pkg, c.never, map[string]bool{}); chain != nil {
				t.Errorf("%s must not link %s: %s", pkg, c.never, strings.Join(chain, " → "))
			}
		}
	}
}

// reach finds a chain of imports from a package to an import path with the prefix.
func reach(graph map[string][]string, pkg, prefix string, seen map[string]bool) []string {
	seen[pkg] = true
	for _, imp := range graph[pkg] {
		if strings.HasPrefix(imp, prefix) {
			return []string{pkg, imp}
		}
		next, ours := inModule(imp)
		if !ours || seen[next] {
			continue
		}
		if chain := reach(graph, next, prefix, seen); chain != nil {
			return append([]string{pkg}, chain...)
		}
	}
	return nil
}
