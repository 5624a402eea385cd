package upkeep

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/cultivar/cultivar/adapters/publish"
	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/catalog"
	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/cas"
	"github.com/cultivar/cultivar/store/file"
	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/store/storetest/s3server"
	"github.com/cultivar/cultivar/store/tree"
	"github.com/cultivar/cultivar/workflows"
	"github.com/cultivar/cultivar/workflows/fault"
	"github.com/cultivar/cultivar/workflows/home"
	"github.com/cultivar/cultivar/workflows/run"
)

// world is a home with a clock that tests move.
type world struct {
	*testing.T
	*Keeper
	now time.Time
}

func onEach(t *testing.T, test func(w *world)) {
	for name, location := range map[string]func(t *testing.T) string{
		"directory": func(t *testing.T) string { return filepath.Join(t.TempDir(), "home") },
		"s3":        func(t *testing.T) string { return s3server.Start(t).NewBucket(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("XDG_CACHE_HOME", t.TempDir())
			h, err := home.Open(t.Context(), location(t))
			if err != nil {
				t.Fatal(err)
			}
			test(newWorld(t, h))
		})
	}
}

func newWorld(t *testing.T, h *home.Home) *world {
	w := &world{T: t, now: time.Now()}
	clock := func() time.Time { return w.now }
	w.Keeper = &Keeper{Home: h, History: run.NewHistory(h.Bucket, clock, "ann", func(err error) { t.Error(err) }), Now: clock, Who: "ann"}
	return w
}

// dataset commits a version with a document.
func (w *world) dataset(name, text string, parents ...catalog.Parent) *catalog.Dataset {
	w.Helper()
	b, err := w.Home.Datasets.Create(w.Context(), name)
	if err == nil {
		err = b.AddDocument(datasets.Document{DocID: text, Text: text})
	}
	if err != nil {
		w.Fatal(err)
	}
	d, _, err := b.Commit(w.Context(), catalog.Info{Parents: parents})
	if err != nil {
		w.Fatal(err)
	}
	return d
}

// adapter publishes a version that was trained on a dataset.
func (w *world) adapter(name string, d *catalog.Dataset) registry.Ref {
	w.Helper()
	dir := w.TempDir()
	lineage := fmt.Sprintf(`{"schema_version": 1, "datasets": [{"name": %q, "version": %d, "digest": %q}]}`, d.Manifest.Name, d.Manifest.Version, d.Manifest.Digest)
	for file, text := range map[string]string{"adapter_config.json": `{"peft_type": "LORA"}`, "adapter_model.safetensors": name, "lineage.json": lineage} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o666); err != nil {
			w.Fatal(err)
		}
	}
	r, err := publish.Publish(w.Context(), w.Home.Adapters, dir, publish.Options{Name: name, Alias: "prod"})
	if err != nil {
		w.Fatal(err)
	}
	return r.Manifest.Ref()
}

func (w *world) remove(want string, o RemoveOptions) error {
	w.Helper()
	r, err := w.Remove(w.Context(), o)
	w.compare(want, r, err)
	return err
}

// collect moves the clock, collects twice, dry and really, and compares what both say.
func (w *world) collect(after time.Duration, want string) {
	w.Helper()
	w.now = w.now.Add(after)
	for _, dry := range []bool{true, false} {
		r, err := w.Collect(w.Context(), CollectOptions{Grace: time.Hour, Dry: dry})
		w.compare(want, r, err)
	}
	report, err := w.Home.Check(w.Context(), true)
	if err != nil || !report.OK() {
		w.Errorf("after a collection: %+v, %v", report.Problems, err)
	}
}

