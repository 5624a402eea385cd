package registry_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/cas"
	"github.com/cultivar/cultivar/store/registry"
)

// named is a kind of which a version is named by its weights alone, and returns to what it was.
var named = registry.Kind{
	Prefix: "named/", Returns: true,
	Digest: func(files []registry.File, _ json.RawMessage) (string, error) {
		for _, f := range files {
			if f.Path == "weights.bin" {
				return f.Digest, nil
			}
		}
		return "", errors.New("no weights")
	},
}

// TestKinds: two kinds share a bucket and its blobs, and know nothing of each other's names.
func TestKinds(t *testing.T) {
	onEach(t, func(t *testing.T, b store.Bucket) {
		plain, other := registry.New(b, registry.Kind{}), registry.New(b, named)
		first := publish(t, plain, draft("a", 1))
		publish(t, other, draft("a", 1))
		publish(t, other, draft("b", 2))
		if want := string(cas.Sum([]byte("weights 2"))); publishAgain(t, other, draft("b", 2)).Digest != want {
			t.Errorf("a version is not named by its kind's digest, %s", want)
		}
		if names, err := plain.Names(t.Context()); !slices.Equal(names, []string{"a"}) || err != nil {
			t.Errorf("names %q, %v", names, err)
		}
		if names, err := other.Names(t.Context()); !slices.Equal(names, []string{"a", "b"}) || err != nil {
			t.Errorf("names of the other kind %q, %v", names, err)
		}
		if _, err := other.SetAlias(t.Context(), "a", "prod", 1, "me", "why"); err != nil {
			t.Fatal(err)
		}
		if _, err := plain.Alias(t.Context(), "a", "prod"); !errors.Is(err, registry.ErrNoAlias) {
			t.Errorf("an alias of another kind: %v", err)
		}
		both, err := registry.Check(t.Context(), b, true, registry.Kind{}, named)
		if err != nil || !both.OK() || both.Versions != 3 || both.Names != 3 || both.Aliases != 1 || len(both.Orphans) != 0 {
			t.Errorf("check of both kinds: %+v, %v", both, err)
		}
		one, err := registry.Check(t.Context(), b, true, registry.Kind{})
		if err != nil || !one.OK() || one.Versions != 1 || len(one.Orphans) != 1 {
			t.Errorf("check of one kind: %+v, %v", one, err)
		}
		remove(t, b, cas.Key(cas.Digest(first.Files[2].Digest)))
		if r, err := registry.Check(t.Context(), b, false, registry.Kind{}, named); err != nil || len(r.Problems) != 1 {
			t.Errorf("a blob of both is missing: %+v, %v", r, err)
		}
	})
}

func publishAgain(t *testing.T, r *registry.Registry, d registry.Draft) registry.Manifest {
	t.Helper()
	m, created, err := r.Publish(t.Context(), d)
	if err != nil || created {
		t.Fatalf("published again: created %t, %v", created, err)
	}
	return m
}

// TestReturns: of a kind that returns, what only an older version has is published again.
func TestReturns(t *testing.T) {
	r := registry.New(directory(t), named)
	for i, tt := range []struct {
		content, version, above int // asked for
		want                    int
		created                 bool
	}{
		{content: 1, want: 1, created: true},
		{content: 1, want: 1},
		{content: 2, want: 2, created: true},
		{content: 1, want: 3, created: true}, // back
		{content: 1, want: 3},
		{content: 1, version: 1, want: 1},
		{content: 2, version: 5, want: 5, created: true},
		{content: 2, version: 5, want: 5},
		{content: 2, above: 7, want: 8, created: true}, // something else has 6 and 7
	} {
		d := draft("a", tt.content)
		d.Version, d.Above = tt.version, tt.above
		if m, created, err := r.Publish(t.Context(), d); err != nil || m.Version != tt.want || created != tt.created {
			t.Errorf("%d: version %d, created %t, %v, want %d, %t", i, m.Version, created, err, tt.want, tt.created)
		}
	}
	d := draft("a", 3)
	d.Version = 1
	if _, _, err := r.Publish(t.Context(), d); !errors.Is(err, registry.ErrVersionExists) {
		t.Errorf("other content under a number that is taken: %v", err)
	}
}

// TestSealed: a file that is known is published as it stands, and a wrong digest never is.
func TestSealed(t *testing.T) {
	onEach(t, func(t *testing.T, b store.Bucket) {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte("content"), 0o444); err != nil {
			t.Fatal(err)
		}
		d := registry.Draft{Name: "a", Files: map[string]registry.Source{"f": registry.Sealed(path, cas.Sum([]byte("content")), 7)}}
		publish(t, registry.New(b, registry.Kind{}), d)
		wantClean(t, b)
	})
}

func TestList(t *testing.T) {
	b := directory(t)
	r := registry.New(b, registry.Kind{})
	for n := range 3 {
		publish(t, r, draft("a", n))
	}
	publish(t, r, draft("b", 1))
	if _, err := r.SetAlias(t.Context(), "a", "prod", 2, "me", ""); err != nil {
		t.Fatal(err)
	}
	want := func(name, want string, damaged int) {
		t.Helper()
		list, problems, err := r.List(t.Context(), name)
		got := ""
		for _, v := range list {
			got += fmt.Sprintf("%s@%d %s; ", v.Name, v.Version, strings.Join(v.Aliases, ","))
		}
		if got != want || len(problems) != damaged || err != nil {
			t.Errorf("list %q is %q, damaged %v, %v, want %q", name, got, problems, err, want)
		}
	}
	want("", "a@3 prod@2; b@1 ; ", 0)
	want("a", "a@1 ; a@2 prod; a@3 ; ", 0)
	write(t, b, "manifests/a/00000003.json", "{")
	want("", "b@1 ; ", 1)
	want("a", "a@1 ; a@2 prod; ", 1)
	if _, _, err := r.List(t.Context(), "absent"); !errors.Is(err, registry.ErrNoVersion) {
		t.Errorf("a name that is not there: %v", err)
	}
}

