//go:build linux && (amd64 || arm64)

package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/store/storetest/killpoint"
)

// CULTIVAR_KILLS says how thoroughly the tests below kill: "all" at every change that a verb makes to the file
// system, a number so many times at random. Otherwise a few of each.
const killsEnv = "CULTIVAR_KILLS"

// killed is a verb that is killed, with what has to be there once it is done, and again after a kill.
type killed struct {
	name string
	args string
	done string // a file
	next string // what is called after a kill, "" for the same again
	made string // what is called before, if anything
}

// damage is what repair has to mend.
const damage = "damage"

// killable are the verbs that write.
var killable = []killed{
	{name: "publish", args: "publish a3 --name k --alias prod --to store", done: "store/manifests.d/k.d/00000005.json"},
	{name: "publish to the home", args: "publish a3 --name k --alias prod", done: "home/registry/manifests.d/k.d/00000002.json"},
	{name: "publish to a new store", args: "publish a3 --name k --alias prod --to new", done: "new/manifests.d/k.d/00000001.json"},
	{name: "promote", args: "adapter promote k@2 --alias prod --store store", done: "store/refs.d/k.d/prod.d/00000000000000000003.json"},
	{name: "rollback", args: "adapter rollback k --alias other --store store", done: "store/refs.d/k.d/other.d/00000000000000000002.json", next: "adapter promote k@2 --alias other --store store"},
	{name: "adapter show", args: "adapter show k --store store --html page.html", done: "page.html"},
	{name: "store probe", args: "store probe store", done: "store/manifests.d/k.d/00000001.json"},
	{name: "pull", args: "pull k:prod --from store --out fresh", done: "fresh/adapter_model.safetensors"},
	{name: "pull --replace", args: "pull k@2 --from store --out served --replace", done: "served/adapter_model.safetensors"},
	{name: "ingest", args: "ingest docs --out d", done: "home/datasets/d/v2/manifest.json"},
	{name: "ingest into a new dataset", args: "ingest docs --out new", done: "home/datasets/new/v1/manifest.json"},
	{name: "dataset promote", args: "dataset promote d@1 --alias new", done: "home/registry/datasets.d/refs.d/d.d/new.d/00000000000000000001.json"},
	{name: "dataset rollback", args: "dataset rollback e --alias live", done: "home/registry/datasets.d/refs.d/e.d/live.d/00000000000000000003.json", next: "dataset promote e@1 --alias live"},
	{name: "dataset export", args: "dataset export d@1 --format parquet --out rows.parquet", done: "rows.parquet"},
	{name: "dataset export, rows", args: "dataset export d@1 --format jsonl --out rows.jsonl", done: "rows.jsonl"},
	{name: "train", args: "train --base base --data rows.txt --config train.yaml --out trained", done: "trained/lineage.json"},
	{name: "eval", args: "eval --base base --data rows.txt --report page.html", done: "page.html"},
	{name: "export", args: "export a1 --base base --format merged --out merged", done: "merged/config.json"},
	{name: "export peft", args: "export k@2 --store store --format peft --out peft", done: "peft/adapter_model.safetensors"},
	{name: "export gguf", args: "export a1 --base base --format gguf --out a1.gguf", done: "a1.gguf"},
	{name: "rm", args: "rm k@3 --store store --yes", done: "store/removed.d/k.d/00000003.json"},
	{name: "rm --undo", args: "rm k@3 --store store --undo --yes", done: "store/manifests.d/k.d/00000003.json", made: "rm k@3 --store store --yes"},
	{name: "rm of a dataset", args: "rm d --yes", done: "home/datasets/e/v2/manifest.json", next: "gc --grace 0s --yes"},
	{name: "gc", args: "gc --store store --grace 0s --yes", done: "store/gc.d/marks.json", made: "rm k@3 --store store --yes"},
	{name: "gc of the home", args: "gc --grace 0s --yes", done: "home/datasets/d/v1/manifest.json", made: "rm e@1 --yes"},
	{name: "repair", args: "repair --yes", done: "home/datasets/d/v1/manifest.json", made: damage},
}

// world is a place with all that they need; each kill has a copy of its own.
type world struct{ dir string }

func (w world) at(parts ...string) string { return filepath.Join(append([]string{w.dir}, parts...)...) }

func (w world) command(args ...string) *exec.Cmd {
	cmd := exec.Command("cultivar", args...)
	cmd.Dir = w.dir
	cmd.Env = append(os.Environ(), "CULTIVAR_HOME="+w.at("home"), "TMPDIR="+w.at("tmp"), "XDG_CACHE_HOME="+w.at("cache"), "USER=ann", "GOMAXPROCS=2")
	return cmd
}

