// Package storetest holds providers of store.Bucket to the contract, and breaks buckets on purpose
// for the tests of what is built on top.
package storetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/cultivar/cultivar/store"
)

// Option changes what Run expects.
type Option func(*suite)

// NoNesting is for stores on a plain file system, which cannot hold both "a" and "a/b". S3 itself
// and our own directory provider can.
func NoNesting() Option { return func(s *suite) { s.noNesting = true } }

type suite struct {
	open      func() store.Bucket
	noNesting bool
}

// Run tests everything that the comment on store.Bucket promises. fresh is called once a test; it
// returns a function that opens handles, all on the same bucket, which is empty at first.
func Run(t *testing.T, fresh func(testing.TB) (open func() store.Bucket), options ...Option) {
	var expect suite
	for _, option := range options {
		option(&expect)
	}
	for _, test := range []struct {
		name string
		run  func(*suite, *testing.T)
	}{
		{"RoundTrip", (*suite).roundTrip},
		{"Missing", (*suite).missing},
		{"Overwrite", (*suite).overwrite},
		{"Delete", (*suite).delete},
		{"BadKeys", (*suite).badKeys},
		{"OddKeys", (*suite).oddKeys},
		{"Nesting", (*suite).nestedKeys},
		{"ListOrder", (*suite).listOrder},
		{"ListStops", (*suite).listStops},
		{"WrongLength", (*suite).wrongLength},
		{"FailingReader", (*suite).failingReader},
		{"LargeObject", (*suite).largeObject},
		{"LargeConditions", (*suite).largeConditions},
		{"Conditions", (*suite).conditions},
		{"Cancelled", (*suite).cancelled},
		{"CancelledMidway", (*suite).cancelledMidway},
		{"TwoHandles", (*suite).twoHandles},
		{"ReadersDuringWrites", (*suite).readersDuringWrites},
		{"CreateRace", (*suite).createRace},
		{"SwapRace", (*suite).swapRace},
		{"URL", (*suite).url},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := expect
			s.open = fresh(t)
			test.run(&s, t)
		})
	}
}

func put(t *testing.T, b store.Bucket, key, body string, cond store.Condition) store.Object {
	t.Helper()
	obj, err := b.Put(t.Context(), key, strings.NewReader(body), int64(len(body)), cond)
	if err != nil {
		t.Fatalf("Put(%q): %v", key, err)
	}
	return obj
}

func get(t *testing.T, b store.Bucket, key string) (string, store.Object) {
	t.Helper()
	r, obj, err := b.Get(t.Context(), key)
	if err != nil {
		t.Fatalf("Get(%q): %v", key, err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("read %q: %v", key, err)
	}
	return string(data), obj
}

func list(t *testing.T, b store.Bucket, prefix string) []string {
	t.Helper()
	var keys []string
	for obj, err := range b.List(t.Context(), prefix) {
		if err != nil {
			t.Fatalf("List(%q): %v", prefix, err)
		}
		keys = append(keys, obj.Key)
	}
	return keys
}

func wantKeys(t *testing.T, b store.Bucket, prefix string, want ...string) {
	t.Helper()
	if got := list(t, b, prefix); !slices.Equal(got, want) {
		t.Errorf("List(%q)\n got %q\nwant %q", prefix, got, want)
	}
}

func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: error %v, want %v", what, err, want)
	}
}

func wantBody(t *testing.T, b store.Bucket, key, want string) {
	t.Helper()
	if got, _ := get(t, b, key); got != want {
		t.Errorf("Get(%q) = %.60q, want %.60q", key, got, want)
	}
}