func TestEventsAndRollback(t *testing.T) {
	onEach(t, func(t *testing.T, b store.Bucket) {
		r, ctx := registry.New(b, named), t.Context()
		publish(t, r, draft("a", 1))
		publish(t, r, draft("a", 2))
		for _, v := range []int{1, 2} {
			if _, err := r.Promote(ctx, registry.Ref{Name: "a", Version: v}, "prod", "ann", "better"); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := r.Promote(ctx, registry.Ref{Name: "a"}, "prod", "", ""); !errors.Is(err, registry.ErrBadName) {
			t.Errorf("promoted no version: %v", err)
		}
		if e, err := r.Rollback(ctx, "a", "prod", "bob", "worse"); err != nil || e.Version != 1 {
			t.Errorf("rolled back to %+v, %v", e, err)
		}
		if _, err := r.Rollback(ctx, "a", "prod", "", ""); !errors.Is(err, registry.ErrNoEarlier) {
			t.Errorf("rolled back further: %v", err)
		}
		if _, err := r.SetAlias(ctx, "a", "prod", 0, "bob", "gone"); err != nil {
			t.Fatal(err)
		}
		events, err := r.Events(ctx, "a", "prod")
		got := ""
		for _, e := range events {
			got += fmt.Sprintf("%s %d %s; ", e.Event, e.Version, e.Who)
		}
		if got != "moved 1 ann; moved 2 ann; moved 1 bob; withdrawn 0 bob; " || err != nil {
			t.Errorf("events %q, %v", got, err)
		}
		write(t, b, "named/manifests/b/00000001.json", "{")
		publish(t, r, draft("b", 2))
		if all, err := r.Events(ctx, "b", ""); err != nil || len(all) != 1 {
			t.Errorf("events beside a damaged version %+v, %v", all, err)
		}
		if all, err := r.Events(ctx, "a", ""); err != nil || len(all) != 2 || all[0].Event != registry.Published {
			t.Errorf("events of the name %+v, %v", all, err)
		}
	})
}

// before is a bucket in which somebody else acts just before the first change below a prefix.
type before struct {
	store.Bucket
	prefix string
	act    func()
}

func (m *before) Put(ctx context.Context, key string, r io.Reader, size int64, cond store.Condition) (store.Object, error) {
	if act := m.act; act != nil && strings.HasPrefix(key, m.prefix) {
		m.act = nil
		act()
	}
	return m.Bucket.Put(ctx, key, r, size, cond)
}

// TestRollbackInItsTurn: where a rollback leads was decided by a history that is another one now. Two that undo
// one version do not go back two.
func TestRollbackInItsTurn(t *testing.T) {
	b := directory(t)
	r := registry.New(b, named)
	for v := 1; v <= 3; v++ {
		publish(t, r, draft("a", v))
		if _, err := r.Promote(t.Context(), registry.Ref{Name: "a", Version: v}, "prod", "ann", ""); err != nil {
			t.Fatal(err)
		}
	}
	slow := registry.New(&before{b, "named/refs/", func() {
		if e, err := r.Rollback(t.Context(), "a", "prod", "bob", ""); err != nil || e.Version != 2 {
			t.Errorf("the first: %+v, %v", e, err)
		}
	}}, named)
	if e, err := slow.Rollback(t.Context(), "a", "prod", "cia", ""); !errors.Is(err, registry.ErrMoved) {
		t.Errorf("the second: %+v, %v", e, err)
	}
	if e, err := r.Alias(t.Context(), "a", "prod"); err != nil || e.Version != 2 || e.Seq != 4 {
		t.Errorf("prod is %+v, %v", e, err)
	}
}

// TestOddNumbers: entries whose numbers nobody gave neither make numbers wrap round nor keep anybody reading.
func TestOddNumbers(t *testing.T) {
	b := directory(t)
	r := registry.New(b, named)
	publish(t, r, draft("a", 1))
	entry := func(seq uint64) string {
		return fmt.Sprintf(`{"schema_version": 1, "name": "a", "alias": "prod", "seq": %d, "version": 1, "who": "x", "why": ""}`, seq)
	}
	if _, err := r.SetAlias(t.Context(), "a", "prod", 1, "ann", ""); err != nil {
		t.Fatal(err)
	}
	write(t, b, "named/refs/a/prod/18446744073709551615.json", entry(math.MaxUint64))
	if e, err := r.SetAlias(t.Context(), "a", "prod", 1, "ann", ""); err != nil || e.Seq != 2 {
		t.Errorf("after a number that is too high: %+v, %v", e, err)
	}
	report, err := registry.Check(t.Context(), b, false, named)
	if err != nil || len(report.Problems) != 1 {
		t.Errorf("check finds %+v, %v", report.Problems, err)
	}
	last := uint64(1<<53 - 1)
	write(t, b, fmt.Sprintf("named/refs/a/prod/%020d.json", last), entry(last))
	if _, err := r.SetAlias(t.Context(), "a", "prod", 1, "ann", ""); !errors.Is(err, registry.ErrCorrupt) {
		t.Errorf("after the last number: %v", err)
	}
	if history, err := r.History(t.Context(), "a", "prod"); err != nil || len(history) != 3 {
		t.Errorf("history has %d entries, %v", len(history), err)
	}
	if _, err := r.Rollback(t.Context(), "a", "prod", "ann", ""); !errors.Is(err, registry.ErrCorrupt) {
		t.Errorf("rolled back by a history with holes: %v", err)
	}
}