// before returns the world in which a verb is killed.
func (v killed) before(t *testing.T, start world) world {
	t.Helper()
	if v.made == "" {
		return start
	}
	w := start.copy(t)
	if v.made != damage {
		w.run(t, strings.Fields(v.made)...)
		return w
	}
	view := w.at("home/datasets/d/v1")
	blobs, err := filepath.Glob(w.at("home/registry/blobs.d/sha256.d/*"))
	kept, err2 := os.Stat(filepath.Join(view, "examples/examples-00000.parquet"))
	if err = errors.Join(err, err2, os.Remove(filepath.Join(view, "documents/documents-00000.parquet"))); err != nil {
		t.Fatal(err)
	}
	for _, path := range blobs {
		if info, err := os.Stat(path); err == nil && os.SameFile(info, kept) {
			if err := errors.Join(os.Remove(path), os.WriteFile(path, []byte("damaged"), 0o666)); err != nil {
				t.Fatal(err)
			}
			return w
		}
	}
	t.Fatal("a view has files of its own")
	return w
}

func (w world) run(t *testing.T, args ...string) {
	t.Helper()
	if out, err := w.command(args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func (w world) copy(t *testing.T) world {
	t.Helper()
	c := world{filepath.Join(t.TempDir(), "w")}
	if out, err := exec.Command("cp", "-a", w.dir, c.dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return c
}

func newWorld(t *testing.T) world {
	t.Helper()
	w := world{filepath.Join(t.TempDir(), "w")}
	err := errors.Join(os.MkdirAll(w.at("docs"), 0o777), os.MkdirAll(w.at("tmp"), 0o777), saveBase(w.at("base")))
	for i := range 5 {
		dir := w.at(fmt.Sprintf("a%d", i+1))
		err = errors.Join(err, os.Mkdir(dir, 0o777), peft.Write(dir, tinyAdapter(uint64(i+1))))
	}
	for path, text := range map[string]string{
		"docs/1.md":  "The boiler in the north wing is checked on the first Monday of each month, and the log is kept in the office beside the stairs.",
		"rows.txt":   strings.Repeat("a b c\nb c a\n", 4),
		"train.yaml": "objective: clm\nlora: {r: 2, target_modules: [q_proj]}\nmax_seq_length: 8\nbatch_size: 2\nmax_steps: 3\nsave_steps: 1\nreport_samples: 0\neval_fraction: 0\n",
		"notes.txt":  "keep",
	} {
		err = errors.Join(err, os.WriteFile(w.at(path), []byte(text), 0o666))
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{
		"publish a1 --name k --alias prod --to store", "publish a2 --name k --alias prod --to store", "adapter promote k@1 --alias prod --store store",
		"adapter promote k@1 --alias other --store store", "adapter promote k@2 --alias other --store store",
		"publish a4 --name k --to store", "publish a5 --name k --to store", "rm k@4 --store store --yes", "gc --store store --grace 0s --yes",
		"publish a1 --name k --alias prod", "ingest docs --out d", "pull k:prod --from store --out served",
		"ingest docs --out e", "dataset promote e@1 --alias live",
	} {
		w.run(t, strings.Fields(args)...)
	}
	if err := os.WriteFile(w.at("docs", "2.md"), []byte("Bread for the canteen comes at six in the morning, and whoever opens the kitchen signs for it and counts the loaves."), 0o666); err != nil {
		t.Fatal(err)
	}
	w.run(t, "ingest", "docs", "--out", "e")
	w.run(t, "dataset", "promote", "e@2", "--alias", "live")
	return w
}

// good checks a world after a kill: all that is served is whole, and nothing of the user's is lost.
func (w world) good(t *testing.T, what, made string) {
	t.Helper()
	for _, args := range []string{"store check store --read-data", "store check --read-data", "adapter verify k:prod --store store", "adapter verify k:prod", "adapter verify served", "dataset verify e:live"} {
		if made == damage && args == "store check --read-data" { // which it finds
			continue
		}
		if out, err := w.command(strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Errorf("%s: %s: %v\n%s", what, args, err, out)
		}
	}
	if text, err := os.ReadFile(w.at("notes.txt")); string(text) != "keep" || err != nil {
		t.Errorf("%s: notes are %q, %v", what, text, err)
	}
}

// finished runs the next command, which is the same one mostly, and checks that it ends well, where it would have, and leaves nothing behind.
func (w world) finished(t *testing.T, what string, v killed, want world) {
	t.Helper()
	args := v.args
	if v.next != "" { // what is done once more when it is called again
		args = v.next
	}
	if out, err := w.command(strings.Fields(args)...).CombinedOutput(); err != nil && !strings.Contains(string(out), "exist") && !strings.Contains(string(out), "no such version") { // it may be done
		t.Errorf("%s: called again: %v\n%s", what, err, out)
		return
	}
	w.good(t, what+", called again", "")
	same(t, what, w.at(v.done), want.at(v.done))
	if left := w.leftovers(); len(left) > 0 {
		t.Errorf("%s: left behind %q", what, left)
	}
}

// same compares files that hold no times.
func same(t *testing.T, what, got, want string) {
	t.Helper()
	a, err := os.ReadFile(got)
	b, wantErr := os.ReadFile(want)
	if err != nil || wantErr != nil {
		t.Errorf("%s: %v, %v", what, err, wantErr)
	}
	if filepath.Ext(got) == ".safetensors" && string(a) != string(b) {
		t.Errorf("%s: %s has other bytes than without a kill", what, got)
	}
}

// leftovers lists what only a killed writer leaves.
func (w world) leftovers() []string {
	var left []string
	_ = filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		rel, _ := filepath.Rel(w.dir, path)
		inTemp := strings.Contains(rel, "/.tmp/") || strings.HasPrefix(rel, "tmp/") && strings.Count(rel, "/") > 1
		if inTemp || strings.Contains(d.Name(), ".tmp-") || strings.HasPrefix(d.Name(), ".fetch-") {
			left = append(left, rel)
		}
		return nil
	})
	return left
}

// TestKillable: no verb that writes is forgotten. What quickstart does, the others do.
func TestKillable(t *testing.T) {
	verbs := []string{"adapter show", "gc", "repair", "rm", "store probe"}
	for _, w := range writers {
		verbs = append(verbs, w.verb)
	}
	for _, verb := range verbs {
		if !slices.ContainsFunc(killable, func(v killed) bool { return strings.HasPrefix(v.args, verb+" ") }) {
			t.Errorf("nobody kills %s", verb)
		}
	}
}

// traced runs a verb undisturbed in a copy of the world, and returns that with the changes that it made.
func (w world) traced(t *testing.T, typed []string) (world, killpoint.Result) {
	t.Helper()
	clean := w.copy(t)
	r, err := killpoint.Run(clean.command(typed...), 0)
	if errors.Is(err, killpoint.ErrNoTrace) {
		t.Skip(err)
	}
	if err != nil || r.Code != 0 || len(r.Points) == 0 {
		t.Fatalf("traced: %+v, %v", r, err)
	}
	return clean, r
}

// TestKillAtEveryChange kills verbs just before changes to the file system.
func TestKillAtEveryChange(t *testing.T) {
	start := newWorld(t)
	every := os.Getenv(killsEnv) == "all"
	for _, v := range killable {
		t.Run(v.name, func(t *testing.T) {
			start, typed := v.before(t, start), strings.Fields(v.args)
			clean, r := start.traced(t, typed)
			first, step := max(1, len(r.Points)*2/3), len(r.Points) // one, in what is usually the interesting part
			if every {
				first, step = 1, 1
			}
			t.Logf("%d changes", len(r.Points))
			for at := first; at <= len(r.Points); at += step {
				w := start.copy(t)
				r, err := killpoint.Run(w.command(typed...), at)
				if err != nil {
					t.Fatal(err)
				}
				what := fmt.Sprintf("killed at change %d, %s", at, slices.Concat(r.Points, []string{"after the last"})[min(at, len(r.Points))-1])
				w.good(t, what, v.made)
				w.finished(t, what, v, clean)
				_ = os.RemoveAll(w.dir)
			}
		})
	}
}

// TestKillAtRandom kills verbs at instants that nobody chose.
func TestKillAtRandom(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv(killsEnv))
	if err != nil {
		n = 3
	}
	start := newWorld(t)
	starts, cleans := map[string]world{}, map[string]world{}
	took := map[string]time.Duration{}
	for i := range n {
		v := killable[i%len(killable)]
		if took[v.name] == 0 {
			starts[v.name] = v.before(t, start)
			cleans[v.name] = starts[v.name].copy(t)
			began := time.Now()
			cleans[v.name].run(t, strings.Fields(v.args)...)
			took[v.name] = time.Since(began)
		}
		w := starts[v.name].copy(t)
		cmd := w.command(strings.Fields(v.args)...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		after := time.Duration(rand.Int64N(int64(took[v.name])))
		time.Sleep(after)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		what := fmt.Sprintf("%s killed after %v", v.name, after)
		w.good(t, what, v.made)
		w.finished(t, what, v, cleans[v.name])
		_ = os.RemoveAll(w.dir)
	}
}
