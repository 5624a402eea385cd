package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/workflows"
	"github.com/cultivar/cultivar/workflows/home"
	"github.com/cultivar/cultivar/workflows/run"
)

// writers are the verbs that make something, in an order in which each has what it needs: what is typed, in
// a directory with documents and a base, and what history then calls the run.
var writers = []struct{ verb, args, kind string }{
	{"ingest", "DIR/docs --out words --validation 0 --test 0", "ingest"},
	{"train", "--base DIR/base --data words --config DIR/train.yaml --out DIR/adapter", "train"},
	{"eval", "--base DIR/base --adapter DIR/adapter --data words --split train", "eval"},
	{"publish", "DIR/adapter --name a --alias prod", "publish"},
	{"pull", "a:prod --out DIR/pulled", "pull"},
	{"export", "a:prod --format peft --out DIR/peft", "export"},
	{"export", "a:prod --format merged --base DIR/base --out DIR/merged", "export"},
	{"adapter promote", "a@1 --alias next", "promote"},
	{"publish", "DIR/other --name a --alias prod", "publish"},
	{"adapter rollback", "a --alias prod", "rollback"},
	{"dataset promote", "words@1 --alias good", "promote"},
	{"ingest", "DIR/more --out words --validation 0 --test 0", "ingest"},
	{"dataset promote", "words@2 --alias good", "promote"},
	{"dataset rollback", "words --alias good", "rollback"},
	{"dataset export", "words --format jsonl --out DIR/words.jsonl", "dataset export"},
}

// others are the verbs that leave no run, and why.
var others = map[string][]string{
	"they tell": {
		"adapter diff", "adapter history", "adapter ls", "adapter verify", "completion", "config defaults", "config schema",
		"dataset card", "dataset diff", "dataset exclusions", "dataset history", "dataset ls", "dataset redactions", "dataset sample",
		"dataset show", "dataset verify", "doctor", "generate", "inspect", "runs ls", "runs show", "store check", "store ls",
		"template", "tokenize", "version",
	},
	"a page shows what history has":                            {"adapter show"},
	"what it writes it removes":                                {"store probe"},
	"a workflow: workflows/kinds holds its runs":               {"quickstart"},
	"they make nothing, and a removal says itself who and why": {"gc", "repair", "rm"},
}

// TestWriters: every verb is a writer or says why it is none; every writer leaves a run, which knows by digest
// what it made and, but for documents, what it was made from.
func TestWriters(t *testing.T) {
	var known []string
	for _, list := range others {
		known = append(known, list...)
	}
	for _, w := range writers {
		known = append(known, w.verb)
	}
	slices.Sort(known)
	if known = slices.Compact(known); !slices.Equal(known, verbs()) {
		t.Fatalf("verbs that write and others are\n%q, there are\n%q", known, verbs())
	}
	dir := workplace(t)
	location := filepath.Join(dir, "home")
	h, err := home.Open(t.Context(), location)
	if err != nil {
		t.Fatal(err)
	}
	history := run.NewHistory(h.Bucket, time.Now, "", func(err error) { t.Error(err) })
	seen := map[string]bool{}
	for _, w := range writers {
		typed := strings.Fields(w.verb + " " + strings.ReplaceAll(w.args, "DIR", dir) + " --home " + location)
		var out bytes.Buffer
		if code := Main(typed, strings.NewReader(""), &out, &out); code != 0 {
			t.Fatalf("%s: exit %d\n%s", w.verb, code, &out)
		}
		runs, err := history.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		fresh := slices.DeleteFunc(runs, func(r run.Run) bool { return seen[r.ID] })
		if len(fresh) != 1 {
			t.Fatalf("%s left %d runs", w.verb, len(fresh))
		}
		seen[fresh[0].ID] = true
		if err := complete(fresh[0], w.kind); err != nil {
			t.Errorf("%s %s: %v", w.verb, w.args, err)
		}
	}
}

// complete holds a run to what every run of a kind has.
func complete(r run.Run, kind string) error {
	if r.Kind != kind || r.State != run.Done {
		return fmt.Errorf("its run is %s of kind %s, want kind %s", r.State, r.Kind, kind)
	}
	if len(r.Inputs) == 0 || len(r.Outputs) == 0 {
		return fmt.Errorf("from %v it made %v", r.Inputs, r.Outputs)
	}
	for _, a := range slices.Concat(r.Inputs, r.Outputs) {
		if !strings.HasPrefix(a.Digest, "sha256:") && a.Type != workflows.Documents {
			return fmt.Errorf("the digest of %s %s is %q", a.Type, a.Ref, a.Digest)
		}
	}
	return nil
}

// workplace is a directory with documents, a base, settings of a training and a second adapter.
func workplace(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"docs/a.md": strings.Repeat("a b c a b c.\n", 3), "docs/b.md": strings.Repeat("c b a a c b.\n", 3),
		"more/c.md":  strings.Repeat("b b c c a a.\n", 3),
		"train.yaml": "objective: clm\nmax_steps: 2\nbatch_size: 1\nmax_seq_length: 16\neval_fraction: 0\nlora: {r: 2, lora_alpha: 4}\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := saveBase(filepath.Join(dir, "base")); err != nil {
		t.Fatal(err)
	}
	if err := peft.Write(filepath.Join(dir, "other"), tinyAdapter(7)); err != nil {
		t.Fatal(err)
	}
	return dir
}
