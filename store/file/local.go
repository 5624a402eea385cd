package file

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"
	"time"

	"github.com/cultivar/cultivar/internal/plainfile"
	"github.com/cultivar/cultivar/store"
)

var _ store.Local = (*Bucket)(nil)

// OpenFile opens the file of an object.
func (b *Bucket) OpenFile(ctx context.Context, key string) (*os.File, error) {
	f, err := b.openFile(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", key, classify(err))
	}
	return f, nil
}

func (b *Bucket) openFile(ctx context.Context, key string) (*os.File, error) {
	if err := check(ctx, key); err != nil {
		return nil, err
	}
	root, err := b.open(false)
	if err != nil {
		return nil, err
	}
	f, _, err := plainfile.OpenIn(root, encode(key))
	return f, err
}

// adoptTries bounds the repetition of an adoption whose temporary name another handle has swept: a
// link is as old as its file.
const adoptTries = 3

// Adopt stores the file at path under key.
func (b *Bucket) Adopt(ctx context.Context, key, path string) (store.Object, error) {
	for try := 1; ; try++ {
		obj, err := b.adopt(ctx, key, path)
		if err == nil {
			return obj, nil
		}
		if !errors.Is(err, errGone) || try == adoptTries {
			return store.Object{}, fmt.Errorf("put %s: %w", key, err)
		}
	}
}

func (b *Bucket) adopt(ctx context.Context, key, from string) (store.Object, error) {
	if err := check(ctx, key); err != nil {
		return store.Object{}, err
	}
	root, err := b.open(true)
	if err != nil {
		return store.Object{}, classifyWrite(err)
	}
	if err := b.makeTempDir(root); err != nil {
		return store.Object{}, classifyWrite(err)
	}
	temp := path.Join(tempDir, rand.Text())
	if err := os.Link(from, filepath.Join(b.dir, filepath.FromSlash(temp))); noLinks(err) {
		return b.copyFrom(ctx, key, from)
	} else if err != nil {
		return store.Object{}, classifyWrite(err)
	}
	// Renaming a file over another name of itself does nothing and leaves both.
	defer root.Remove(temp)
	f, err := openLink(root, temp)
	if err != nil {
		return store.Object{}, err
	}
	defer f.Close()
	// An object is as young as its put, whatever it was made from.
	now := time.Now()
	if err := root.Chtimes(temp, now, now); err != nil {
		return store.Object{}, err
	}
	if err := f.Sync(); err != nil {
		return store.Object{}, err
	}
	return b.commit(ctx, root, temp, key, store.Condition{})
}

func (b *Bucket) copyFrom(ctx context.Context, key, from string) (store.Object, error) {
	f, err := os.Open(from)
	if err != nil {
		return store.Object{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return store.Object{}, err
	}
	return b.put(ctx, key, f, info.Size(), store.Condition{})
}

// noLinks holds for what systems answer where there are no links, none between two places, or too many.
func noLinks(err error) bool {
	for _, errno := range []error{syscall.EXDEV, syscall.EPERM, syscall.ENOTSUP, syscall.ENOSYS, syscall.EMLINK} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// openLink opens and holds a temporary name that was just made; errGone when a sweep was faster.
func openLink(root *os.Root, temp string) (*os.File, error) {
	f, err := root.Open(temp)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errGone, err)
	}
	held, err := hold(root, f, temp)
	if err == nil && held == nil {
		err = errGone
	}
	return held, err
}

// Expose makes path another name of the object's file.
func (b *Bucket) Expose(ctx context.Context, key, path string) error {
	f, err := b.openFile(ctx, key)
	if err != nil {
		return fmt.Errorf("expose %s: %w", key, classify(err))
	}
	defer f.Close()
	err = os.Link(filepath.Join(b.dir, filepath.FromSlash(encode(key))), path)
	if noLinks(err) {
		err = copyTo(path, f, b.mode&0o444)
	}
	if err != nil {
		return fmt.Errorf("expose %s: %w", key, err)
	}
	return nil
}

func copyTo(path string, r io.Reader, mode fs.FileMode) error {
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	if _, err = io.Copy(out, r); err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}