func (s *suite) roundTrip(t *testing.T) {
	b := s.open()
	for _, body := range []string{"", "x", "hello\n", strings.Repeat("0123456789", 10_000)} {
		key := fmt.Sprintf("dir/of/%d", len(body))
		stored := put(t, b, key, body, store.Condition{})
		got, read := get(t, b, key)
		if got != body {
			t.Errorf("%s: read %d bytes, other than the %d written", key, len(got), len(body))
		}
		info, err := b.Stat(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		for _, obj := range []store.Object{stored, read, info} {
			if obj.Key != key || obj.Size != int64(len(body)) || obj.ETag == "" || obj.ETag != stored.ETag {
				t.Errorf("object %+v, want key %q, size %d, ETag %q", obj, key, len(body), stored.ETag)
			}
		}
		if info.Modified.IsZero() || !info.Modified.Equal(read.Modified) {
			t.Errorf("modified %v by Stat and %v by Get", info.Modified, read.Modified)
		}
		for obj, err := range b.List(t.Context(), key) {
			if err != nil || obj.ETag != stored.ETag || obj.Size != stored.Size || obj.Key != key {
				t.Errorf("listed %+v (%v), stored %+v", obj, err, stored)
			}
		}
	}
}

func (s *suite) missing(t *testing.T) {
	b := s.open()
	check := func(key string) {
		_, _, err := b.Get(t.Context(), key)
		wantErr(t, "Get", err, store.ErrNotExist)
		if err != nil && !strings.Contains(err.Error(), key) {
			t.Errorf("Get error %q does not name the key", err)
		}
		_, err = b.Stat(t.Context(), key)
		wantErr(t, "Stat", err, store.ErrNotExist)
		if err != nil && !strings.Contains(err.Error(), key) {
			t.Errorf("Stat error %q does not name the key", err)
		}
		if err := b.Delete(t.Context(), key); err != nil {
			t.Errorf("Delete of an absent object: %v", err)
		}
	}
	check("no/such/object") // before anything was written
	wantKeys(t, b, "")
	put(t, b, "no/such/objects", "x", store.Condition{})
	check("no/such/object")
	check("no/such") // a prefix of keys is not an object
}

func (s *suite) overwrite(t *testing.T) {
	b := s.open()
	first := put(t, b, "k", "one", store.Condition{})
	second := put(t, b, "k", "two", store.Condition{})
	if first.ETag == second.ETag {
		t.Errorf("ETag %q did not change with the bytes", first.ETag)
	}
	wantBody(t, b, "k", "two")
	wantKeys(t, b, "", "k")
}

func (s *suite) delete(t *testing.T) {
	b := s.open()
	put(t, b, "a/b/c", "x", store.Condition{})
	put(t, b, "a/d", "x", store.Condition{})
	if err := b.Delete(t.Context(), "a/b/c"); err != nil {
		t.Fatal(err)
	}
	wantKeys(t, b, "", "a/d")
	put(t, b, "a/b/c", "again", store.Condition{IfAbsent: true})
	wantBody(t, b, "a/b/c", "again")
}

func (s *suite) wrongLength(t *testing.T) {
	b := s.open()
	put(t, b, "kept", "old", store.Condition{})
	for _, cond := range []store.Condition{{}, {IfAbsent: true}} {
		for _, size := range []int64{-1, 4, 6, 0} {
			if _, err := b.Put(t.Context(), "new", strings.NewReader("12345"), size, cond); err == nil {
				t.Errorf("Put of 5 bytes as %d with %+v succeeded", size, cond)
			}
		}
	}
	if _, err := b.Put(t.Context(), "kept", strings.NewReader("12345"), 9, store.Condition{}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Put of a short body: %v, want io.ErrUnexpectedEOF", err)
	}
	wantKeys(t, b, "", "kept")
	wantBody(t, b, "kept", "old")
}

func (s *suite) failingReader(t *testing.T) {
	b := s.open()
	errRead := errors.New("tape is torn")
	body := io.MultiReader(strings.NewReader("half"), iotest.ErrReader(errRead))
	_, err := b.Put(t.Context(), "k", body, 8, store.Condition{})
	wantErr(t, "Put", err, errRead)
	wantKeys(t, b, "")
}

// LargeSize is above every threshold of the providers: a small object's, and a part's of 16 MiB.
const LargeSize = 17<<20 + 5

// pattern returns n bytes that differ by seed and do not compress into a period.
func pattern(seed byte, n int) []byte {
	data := make([]byte, n)
	state := uint64(seed) + 1
	for i := range data {
		state = bits.RotateLeft64(state*0x9e3779b97f4a7c15, 29) + 1
		data[i] = byte(state >> 32)
	}
	return data
}

func (s *suite) largeObject(t *testing.T) {
	b := s.open()
	for _, seed := range []byte{1, 2} {
		data := pattern(seed, LargeSize)
		stored, err := b.Put(t.Context(), "large", bytes.NewReader(data), LargeSize, store.Condition{})
		if err != nil {
			t.Fatal(err)
		}
		got, obj := get(t, b, "large")
		if !bytes.Equal([]byte(got), data) || obj.ETag != stored.ETag || obj.Size != LargeSize {
			t.Errorf("large object came back as %d bytes, %+v; stored %+v", len(got), obj, stored)
		}
	}
	short := io.LimitReader(bytes.NewReader(pattern(3, LargeSize)), LargeSize-1)
	if _, err := b.Put(t.Context(), "short", short, LargeSize, store.Condition{}); err == nil {
		t.Error("Put of a short large body succeeded")
	}
	long := bytes.NewReader(pattern(3, LargeSize+1))
	if _, err := b.Put(t.Context(), "long", long, LargeSize, store.Condition{}); err == nil {
		t.Error("Put of a long large body succeeded")
	}
	wantKeys(t, b, "", "large")
}

// largeConditions catches clients that lose the condition when they upload in parts.
func (s *suite) largeConditions(t *testing.T) {
	b := s.open()
	ctx := t.Context()
	one, two := pattern(1, LargeSize), pattern(2, LargeSize)
	first, err := b.Put(ctx, "k", bytes.NewReader(one), LargeSize, store.Condition{IfAbsent: true})
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.Put(ctx, "k", bytes.NewReader(two), LargeSize, store.Condition{IfAbsent: true})
	wantErr(t, "create over an object", err, store.ErrExist)
	_, err = b.Put(ctx, "k", bytes.NewReader(two), LargeSize, store.Condition{IfMatch: "no-such-etag"})
	wantErr(t, "swap with a wrong ETag", err, store.ErrPrecondition)
	if got, _ := get(t, b, "k"); got != string(one) {
		t.Error("a refused put changed the object")
	}
	second, err := b.Put(ctx, "k", bytes.NewReader(two), LargeSize, store.Condition{IfMatch: first.ETag})
	if err != nil || second.ETag == first.ETag {
		t.Errorf("swap with the right ETag: %+v, %v", second, err)
	}
	if got, _ := get(t, b, "k"); got != string(two) {
		t.Error("the swap did not store its bytes")
	}
}

func (s *suite) conditions(t *testing.T) {
	b := s.open()
	ctx := t.Context()
	_, err := b.Put(ctx, "k", strings.NewReader("x"), 1, store.Condition{IfMatch: "0123456789abcdef0123456789abcdef"})
	wantErr(t, "swap of an absent object", err, store.ErrPrecondition)
	wantKeys(t, b, "")

	first := put(t, b, "k", "one", store.Condition{IfAbsent: true})
	_, err = b.Put(ctx, "k", strings.NewReader("two"), 3, store.Condition{IfAbsent: true})
	wantErr(t, "create over an object", err, store.ErrExist)
	wantBody(t, b, "k", "one")

	second := put(t, b, "k", "two", store.Condition{IfMatch: first.ETag})
	_, err = b.Put(ctx, "k", strings.NewReader("three"), 5, store.Condition{IfMatch: first.ETag})
	wantErr(t, "swap with a stale ETag", err, store.ErrPrecondition)
	wantBody(t, b, "k", "two")

	if err := b.Delete(ctx, "k"); err != nil {
		t.Fatal(err)
	}
	_, err = b.Put(ctx, "k", strings.NewReader("four"), 4, store.Condition{IfMatch: second.ETag})
	wantErr(t, "swap of a deleted object", err, store.ErrPrecondition)

	if _, err := b.Put(ctx, "k", strings.NewReader("x"), 1, store.Condition{IfAbsent: true, IfMatch: "e"}); err == nil {
		t.Error("a contradictory condition was accepted")
	}
	wantKeys(t, b, "")
}

func (s *suite) cancelled(t *testing.T) {
	b := s.open()
	put(t, b, "k", "x", store.Condition{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.Put(ctx, "new", strings.NewReader("x"), 1, store.Condition{})
	wantErr(t, "Put", err, context.Canceled)
	_, _, err = b.Get(ctx, "k")
	wantErr(t, "Get", err, context.Canceled)
	_, err = b.Stat(ctx, "k")
	wantErr(t, "Stat", err, context.Canceled)
	wantErr(t, "Delete", b.Delete(ctx, "k"), context.Canceled)
	for _, err = range b.List(ctx, "") {
		if err != nil {
			break
		}
	}
	wantErr(t, "List", err, context.Canceled)
	wantKeys(t, b, "", "k")
}

func (s *suite) cancelledMidway(t *testing.T) {
	b := s.open()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	body := io.MultiReader(bytes.NewReader(pattern(1, 1<<20)), readerFunc(func(p []byte) (int, error) {
		cancel()
		return copy(p, "y"), nil
	}))
	_, err := b.Put(ctx, "k", body, LargeSize, store.Condition{})
	wantErr(t, "Put", err, context.Canceled)
	wantKeys(t, b, "")
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func (s *suite) twoHandles(t *testing.T) {
	one, two := s.open(), s.open()
	first := put(t, one, "k", "one", store.Condition{})
	wantBody(t, two, "k", "one")
	put(t, two, "k", "two", store.Condition{IfMatch: first.ETag})
	wantBody(t, one, "k", "two")
	_, err := one.Put(t.Context(), "k", strings.NewReader("x"), 1, store.Condition{IfAbsent: true})
	wantErr(t, "create over the other handle's object", err, store.ErrExist)
	if err := one.Delete(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	_, err = two.Stat(t.Context(), "k")
	wantErr(t, "Stat of what the other handle deleted", err, store.ErrNotExist)
}

func (s *suite) url(t *testing.T) {
	if url := s.open().URL(); !strings.Contains(url, "://") || strings.Contains(url, "@") {
		t.Errorf("URL %q", url)
	}
}

// uniqueKey returns a key that no other test uses.
func uniqueKey(dir string) string { return dir + "/" + strings.ToLower(rand.Text()) }
