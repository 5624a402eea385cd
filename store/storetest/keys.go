package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/store"
)

func (s *suite) badKeys(t *testing.T) {
	b := s.open()
	for _, key := range []string{"", "/a", "a//b", "a/", "../x", "a/../b", "./a", `a\b`, "a\x00b", "a\nb", strings.Repeat("k", 256), strings.Repeat("k/", 600) + "k"} {
		_, err := b.Put(t.Context(), key, strings.NewReader("x"), 1, store.Condition{})
		wantErr(t, fmt.Sprintf("Put(%.20q)", key), err, store.ErrBadKey)
		_, _, err = b.Get(t.Context(), key)
		wantErr(t, fmt.Sprintf("Get(%.20q)", key), err, store.ErrBadKey)
		_, err = b.Stat(t.Context(), key)
		wantErr(t, fmt.Sprintf("Stat(%.20q)", key), err, store.ErrBadKey)
		wantErr(t, fmt.Sprintf("Delete(%.20q)", key), b.Delete(t.Context(), key), store.ErrBadKey)
	}
	wantKeys(t, b, "")
}

// oddKeys has every printable ASCII character, other alphabets, and names that mean something to
// some file system.
func (s *suite) oddKeys(t *testing.T) {
	b := s.open()
	keys := []string{
		"Case/Name", "case/name", "dot/.hidden", "dot/a..b", "dot/...", "dot/x.d", "dot/x.c", "mark/%41", "mark/A", "mark/!a",
		"space/ a b ", "plus/a+b", "query/a?b=c&d#e", "quote/'\"`", "glob/*[a]{b}", "odd/~$@:;,<>|^=()", "word/ключ/值/é/é",
		"long/" + strings.Repeat("L", 255), "long/" + strings.Repeat("l", 255), "long/" + strings.Repeat("é", 127),
	}
	for _, key := range keys {
		put(t, b, key, "body of "+key, store.Condition{IfAbsent: true})
	}
	for _, key := range keys {
		wantBody(t, b, key, "body of "+key)
	}
	slices.Sort(keys)
	wantKeys(t, b, "", keys...)
	for _, key := range keys {
		wantKeys(t, b, key, key)
		if err := b.Delete(t.Context(), key); err != nil {
			t.Errorf("Delete(%q): %v", key, err)
		}
	}
	wantKeys(t, b, "")
}

func (s *suite) nestedKeys(t *testing.T) {
	if s.noNesting {
		t.Skip("this store cannot hold an object below another's key")
	}
	b := s.open()
	put(t, b, "a/b", "child", store.Condition{})
	put(t, b, "a", "parent", store.Condition{})
	put(t, b, "a/b/c", "grandchild", store.Condition{})
	wantBody(t, b, "a", "parent")
	wantBody(t, b, "a/b", "child")
	wantKeys(t, b, "", "a", "a/b", "a/b/c")
	wantKeys(t, b, "a/", "a/b", "a/b/c")
	if err := b.Delete(t.Context(), "a/b"); err != nil {
		t.Fatal(err)
	}
	wantKeys(t, b, "", "a", "a/b/c")
}

// listOrder mixes bytes below and above "/", which a walk of directories gets wrong.
func (s *suite) listOrder(t *testing.T) {
	b := s.open()
	keys := []string{"a-b", "a/1", "a/10", "a/2/x", "a/2-x", "a/20", "a0", "B", "a.b/c", "ab/c", "z"}
	for i := range 30 {
		keys = append(keys, fmt.Sprintf("n/%08d.json", i*7))
	}
	for _, key := range keys {
		put(t, b, key, "x", store.Condition{})
	}
	slices.Sort(keys)
	wantKeys(t, b, "", keys...)
	for _, prefix := range []string{"a", "a/", "a/2", "a/2/", "n/0000000", "n/", "zz", "a/20/", "B"} {
		var want []string
		for _, key := range keys {
			if strings.HasPrefix(key, prefix) {
				want = append(want, key)
			}
		}
		wantKeys(t, b, prefix, want...)
	}
}

func (s *suite) listStops(t *testing.T) {
	b := s.open()
	for i := range 5 {
		put(t, b, fmt.Sprintf("k/%d", i), "x", store.Condition{})
	}
	n := 0
	for _, err := range b.List(t.Context(), "k/") {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Errorf("saw %d objects before the break, want 2", n)
	}
}
