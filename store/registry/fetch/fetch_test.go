package fetch_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/store/registry/fetch"
	"github.com/cultivar/cultivar/store/storetest"
)

// tree lists the files below dir with their content.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(p)
		rel, _ := filepath.Rel(dir, p)
		found = append(found, filepath.ToSlash(rel)+"="+string(data))
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return found
}

var fetched = []string{"sub/log.jsonl=took 3 s", "sub/shared=the same in all versions", "weights.bin=weights 1"}

func TestFetch(t *testing.T) {
	onEach(t, func(t *testing.T, b store.Bucket) {
		r := registry.New(b, registry.Kind{})
		m := publish(t, r, draft("a", 1))
		parent := t.TempDir()
		dir := filepath.Join(parent, "new", "a")
		for range 2 { // the second time it is there already
			if err := fetch.Files(t.Context(), b, m, dir); err != nil {
				t.Fatal(err)
			}
			if got := tree(t, parent); !slices.Equal(got, prefixed("new/a/", fetched)) {
				t.Errorf("fetched %q", got)
			}
		}
	})
}

func prefixed(prefix string, names []string) []string {
	var out []string
	for _, name := range names {
		out = append(out, prefix+name)
	}
	return out
}

// TestFetchFaults breaks each operation of a fetch: dir is whole or not there.
func TestFetchFaults(t *testing.T) {
	b := directory(t)
	m := publish(t, registry.New(b, registry.Kind{}), draft("a", 1))
	for n := range len(m.Files) {
		for _, fault := range []storetest.Fault{storetest.Fail, storetest.CrashBefore} {
			parent := t.TempDir()
			dir := filepath.Join(parent, "a")
			if err := fetch.Files(t.Context(), storetest.Break(b, storetest.At(n, fault)), m, dir); !errors.Is(err, storetest.ErrInjected) {
				t.Errorf("fault at operation %d: %v", n, err)
			}
			if got := tree(t, parent); len(got) != 0 {
				t.Errorf("fault at operation %d: left %q", n, got)
			}
		}
	}
}

func TestFetchRefusesDamage(t *testing.T) {
	b := directory(t)
	r := registry.New(b, registry.Kind{})
	m := publish(t, r, draft("a", 1))
	for _, body := range []string{"weights", "weightz 1"} {
		write(t, b, blobKey(m), body)
		parent := t.TempDir()
		err := fetch.Files(t.Context(), b, m, filepath.Join(parent, "a"))
		wantErr(t, "Fetch", err, registry.ErrCorrupt)
		if got := tree(t, parent); len(got) != 0 {
			t.Errorf("left %q", got)
		}
	}
	m.Files[0].Path = "../out"
	if err := fetch.Files(t.Context(), b, m, filepath.Join(t.TempDir(), "a")); err == nil {
		t.Error("a path out of the directory was fetched")
	}
}

func TestFetchIntoExisting(t *testing.T) {
	b := directory(t)
	r := registry.New(b, registry.Kind{})
	m := publish(t, r, draft("a", 1))
	for name, test := range map[string]struct {
		change func(dir string) error
		ok     bool
	}{
		"half": {func(dir string) error { return os.RemoveAll(filepath.Join(dir, "sub")) }, false},
		"changed": {func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "weights.bin"), []byte("weights 2"), 0o666)
		}, false},
		"extra":   {func(dir string) error { return os.WriteFile(filepath.Join(dir, "extra"), nil, 0o666) }, false},
		"missing": {func(dir string) error { return os.Remove(filepath.Join(dir, "weights.bin")) }, false},
		"link":    {func(dir string) error { return os.Symlink("weights.bin", filepath.Join(dir, "link")) }, false},
		"file":    {func(dir string) error { return errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o666)) }, false},
		"cleared": {func(dir string) error { return errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o777)) }, true},
	} {
		dir := filepath.Join(t.TempDir(), "a")
		if err := fetch.Files(t.Context(), b, m, dir); err != nil {
			t.Fatal(err)
		}
		if err := test.change(dir); err != nil {
			t.Fatal(err)
		}
		before := tree(t, dir)
		err := fetch.Files(t.Context(), b, m, dir)
		if test.ok {
			if err != nil || !slices.Equal(tree(t, dir), fetched) {
				t.Errorf("%s: %v, %q", name, err, tree(t, dir))
			}
			continue
		}
		if !errors.Is(err, fs.ErrExist) || !slices.Equal(tree(t, dir), before) {
			t.Errorf("%s: %v; before %q, after %q", name, err, before, tree(t, dir))
		}
	}
}

func TestFetchChecks(t *testing.T) {
	b := directory(t)
	r := registry.New(b, registry.Kind{})
	m := publish(t, r, draft("a", 1))
	parent := t.TempDir()
	dir := filepath.Join(parent, "a")
	errCheck := errors.New("not an adapter")
	refuse := func(private string) error {
		if private == dir || !slices.Equal(tree(t, private), fetched) {
			t.Errorf("check sees %s with %q", private, tree(t, private))
		}
		return errCheck
	}
	wantErr(t, "Fetch", fetch.Files(t.Context(), b, m, dir, refuse), errCheck)
	if got := tree(t, parent); len(got) != 0 {
		t.Errorf("left %q", got)
	}
	if err := fetch.Files(t.Context(), b, m, dir, func(string) error { return nil }); err != nil {
		t.Error(err)
	}
	wantErr(t, "Fetch of what is there", fetch.Files(t.Context(), b, m, dir, func(string) error { return errCheck }), errCheck)
}

// TestConcurrentFetches: all succeed, and one directory stays.
func TestConcurrentFetches(t *testing.T) {
	b := directory(t)
	r := registry.New(b, registry.Kind{})
	m := publish(t, r, draft("a", 1))
	parent := t.TempDir()
	var done sync.WaitGroup
	for range 8 {
		done.Go(func() {
			if err := fetch.Files(t.Context(), b, m, filepath.Join(parent, "a")); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	if got := tree(t, parent); !slices.Equal(got, prefixed("a/", fetched)) {
		t.Errorf("fetched %q", got)
	}
}

// TestFetchOver: the old directory goes whole or stays whole.
func TestFetchOver(t *testing.T) {
	b := directory(t)
	r := registry.New(b, registry.Kind{})
	one, two := publish(t, r, draft("a", 1)), publish(t, r, draft("a", 2))
	parent := t.TempDir()
	dir := filepath.Join(parent, "a")
	if err := fetch.Files(t.Context(), b, one, dir); err != nil {
		t.Fatal(err)
	}
	before := tree(t, parent)
	mine := errors.New("mine")
	wantErr(t, "FetchOver", fetch.Over(t.Context(), b, two, dir, func(string) error { return mine }), mine)
	wantErr(t, "FetchOver", fetch.Over(t.Context(), b, two, dir, func(string) error { return nil }, func(string) error { return mine }), mine)
	if got := tree(t, parent); !slices.Equal(got, before) {
		t.Errorf("there is %q", got)
	}
	if err := fetch.Over(t.Context(), b, two, dir, func(old string) error { return fetch.Files(t.Context(), b, one, old) }); err != nil {
		t.Fatal(err)
	}
	if err := fetch.Files(t.Context(), b, two, dir); err != nil {
		t.Errorf("another version is there: %v", err)
	}
	if got := tree(t, parent); len(got) != len(before) {
		t.Errorf("there is %q", got)
	}
}