// compare holds a report to lines "action what", with the names of what is not content.
func (w *world) compare(want string, r Report, err error) {
	w.Helper()
	if err != nil && want != "" {
		w.Errorf("%v", err)
	}
	count := map[string]int{}
	for _, i := range r.Items {
		line := string(i.Action) + " " + i.What
		if !strings.Contains(i.Name, "/") {
			line += " " + i.Name
		}
		count[line]++
	}
	var lines []string
	for line, n := range count {
		lines = append(lines, fmt.Sprintf("%s ×%d", line, n))
	}
	slices.Sort(lines)
	if got := strings.ReplaceAll(strings.Join(lines, "; "), " ×1", ""); got != want {
		w.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestRemoveAndCollect: what is needed stays, the rest goes in two phases.
func TestRemoveAndCollect(t *testing.T) {
	onEach(t, func(w *world) {
		one := w.dataset("d", "one")
		two := w.dataset("d", "two", one.Parent())
		w.dataset("d", "three")
		w.adapter("a", two)
		for name, needs := range map[string]string{"d@1": "dataset d@2", "d@2": "adapter a@1", "a@1": "alias a:prod", "d": "adapter a@1"} {
			if err := w.remove("", RemoveOptions{Names: []string{name}}); !errors.Is(err, ErrNeeded) || !strings.Contains(err.Error(), needs) || fault.Of(w.Context(), err).Code != fault.Refused {
				w.Errorf("%s: %v", name, err)
			}
		}
		for _, dry := range []bool{true, false} {
			w.remove("remove dataset d@3", RemoveOptions{Names: []string{"d@3"}, Dry: dry})
		}
		w.collect(0, "wait dataset d@3")
		w.remove("wait dataset d@3", RemoveOptions{Names: []string{"d@3"}}) // again, as after a kill
		w.remove("restore dataset d@3", RemoveOptions{Names: []string{"d@3"}, Undo: true})
		if d, err := w.Home.Datasets.Open(w.Context(), "d"); err != nil || d.Ref() != "d@3" {
			w.Errorf("restored: %v, %v", d, err)
		}
		w.remove("remove adapter a@1; remove dataset d@1; remove dataset d@2; remove dataset d@3; withdraw alias a:prod", RemoveOptions{Names: []string{"d", "a", "a:prod"}, Why: "all of it"})
		w.now = w.now.Add(2 * time.Hour)
		if _, err := w.Collect(w.Context(), CollectOptions{Grace: time.Hour}); err != nil {
			w.Fatal(err)
		}
		if _, err := w.Collect(w.Context(), CollectOptions{Grace: time.Hour}); err != nil {
			w.Fatal(err)
		}
		w.now = w.now.Add(2 * time.Hour)
		if _, err := w.Collect(w.Context(), CollectOptions{Grace: time.Hour}); err != nil {
			w.Fatal(err)
		}
		for obj, err := range w.Home.Bucket.List(w.Context(), "blobs/") {
			w.Errorf("left %s, %v", obj.Key, err)
		}
		if d := w.dataset("d", "one"); d.Manifest.Version != 4 {
			w.Errorf("a number was given again: %s", d.Ref())
		}
	})
}

func TestNames(t *testing.T) {
	w := newWorld(t, open(t, t.TempDir()))
	w.adapter("same", w.dataset("same", "x"))
	for name, o := range map[string]struct {
		o    RemoveOptions
		want error
	}{
		"two sorts": {RemoveOptions{Names: []string{"same@1"}}, ErrAmbiguous},
		"none":      {RemoveOptions{Names: []string{"other"}}, registry.ErrNoVersion},
		"path":      {RemoveOptions{Names: []string{"../same"}}, registry.ErrBadName},
		"run":       {RemoveOptions{Names: []string{"20260101-000000-abcdef"}}, run.ErrNoRun},
	} {
		o.o.Dry = true
		if _, err := w.Remove(t.Context(), o.o); !errors.Is(err, o.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.remove("withdraw alias same:prod", RemoveOptions{Names: []string{"same:prod"}, Sort: Adapter, Dry: true})
}

// TestRuns: a run goes with the results that only it used, and with their files.
func TestRuns(t *testing.T) {
	onEach(t, func(w *world) {
		id := ""
		err := w.History.Record(w.Context(), "make", nil, func(ctx context.Context, l *run.Log) error {
			d, err := tree.Put(ctx, w.Home.Bucket, fstest.MapFS{"a": {Data: []byte("a")}})
			l.Output(workflows.Artefact{Type: workflows.Files, Ref: "made@" + string(d)})
			return err
		})
		if err != nil {
			w.Fatal(err)
		}
		runs, err := w.History.List(w.Context())
		if err != nil || len(runs) != 1 {
			w.Fatal(runs, err)
		}
		id = runs[0].ID
		w.collect(0, "")
		w.remove("remove run "+id, RemoveOptions{Names: []string{id}})
		w.collect(30*time.Minute, "mark tree ×2; wait run")
		w.collect(40*time.Minute, "delete run; wait tree ×2")
		w.collect(time.Hour, "delete tree ×2")
	})
}

// TestPages: the page of an evaluation goes when no run is left that has made it, and what is somebody's own stays.
func TestPages(t *testing.T) {
	w := newWorld(t, open(t, filepath.Join(t.TempDir(), "home")))
	write := func(name string) string {
		t.Helper()
		path := filepath.Join(w.Home.Reports(), name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte("page"), 0o600)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	made, lost, own := write("eval-d-test-base-01234567.html"), write("eval-d-test-base-89abcdef.html"), write("eval-of-mine.html")
	err := w.History.Record(t.Context(), "eval", nil, func(_ context.Context, l *run.Log) error {
		l.Output(workflows.Artefact{Type: workflows.Report, Ref: made, Digest: "sha256:1"})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.collect(0, "wait report "+filepath.Base(lost))
	w.collect(2*time.Hour, "delete report "+filepath.Base(lost))
	runs, err := w.History.List(t.Context())
	if err != nil || len(runs) != 1 {
		t.Fatal(runs, err)
	}
	w.remove("remove run "+runs[0].ID, RemoveOptions{Names: []string{runs[0].ID}})
	w.collect(30*time.Minute, "wait run")
	w.collect(time.Hour, "delete run")
	w.collect(0, "delete report "+filepath.Base(made))
	if _, err := os.Stat(own); err != nil {
		t.Error(err)
	}
}

// TestDamagedStore is not collected: nobody knows what a manifest that cannot be read needs.
func TestDamagedStore(t *testing.T) {
	w := newWorld(t, open(t, t.TempDir()))
	w.adapter("a", w.dataset("d", "x"))
	w.put("manifests/a/00000001.json", "{")
	if _, err := w.Collect(t.Context(), CollectOptions{}); !errors.Is(err, ErrDamaged) {
		t.Errorf("collected: %v", err)
	}
	if err := w.remove("", RemoveOptions{Names: []string{"d@1"}}); err == nil {
		t.Error("removed what a damaged version may need")
	}
}

func (w *world) put(key, text string) {
	w.Helper()
	if _, err := w.Home.Bucket.Put(w.Context(), key, strings.NewReader(text), int64(len(text)), store.Condition{}); err != nil {
		w.Fatal(err)
	}
}

func open(t *testing.T, dir string) *home.Home {
	t.Helper()
	h, err := home.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestRepair mends each kind of damage from a copy, and leaves what has none.
func TestRepair(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(t, open(t, filepath.Join(dir, "home")))
	d := w.dataset("d", "x")
	w.adapter("a", d)
	backup := filepath.Join(dir, "backup")
	if err := os.CopyFS(backup, os.DirFS(filepath.Join(dir, "home", "registry"))); err != nil {
		t.Fatal(err)
	}
	from, err := file.Open(backup)
	if err != nil {
		t.Fatal(err)
	}
	m, err := w.Home.Adapters.Get(t.Context(), "a", 1)
	if err != nil {
		t.Fatal(err)
	}
	weights := cas.Key(cas.Digest(m.Files[slices.IndexFunc(m.Files, func(f registry.File) bool { return f.Path == "adapter_model.safetensors" })].Digest))
	repair := func(o RepairOptions, want string) {
		t.Helper()
		for _, o.Dry = range []bool{true, false} {
			r, err := w.Repair(t.Context(), o)
			w.compare(want, r, err)
		}
	}
	repair(RepairOptions{}, "")
	w.put(weights, "z")
	repair(RepairOptions{}, "keep file a@1 adapter_model.safetensors")
	repair(RepairOptions{From: from}, "restore file a@1 adapter_model.safetensors")
	w.put("manifests/a/00000001.json", "{")
	repair(RepairOptions{From: from}, "restore adapter a@1")
	// A second version that is lost for good: the alias goes back.
	w.adapter("a", w.dataset("d", "y"))
	w.put("manifests/a/00000002.json", "{")
	repair(RepairOptions{}, "keep adapter a@2; restore alias a:prod")
	if m, err := w.Home.Adapters.Resolve(t.Context(), "a:prod"); err != nil || m.Version != 1 {
		t.Errorf("prod is version %d, %v", m.Version, err)
	}
	// The directory of a dataset: a file that was changed there, and one that is somebody's.
	view := filepath.Join(dir, "home", "datasets", "d", "v2")
	shard := filepath.Join(view, "documents", "documents-00000.parquet")
	if err := errors.Join(os.Remove(shard), os.WriteFile(shard, []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
	w.remove("remove adapter a@2", RemoveOptions{Names: []string{"a@2"}, Sort: Adapter})
	repair(RepairOptions{}, "restore view d@2")
	note := filepath.Join(view, "notes.txt")
	if err := os.WriteFile(note, []byte("keep"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dry := range []bool{true, false, false} {
		if r, err := w.Repair(t.Context(), RepairOptions{Dry: dry}); err != nil || len(r.Items) != 1 || r.Items[0].Action != Keep {
			t.Errorf("a directory with a note: %+v, %v", r, err)
		}
	}
	if text, err := os.ReadFile(note); string(text) != "keep" || err != nil {
		t.Errorf("the note is %q, %v", text, err)
	}
}

// refusing is a bucket on a disk that fails.
type refusing struct{ store.Bucket }

func (refusing) Put(context.Context, string, io.Reader, int64, store.Condition) (store.Object, error) {
	return store.Object{}, syscall.EIO
}

// TestRepairKeepsTheOnlyCopy: a directory that has the only copy of a file stays, whatever else is wrong with it,
// until the file is back; and any directory that has a copy will do.
func TestRepairKeepsTheOnlyCopy(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(t, open(t, filepath.Join(dir, "home")))
	w.dataset("d", "x")
	w.dataset("e", "x")
	m, err := w.Home.Datasets.Open(t.Context(), "d")
	if err != nil {
		t.Fatal(err)
	}
	document := m.Manifest.Files[slices.IndexFunc(m.Manifest.Files, func(f catalog.File) bool { return strings.HasPrefix(f.Path, "documents/") })]
	for _, gone := range []string{"d/v1/" + document.Path, "e/v1/exclusions/exclusions-00000.parquet"} {
		if err := os.Remove(filepath.Join(dir, "home", "datasets", gone)); err != nil {
			t.Fatal(err)
		}
	}
	w.put(cas.Key(cas.Digest(document.Digest)), "z")
	whole := w.Home.Bucket
	w.Home.Bucket = refusing{whole}
	r, err := w.Repair(t.Context(), RepairOptions{})
	w.compare("keep file; keep view d@1; keep view e@1", r, err)
	w.Home.Bucket = whole
	r, err = w.Repair(t.Context(), RepairOptions{})
	w.compare("restore file; restore view d@1; restore view e@1", r, err)
	if report, err := w.Home.Check(t.Context(), true); err != nil || !report.OK() {
		t.Errorf("after a repair: %+v, %v", report.Problems, err)
	}
}
