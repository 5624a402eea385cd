// Package cas keeps blobs under the SHA-256 of their content, so that equal content is stored once,
// writing twice is harmless, and every read can be checked. SHA-256 is ours because ETags are not
// digests: S3 makes them differently for uploads in parts and for encrypted objects.
package cas

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"os"
	"strings"

	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/reap"
)

// ErrCorrupt means that stored bytes are not those that their name promises.
var ErrCorrupt = errors.New("content does not match its digest")

// prefix is where blobs live.
const prefix = "blobs/sha256/"

// Key returns the key of a blob's object.
func Key(d Digest) string { return prefix + d.Hex() }

// Store keeps blobs in a bucket. It is safe for concurrent use.
type Store struct {
	b     store.Bucket
	marks *reap.Marks // of what is about to be deleted
}

// New returns the blobs of a bucket.
func New(b store.Bucket) *Store { return &Store{b: b} }

// Renewing is the same blobs for whoever is going to refer to what it puts: a blob that is there, but is marked
// to be deleted, is put again.
func (s *Store) Renewing(marks *reap.Marks) *Store { return &Store{b: s.b, marks: marks} }

// Put stores the content of r, from its start, and returns its digest and object. The content is read
// again and again: to name it, to compare it with a blob that is there already, to send it. A source that
// changes in between is an error and stores nothing.
func (s *Store) Put(ctx context.Context, r io.ReadSeeker) (Digest, store.Object, error) {
	d, size, err := DigestOf(ctx, r)
	if err != nil {
		return "", store.Object{}, fmt.Errorf("digest blob: %w", err)
	}
	obj, there, err := s.present(ctx, d, size, r)
	if there || err != nil {
		return d, obj, err
	}
	obj, err = s.send(ctx, d, size, r)
	return d, obj, err
}

// PutFile stores a file that nobody changes any more, of which digest and size are known. A bucket on
// this machine takes the file itself, without a copy where it can.
func (s *Store) PutFile(ctx context.Context, path string, d Digest, size int64) (store.Object, error) {
	f, err := os.Open(path)
	if err != nil {
		return store.Object{}, err
	}
	defer f.Close()
	obj, there, err := s.present(ctx, d, size, f)
	if there || err != nil {
		return obj, err
	}
	if local, ok := s.b.(store.Local); ok {
		return local.Adopt(ctx, Key(d), path)
	}
	return s.send(ctx, d, size, f)
}

// present looks for a blob that has the bytes of r: what has the name and the size of the content is not
// yet the content. The store is asked to compare, and read when it cannot.
func (s *Store) present(ctx context.Context, d Digest, size int64, r io.ReadSeeker) (obj store.Object, there bool, err error) {
	obj, err = s.b.Stat(ctx, Key(d))
	if errors.Is(err, store.ErrNotExist) {
		return obj, false, nil
	}
	if err != nil || obj.Size != size || s.marks.Has(Key(d)) {
		return obj, false, err
	}
	if c, ok := s.b.(store.Comparer); ok {
		if _, err := r.Seek(0, io.SeekStart); err != nil {
			return obj, false, fmt.Errorf("rewind blob: %w", err)
		}
		if same, known, err := c.Holds(ctx, Key(d), r); known || err != nil {
			return obj, same, err
		}
	}
	err = s.Verify(ctx, d)
	if errors.Is(err, ErrCorrupt) || errors.Is(err, store.ErrNotExist) {
		return obj, false, nil // it is written again
	}
	return obj, err == nil, err
}

func (s *Store) send(ctx context.Context, d Digest, size int64, r io.ReadSeeker) (store.Object, error) {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return store.Object{}, fmt.Errorf("rewind blob: %w", err)
	}
	body := &verifier{r: r, h: sha256.New(), want: d, size: size, changed: errChanged}
	// No condition: whoever writes this key writes these bytes.
	return s.b.Put(ctx, Key(d), body, size, store.Condition{})
}

var errChanged = errors.New("source changed while it was stored")

// DigestOf digests what r holds from its start, and returns its size in bytes.
func DigestOf(ctx context.Context, r io.ReadSeeker) (Digest, int64, error) {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return "", 0, err
	}
	h := sha256.New()
	buffer := make([]byte, 256<<10)
	var size int64
	for {
		if err := context.Cause(ctx); err != nil {
			return "", 0, err
		}
		n, err := r.Read(buffer)
		h.Write(buffer[:n])
		size += int64(n)
		if err == io.EOF {
			return digestOf(h), size, nil
		}
		if err != nil {
			return "", 0, err
		}
	}
}

// Get opens a blob. Reading to the end verifies it: instead of io.EOF there is ErrCorrupt when the
// bytes are others. Bytes read before that are not verified yet.
func (s *Store) Get(ctx context.Context, d Digest) (io.ReadCloser, int64, error) {
	if _, err := ParseDigest(string(d)); err != nil {
		return nil, 0, err
	}
	r, obj, err := s.b.Get(ctx, Key(d))
	if err != nil {
		return nil, 0, err
	}
	v := &verifier{r: r, h: sha256.New(), want: d, size: obj.Size, changed: ErrCorrupt}
	return struct {
		io.Reader
		io.Closer
	}{v, r}, obj.Size, nil
}

// Stat describes a blob's object.
func (s *Store) Stat(ctx context.Context, d Digest) (store.Object, error) {
	if _, err := ParseDigest(string(d)); err != nil {
		return store.Object{}, err
	}
	return s.b.Stat(ctx, Key(d))
}

// Verify reads a blob to its end.
func (s *Store) Verify(ctx context.Context, d Digest) error {
	r, _, err := s.Get(ctx, d)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(io.Discard, r)
	return err
}

// List yields the blobs, in order of digest, with their objects. Objects whose name is no digest are
// yielded with an empty digest.
func (s *Store) List(ctx context.Context) iter.Seq2[Blob, error] {
	return func(yield func(Blob, error) bool) {
		for obj, err := range s.b.List(ctx, prefix) {
			d, parseErr := ParseDigest(algorithm + strings.TrimPrefix(obj.Key, prefix))
			if parseErr != nil {
				d = ""
			}
			if !yield(Blob{d, obj}, err) || err != nil {
				return
			}
		}
	}
}

// Blob is a stored blob.
type Blob struct {
	Digest Digest
	Object store.Object
}

// verifier hashes what is read. It holds the last bytes back until it knows that all are right, so
// that a consumer which needs the announced number of bytes never gets them when they are wrong.
type verifier struct {
	r       io.Reader
	h       hash.Hash
	want    Digest
	size    int64
	n       int64
	changed error // what to say when the bytes are others
	err     error
}

func (v *verifier) Read(p []byte) (int, error) {
	if v.err != nil {
		return 0, v.err
	}
	n, err := v.r.Read(p)
	v.h.Write(p[:n])
	v.n += int64(n)
	if err == nil && v.n < v.size {
		return n, nil
	}
	if err != nil && err != io.EOF {
		v.err = err
		return n, err
	}
	if v.n != v.size || digestOf(v.h) != v.want {
		v.err = fmt.Errorf("%s: %w", v.want, v.changed)
		return 0, v.err
	}
	if err == io.EOF {
		v.err = io.EOF
	}
	return n, err
}
