package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/internal/tempdir"
	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/cas"
	"github.com/cultivar/cultivar/store/file"
	"github.com/cultivar/cultivar/store/open"
	"github.com/cultivar/cultivar/store/storetest"
	"github.com/cultivar/cultivar/store/storetest/s3server"
)

func add(t testing.TB, b *Builder, n int) {
	t.Helper()
	var errs []error
	for i := range n {
		id := fmt.Sprintf("doc-%d", i)
		errs = append(errs,
			b.AddDocument(datasets.Document{DocID: id, Text: "Text of " + id, NChars: 8 + len(id)}),
			b.AddExample(datasets.Example{ExampleID: id, DocID: id, Split: datasets.Train, Text: "Text of " + id}))
	}
	errs = append(errs,
		b.AddExclusion(datasets.Exclusion{SourceURI: "a.pdf", Stage: "filter", Rule: "min_chars", Reason: "is too short", Start: -1, End: -1}),
		b.AddExclusion(datasets.Exclusion{DocID: "doc-0", Stage: "clean", Rule: "boilerplate", Start: 3, End: 9}),
		b.AddRedaction(datasets.Redaction{DocID: "doc-0", Entity: "EMAIL", Replacement: "[EMAIL]"}))
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// in returns the catalog of a home directory.
func in(t testing.TB, home string) *Catalog {
	t.Helper()
	c, err := homed(home)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// homed is in for another process.
func homed(home string) (*Catalog, error) {
	b, err := file.OpenPrivate(filepath.Join(home, "registry"))
	dir := filepath.Join(home, "datasets")
	return New(Place{Bucket: b, Dir: dir, Scratch: filepath.Join(dir, ".tmp")}), err
}

// onEach runs a test on a home directory, on an S3 server, and on a bucket that shows no more than it
// must.
func onEach(t *testing.T, test func(*testing.T, *Catalog)) {
	t.Run("directory", func(t *testing.T) { test(t, in(t, filepath.Join(t.TempDir(), "home", "deep"))) })
	t.Run("s3", func(t *testing.T) {
		b, err := open.Open(t.Context(), s3server.Start(t).NewBucket(t))
		if err != nil {
			t.Fatal(err)
		}
		test(t, New(Place{Bucket: b, Scratch: t.TempDir(), Cache: t.TempDir()}))
	})
	t.Run("plain", func(t *testing.T) {
		b, err := file.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		test(t, New(Place{Bucket: storetest.Break(b, nil), Scratch: t.TempDir(), Cache: filepath.Join(t.TempDir(), "cache")}))
	})
}

// write replaces an object.
func write(t testing.TB, c *Catalog, key, text string) {
	t.Helper()
	if _, err := c.place.Bucket.Put(t.Context(), key, strings.NewReader(text), int64(len(text)), store.Condition{}); err != nil {
		t.Fatal(err)
	}
}

func begin(t testing.TB, c *Catalog, name string) *Builder {
	t.Helper()
	b, err := c.Create(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// commit makes a version of n documents.
func commit(t testing.TB, c *Catalog, name string, n int, info Info) (*Dataset, bool) {
	t.Helper()
	b := begin(t, c, name)
	add(t, b, n)
	d, created, err := b.Commit(t.Context(), info)
	if err != nil {
		t.Fatal(err)
	}
	return d, created
}

// scratch lists what is left in the temporary directory.
func scratch(c *Catalog) []string {
	entries, _ := os.ReadDir(c.place.Scratch)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestCommitAndRead(t *testing.T) {
	onEach(t, func(t *testing.T, c *Catalog) {
		when := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		parent := Parent{Name: "old", Version: 3, Digest: "sha256:" + strings.Repeat("0", 64)}
		d, created := commit(t, c, "minutes", 3, Info{
			ToolVersion: "1.2.3", Config: map[string]any{"seed": 17, "b": "<x>"}, CreatedAt: when, Input: 4, Skipped: map[string]int64{"hidden": 2},
			Parents: []Parent{parent}, Sources: []Source{{URI: "file:///docs", Documents: 4}},
		})
		if !created || d.Ref() != "minutes@1" || len(scratch(c)) != 0 {
			t.Fatalf("created %v, ref %s, left %v", created, d.Ref(), scratch(c))
		}
		got, err := c.Open(t.Context(), "minutes")
		if err != nil || !reflect.DeepEqual(got.Manifest.Counts, d.Manifest.Counts) {
			t.Fatalf("open: %v, %v", got, err)
		}
		want := Counts{
			Input: 4, Documents: 3, Dropped: 1, Chars: 39, Examples: 3,
			DroppedBy: map[string]int64{"min_chars": 1}, SpansBy: map[string]int64{"boilerplate": 1},
			RedactedBy: map[string]int64{"EMAIL": 1}, Splits: map[string]int64{"train": 3},
			SkippedBy: map[string]int64{"hidden": 2},
		}
		m := got.Manifest
		if !reflect.DeepEqual(m.Counts, want) {
			t.Errorf("counts %+v", m.Counts)
		}
		if m.ToolVersion != "1.2.3" || !m.CreatedAt.Equal(when) || !reflect.DeepEqual(m.Parents, []Parent{parent}) || len(m.Sources) != 1 || len(m.Files) != 4 {
			t.Errorf("manifest %+v", m)
		}
		var ids []string
		for doc, err := range got.Documents() {
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, doc.DocID)
		}
		if !reflect.DeepEqual(ids, []string{"doc-0", "doc-1", "doc-2"}) {
			t.Errorf("documents %v", ids)
		}
		n := 0
		for _, err := range got.Exclusions() {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		for _, err := range got.Redactions() {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		for range got.Examples() {
			n++
			break // an early stop is no error and leaks nothing
		}
		if n != 4 {
			t.Errorf("%d other rows", n)
		}
		if doc, err := got.Document("doc-1"); err != nil || doc.Text != "Text of doc-1" {
			t.Errorf("document: %v, %v", doc, err)
		}
		if _, err := got.Document("absent"); !errors.Is(err, datasets.ErrNotFound) {
			t.Errorf("absent document: %v", err)
		}
		if err := got.Verify(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

func TestSameContentIsSameVersion(t *testing.T) {
	onEach(t, func(t *testing.T, c *Catalog) {
		first, _ := commit(t, c, "a", 2, Info{ToolVersion: "1", Config: map[string]int{"x": 1, "y": 2}})
		// Another time, another release, the same configuration in another order.
		type config struct {
			Y int `json:"y"`
			X int `json:"x"`
		}
		again, created := commit(t, c, "a", 2, Info{ToolVersion: "2", Config: config{2, 1}, CreatedAt: time.Now(), Skipped: map[string]int64{"links": 1}})
		if created || again.Ref() != "a@1" || again.Manifest.Digest != first.Manifest.Digest || again.Manifest.ToolVersion != "1" {
			t.Errorf("created %v, %s", created, again.Ref())
		}
		for i, info := range []Info{{Config: map[string]int{"x": 2}}, {Config: map[string]int{"x": 2}, Parents: []Parent{first.Parent()}}} {
			if d, created := commit(t, c, "a", 2, info); !created || d.Manifest.Version != i+2 {
				t.Errorf("change %d: created %v, %s", i, created, d.Ref())
			}
		}
		// Only the latest counts: going back is a version of its own.
		if d, created := commit(t, c, "a", 2, Info{Config: map[string]int{"x": 1, "y": 2}}); !created || d.Ref() != "a@4" {
			t.Errorf("back: created %v, %s", created, d.Ref())
		}
		if d, _ := commit(t, c, "b", 2, Info{Config: map[string]int{"x": 1, "y": 2}}); d.Manifest.Digest != first.Manifest.Digest {
			t.Error("the digest depends on the name")
		}
		if left := scratch(c); len(left) != 0 {
			t.Errorf("left %v", left)
		}
	})
}

func TestListAndVersions(t *testing.T) {
	onEach(t, func(t *testing.T, c *Catalog) {
		if names, err := c.List(t.Context()); names != nil || err != nil {
			t.Errorf("empty home: %v, %v", names, err)
		}
		for i := range 11 { // v10 comes after v9
			commit(t, c, "b", i+1, Info{})
		}
		commit(t, c, "a", 1, Info{})
		if c.place.Dir != "" {
			os.MkdirAll(filepath.Join(c.place.Dir, "no-version", "v01"), 0o777)
			os.MkdirAll(filepath.Join(c.place.Dir, "Not A Name", "v1"), 0o777)
		}
		if names, err := c.List(t.Context()); err != nil || !reflect.DeepEqual(names, []string{"a", "b"}) {
			t.Errorf("list: %v, %v", names, err)
		}
		list, err := c.Versions(t.Context(), "b")
		if err != nil || len(list) != 11 {
			t.Fatalf("versions: %d, %v", len(list), err)
		}
		for i, d := range list {
			if d.Manifest.Version != i+1 {
				t.Errorf("version %d at %d", d.Manifest.Version, i)
			}
		}
		if d, err := c.Open(t.Context(), "b"); err != nil || d.Ref() != "b@11" {
			t.Errorf("latest: %v, %v", d, err)
		}
		write(t, c, "datasets/manifests/b/00000003.json", "{}")
		list, err = c.Versions(t.Context(), "b")
		if len(list) != 10 || err == nil || !strings.Contains(err.Error(), "b@3") {
			t.Errorf("with a damaged one: %d, %v", len(list), err)
		}
	})
}

func TestOpenRefs(t *testing.T) {
	c := in(t, t.TempDir())
	commit(t, c, "a", 1, Info{})
	second, _ := commit(t, c, "a", 2, Info{})
	for ref, want := range map[string]string{"a": "a@2", "a@1": "a@1", "a@v2": "a@2", second.Dir(): "a@2", c.versionDir("a", 1): "a@1"} {
		if d, err := c.Open(t.Context(), ref); err != nil || d.Ref() != want {
			t.Errorf("%s: %v, %v", ref, d, err)
		}
	}
	t.Chdir(filepath.Dir(second.Dir()))
	if d, err := c.Open(t.Context(), "v1"); err != nil || d.Ref() != "a@1" {
		t.Errorf("directory without a slash: %v, %v", d, err)
	}
	for _, ref := range []string{"absent", "a@3", "absent@1", t.TempDir(), "./nowhere"} {
		if _, err := c.Open(t.Context(), ref); !errors.Is(err, datasets.ErrNotFound) {
			t.Errorf("%s: %v", ref, err)
		}
	}
	for _, ref := range []string{"", "A", "a@", "a@0", "a@-1", "a@01", "a@x", "a@1@2", strings.Repeat("a", 64)} {
		if _, err := c.Open(t.Context(), ref); err == nil || errors.Is(err, datasets.ErrNotFound) {
			t.Errorf("%q: %v", ref, err)
		}
	}
}

func TestNames(t *testing.T) {
	for _, name := range []string{"a", "0", "a.b_c-d", strings.Repeat("a", 63)} {
		if err := CheckName(name); err != nil {
			t.Error(err)
		}
	}
	c := in(t, t.TempDir())
	for _, name := range []string{"", ".", "..", ".tmp", "A", "a/b", "a b", "é", "a\n", "-a", strings.Repeat("a", 64)} {
		if _, err := c.Create(t.Context(), name); err == nil {
			t.Errorf("accepted %q", name)
		}
	}
}

func TestCountsMustReconcile(t *testing.T) {
	onEach(t, func(t *testing.T, c *Catalog) {
		b := begin(t, c, "a")
		add(t, b, 2)
		_, _, err := b.Commit(t.Context(), Info{Input: 7})
		if err == nil || !strings.Contains(err.Error(), "7 documents in, 2 kept, 1 dropped") {
			t.Errorf("got %v", err)
		}
		if names, _ := c.List(t.Context()); len(names)+len(scratch(c)) != 0 {
			t.Errorf("left %v, %v", names, scratch(c))
		}
	})
}

func TestAbort(t *testing.T) {
	onEach(t, func(t *testing.T, c *Catalog) {
		b := begin(t, c, "a")
		add(t, b, 1)
		for range 2 {
			if err := b.Abort(); err != nil {
				t.Error(err)
			}
		}
		if _, _, err := b.Commit(t.Context(), Info{}); err == nil {
			t.Error("committed after Abort")
		}
		if names, _ := c.List(t.Context()); len(names)+len(scratch(c)) != 0 {
			t.Errorf("left %v, %v", names, scratch(c))
		}
	})
}

func TestExtraFiles(t *testing.T) {
	c := in(t, t.TempDir())
	b := begin(t, c, "a")
	os.WriteFile(filepath.Join(b.Dir(), "report.html"), []byte("<p>"), 0o666)
	d, _, err := b.Commit(t.Context(), Info{})
	if err != nil {
		t.Fatal(err)
	}
	if last := d.Manifest.Files[len(d.Manifest.Files)-1]; last.Path != "report.html" || last.Size != 3 {
		t.Errorf("files %v", d.Manifest.Files)
	}
	b = begin(t, c, "a")
	os.Symlink("/etc/passwd", filepath.Join(b.Dir(), "link"))
	if _, _, err := b.Commit(t.Context(), Info{}); err == nil || len(scratch(c)) != 0 {
		t.Errorf("committed a link: %v", err)
	}
}

func TestConcurrentCommits(t *testing.T) {
	onEach(t, func(t *testing.T, c *Catalog) {
		var group sync.WaitGroup
		for i := range 6 {
			group.Go(func() {
				b, err := c.Create(t.Context(), "a")
				if err != nil {
					t.Error(err)
					return
				}
				b.AddDocument(datasets.Document{DocID: fmt.Sprint(i), Text: "x"})
				if d, created, err := b.Commit(t.Context(), Info{}); err != nil || !created {
					t.Errorf("commit %d: %v, %v, %v", i, d, created, err)
				}
			})
		}
		group.Wait()
		list, err := c.Versions(t.Context(), "a")
		if err != nil || len(list) != 6 || list[5].Manifest.Version != 6 {
			t.Errorf("%d versions, %v", len(list), err)
		}
		if left := scratch(c); len(left) != 0 {
			t.Errorf("left %v", left)
		}
	})
}

func TestVerifyFindsDamage(t *testing.T) {
	for name, damage := range map[string]func(dir string) error{
		"documents-00000": func(dir string) error {
			return edit(filepath.Join(dir, "documents", "documents-00000.parquet"), func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
		},
		"exclusions-00000": func(dir string) error {
			return edit(filepath.Join(dir, "exclusions", "exclusions-00000.parquet"), func(b []byte) []byte { return b[:len(b)-1] })
		},
		"examples-00000": func(dir string) error { return os.Remove(filepath.Join(dir, "examples", "examples-00000.parquet")) },
		"stranger":       func(dir string) error { return os.WriteFile(filepath.Join(dir, "documents", "stranger"), nil, 0o666) },
		"redactions-00000": func(dir string) error {
			path := filepath.Join(dir, "redactions", "redactions-00000.parquet")
			return errors.Join(os.Rename(path, dir+"-outside"), os.Symlink(dir+"-outside", path))
		},
		"counts do not add up": func(dir string) error {
			return edit(filepath.Join(dir, manifestName), func(b []byte) []byte {
				return []byte(strings.Replace(string(b), `"documents": 3`, `"documents": 2`, 1))
			})
		},
		"manifest differs": func(dir string) error {
			return edit(filepath.Join(dir, manifestName), func(b []byte) []byte {
				return []byte(strings.Replace(string(b), `"rows": 3`, `"rows": 4`, 1))
			})
		},
		"config differs": func(dir string) error {
			return edit(filepath.Join(dir, manifestName), func(b []byte) []byte {
				return []byte(strings.Replace(string(b), `"seed": 17`, `"seed": 18`, 1))
			})
		},
	} {
		c := in(t, t.TempDir())
		d, _ := commit(t, c, "a", 3, Info{Config: map[string]int{"seed": 17}})
		if err := damage(d.Dir()); err != nil {
			t.Fatal(err)
		}
		if err := d.Verify(context.Background()); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPageUnderWay: what a killed writer of a page left in the directory of a version is no damage, and goes.
func TestPageUnderWay(t *testing.T) {
	c := in(t, t.TempDir())
	d, _ := commit(t, c, "a", 3, Info{})
	left := filepath.Join(d.Dir(), ".report.html.tmp-ABCDEFGHIJKL")
	if err := os.WriteFile(left, []byte("<p>"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	if err := c.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is there: %v", err)
	}
}

// TestTurnedBit: rows are not believed for the length of their file.
func TestTurnedBit(t *testing.T) {
	onEach(t, func(t *testing.T, c *Catalog) {
		d, _ := commit(t, c, "a", 3, Info{})
		key := ""
		for _, f := range d.Manifest.Files {
			if strings.HasPrefix(f.Path, "examples/") {
				key = cas.Key(cas.Digest(f.Digest))
			}
		}
		r, obj, err := c.place.Bucket.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		r.Close()
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)/2] ^= 1
		if _, err := c.place.Bucket.Put(t.Context(), key, bytes.NewReader(data), obj.Size, store.Condition{}); err != nil {
			t.Fatal(err)
		}
		again, err := c.Open(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			err = nil
			for _, rowErr := range again.Examples() {
				err = rowErr
			}
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("rows of a damaged file: %v", err)
			}
		}
	})
}

// edit replaces a read-only file.
func edit(path string, change func([]byte) []byte) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return errors.Join(os.Remove(path), os.WriteFile(path, change(data), 0o666))
}

func TestVerifyIsCancelled(t *testing.T) {
	onEach(t, func(t *testing.T, c *Catalog) {
		d, _ := commit(t, c, "a", 1, Info{})
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := d.Verify(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

func TestDamagedLatestDoesNotBlock(t *testing.T) {
	onEach(t, func(t *testing.T, c *Catalog) {
		commit(t, c, "a", 1, Info{})
		write(t, c, "datasets/manifests/a/00000001.json", "{}")
		if _, err := c.Open(t.Context(), "a"); !errors.Is(err, ErrCorrupt) {
			t.Errorf("opened a manifest without content: %v", err)
		}
		if d, created := commit(t, c, "a", 1, Info{}); !created || d.Ref() != "a@2" {
			t.Errorf("created %v, %s", created, d.Ref())
		}
	})
}

func TestHomeCannotBeWritten(t *testing.T) {
	home := filepath.Join(t.TempDir(), "file")
	os.WriteFile(home, nil, 0o666)
	_, err := in(t, home).Create(t.Context(), "a")
	var path *fs.PathError
	if !errors.As(err, &path) || !strings.HasPrefix(err.Error(), "create dataset a: ") {
		t.Errorf("got %v", err)
	}
}

// TestCreateFails: a version that cannot even be begun is an error, and leaves nothing.
func TestCreateFails(t *testing.T) {
	b := &Builder{temp: nil, catalog: &Catalog{place: Place{Scratch: t.TempDir()}}, counts: newCounts()}
	var err error
	if b.temp, err = tempdir.New(b.catalog.place.Scratch); err != nil {
		t.Fatal(err)
	}
	if err := b.Abort(); err != nil { // of its tables there is none
		t.Error(err)
	}
	if left, err := os.ReadDir(b.catalog.place.Scratch); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
