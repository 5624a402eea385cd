// Package file keeps a bucket in a directory: plain files under readable names, safe for several
// processes at once. docs/format/store.md describes the layout.
package file

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/cultivar/cultivar/internal/plainfile"
	"github.com/cultivar/cultivar/store"
)

const (
	lockName = ".lock"
	tempDir  = ".tmp"
	// smallObject is the size up to which an ETag is a digest of the content. Larger objects are
	// told apart by size, inode and time of modification, because Stat must not read gigabytes;
	// a put always makes a new inode.
	smallObject = 1 << 20
)

// Bucket is a store.Bucket in a directory. The directory is created by the first put.
type Bucket struct {
	dir  string      // absolute
	mode fs.FileMode // of directories that are made; files have its bits for reading and writing

	mu    sync.Mutex // guards what follows
	root  *os.Root   // nil until the directory has been seen to exist
	swept bool       // whether this handle has removed old temporary files
}

// Open returns the bucket in dir. The directory need not exist.
func Open(dir string) (*Bucket, error) { return open(dir, 0o777) }

// OpenPrivate is Open for what is nobody else's business: other users can neither enter the directories nor
// read the files that are made.
func OpenPrivate(dir string) (*Bucket, error) { return open(dir, 0o700) }

func open(dir string, mode fs.FileMode) (*Bucket, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", dir, err)
	}
	if info, err := os.Stat(abs); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("open bucket %s: %w", abs, syscall.ENOTDIR)
	}
	return &Bucket{dir: abs, mode: mode}, nil
}

// URL names the bucket as a file:// URL.
func (b *Bucket) URL() string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(b.dir)}).String()
}

// open returns the bucket's root, fs.ErrNotExist when there is no directory yet and create is not set.
func (b *Bucket) open(create bool) (*os.Root, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.root != nil {
		return b.root, nil
	}
	if create {
		if err := os.MkdirAll(b.dir, b.mode); err != nil {
			return nil, err
		}
	}
	root, err := os.OpenRoot(b.dir)
	if err == nil {
		b.root = root
	}
	return root, err
}

// Get opens an object. A small one is read at once, so that its bytes are those of its ETag.
func (b *Bucket) Get(ctx context.Context, key string) (io.ReadCloser, store.Object, error) {
	if err := check(ctx, key); err != nil {
		return nil, store.Object{}, fmt.Errorf("get %s: %w", key, err)
	}
	root, err := b.open(false)
	if err != nil {
		return nil, store.Object{}, fmt.Errorf("get %s: %w", key, classify(err))
	}
	body, obj, err := openObject(root, key, encode(key))
	if err != nil {
		return nil, store.Object{}, fmt.Errorf("get %s: %w", key, classify(err))
	}
	return struct {
		io.Reader
		io.Closer
	}{&contextReader{ctx, body}, body}, obj, nil
}

// Stat describes an object.
func (b *Bucket) Stat(ctx context.Context, key string) (store.Object, error) {
	if err := check(ctx, key); err != nil {
		return store.Object{}, fmt.Errorf("stat %s: %w", key, err)
	}
	root, err := b.open(false)
	if err != nil {
		return store.Object{}, fmt.Errorf("stat %s: %w", key, classify(err))
	}
	obj, err := stat(root, key, encode(key))
	if err != nil {
		return store.Object{}, fmt.Errorf("stat %s: %w", key, classify(err))
	}
	return obj, nil
}

func stat(root *os.Root, key, path string) (store.Object, error) {
	body, obj, err := openObject(root, key, path)
	if err == nil {
		body.Close()
	}
	return obj, err
}

// openObject opens the file of an object and describes it. What comes back reads from memory when
// the object is small and from the file otherwise; either way it is one version of the object,
// because puts replace files and never write into them.
func openObject(root *os.Root, key, path string) (io.ReadCloser, store.Object, error) {
	f, info, err := plainfile.OpenIn(root, path)
	if err != nil {
		return nil, store.Object{}, err
	}
	obj := store.Object{Key: key, Size: info.Size(), Modified: info.ModTime()}
	if info.Size() > smallObject {
		obj.ETag = identity(info)
		return f, obj, nil
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, store.Object{}, err
	}
	obj.Size, obj.ETag = int64(len(data)), contentTag(data)
	return io.NopCloser(bytes.NewReader(data)), obj, nil
}

// contentTag is the ETag of a small object: 128 bits of its SHA-256.
func contentTag(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:16])
}

// identity is the ETag of a large object.
func identity(info fs.FileInfo) string {
	var inode uint64
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		inode = sys.Ino
	}
	return contentTag(fmt.Appendf(nil, "%d %d %d", info.Size(), inode, info.ModTime().UnixNano()))
}

func check(ctx context.Context, key string) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return store.CheckKey(key)
}

// classify adds the store's word for an error of the file system, and keeps the error.
func classify(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w (%w)", store.ErrNotExist, err)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w (%w)", store.ErrReadOnly, err)
	}
	return err
}

// classifyWrite is classify for changes, where lacking permission means read-only.
func classifyWrite(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w (%w)", store.ErrReadOnly, err)
	}
	return classify(err)
}

// contextReader ends with the context's error once that is done.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r *contextReader) Read(p []byte) (int, error) {
	if err := context.Cause(r.ctx); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
