package cas_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/cas"
	"github.com/cultivar/cultivar/store/file"
	"github.com/cultivar/cultivar/store/storetest"
)

func directory(t testing.TB) store.Bucket {
	t.Helper()
	b, err := file.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPutGet(t *testing.T) {
	b := storetest.Break(directory(t), nil)
	s := cas.New(b)
	for _, body := range []string{"", "abc", strings.Repeat("long ", 300_000)} {
		d, obj, err := s.Put(t.Context(), strings.NewReader(body))
		if err != nil || d != cas.Sum([]byte(body)) || obj.Size != int64(len(body)) {
			t.Fatalf("Put = %s, %+v, %v", d, obj, err)
		}
		r, size, err := s.Get(t.Context(), d)
		if err != nil || size != int64(len(body)) {
			t.Fatalf("Get = %d, %v", size, err)
		}
		got, err := io.ReadAll(iotest.OneByteReader(io.LimitReader(r, 10)))
		rest, restErr := io.ReadAll(r)
		if string(got)+string(rest) != body || err != nil || restErr != nil {
			t.Errorf("read %d bytes of %d, %v, %v", len(got)+len(rest), len(body), err, restErr)
		}
		r.Close()
	}
	// From FIPS 180-4's examples.
	if d := cas.Sum([]byte("abc")); d != "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Errorf("digest of abc is %s", d)
	}
	before := b.Ops()
	if _, _, err := s.Put(t.Context(), strings.NewReader("abc")); err != nil || b.Ops() != before+2 {
		t.Errorf("putting a blob again took %d operations (%v), want a look and a read", b.Ops()-before, err)
	}
}

func TestCorruption(t *testing.T) {
	b := directory(t)
	s := cas.New(b)
	d, _, err := s.Put(t.Context(), strings.NewReader("the right bytes"))
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"the wrong bytes", "short", "", "the right bytes and more"} {
		if _, err := b.Put(t.Context(), cas.Key(d), strings.NewReader(body), int64(len(body)), store.Condition{}); err != nil {
			t.Fatal(err)
		}
		if err := s.Verify(t.Context(), d); !errors.Is(err, cas.ErrCorrupt) || !strings.Contains(err.Error(), string(d)) {
			t.Errorf("%q under another's digest: %v", body, err)
		}
		r, _, err := s.Get(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); len(got) >= len(body) && len(body) > 0 || !errors.Is(err, cas.ErrCorrupt) {
			t.Errorf("%q: all %d wrong bytes came out, %v", body, len(got), err)
		}
		r.Close()
	}
	// A blob of the wrong size, or of the right one with other bytes, is written anew.
	for _, body := range []string{"short", "the wrong bytes"} {
		if _, err := b.Put(t.Context(), cas.Key(d), strings.NewReader(body), int64(len(body)), store.Condition{}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Put(t.Context(), strings.NewReader("the right bytes")); err != nil {
			t.Fatal(err)
		}
		if err := s.Verify(t.Context(), d); err != nil {
			t.Errorf("%q, after putting it again: %v", body, err)
		}
	}
}

// changing gives other bytes on the second reading.
type changing struct {
	*bytes.Reader
	readings int
}

func (c *changing) Seek(offset int64, whence int) (int64, error) {
	c.readings++
	if c.readings == 2 {
		c.Reader = bytes.NewReader([]byte("after!"))
	}
	return c.Reader.Seek(offset, whence)
}

func TestChangingSource(t *testing.T) {
	b := directory(t)
	if _, _, err := cas.New(b).Put(t.Context(), &changing{Reader: bytes.NewReader([]byte("before"))}); err == nil {
		t.Error("a source that changed was stored")
	}
	for blob, err := range cas.New(b).List(t.Context()) {
		t.Errorf("stored: %+v, %v", blob, err)
	}
}

func TestListAndMissing(t *testing.T) {
	b := directory(t)
	s := cas.New(b)
	want := map[cas.Digest]bool{"": true}
	for _, body := range []string{"a", "b", "c"} {
		d, _, err := s.Put(t.Context(), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		want[d] = true
	}
	if _, err := b.Put(t.Context(), "blobs/sha256/stray", strings.NewReader("x"), 1, store.Condition{}); err != nil {
		t.Fatal(err)
	}
	for blob, err := range s.List(t.Context()) {
		if err != nil || !want[blob.Digest] {
			t.Errorf("listed %+v, %v", blob, err)
		}
		delete(want, blob.Digest)
	}
	if len(want) != 0 {
		t.Errorf("not listed: %v", want)
	}
	if _, _, err := s.Get(t.Context(), cas.Sum([]byte("absent"))); !errors.Is(err, store.ErrNotExist) {
		t.Errorf("Get of an absent blob: %v", err)
	}
	if _, err := s.Stat(t.Context(), "md5:00"); err == nil {
		t.Error("Stat of a bad digest succeeded")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := s.Put(ctx, strings.NewReader("d")); !errors.Is(err, context.Canceled) {
		t.Errorf("Put after cancel: %v", err)
	}
}

func FuzzParseDigest(f *testing.F) {
	f.Add(string(cas.Sum(nil)))
	f.Add("sha256:zz")
	f.Add("SHA256:" + strings.Repeat("0", 64))
	f.Fuzz(func(t *testing.T, s string) {
		d, err := cas.ParseDigest(s)
		if err != nil {
			return
		}
		if string(d) != s || len(d.Hex()) != 64 || len(d.Short()) != 12 || store.CheckKey(cas.Key(d)) != nil {
			t.Errorf("ParseDigest(%q) = %q", s, d)
		}
	})
}
