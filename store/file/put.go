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
	"syscall"

	"github.com/cultivar/cultivar/store"
)

// errGone means that a temporary file was taken for that of a killed writer.
var errGone = errors.New("temporary file is gone")

// Put writes a temporary file, syncs it, and moves it to its place under the bucket's lock.
func (b *Bucket) Put(ctx context.Context, key string, r io.Reader, size int64, cond store.Condition) (store.Object, error) {
	obj, err := b.put(ctx, key, r, size, cond)
	if err != nil {
		return store.Object{}, fmt.Errorf("put %s: %w", key, err)
	}
	return obj, nil
}

func (b *Bucket) put(ctx context.Context, key string, r io.Reader, size int64, cond store.Condition) (store.Object, error) {
	if err := errors.Join(check(ctx, key), cond.Check()); err != nil {
		return store.Object{}, err
	}
	root, err := b.open(true)
	if err != nil {
		return store.Object{}, classifyWrite(err)
	}
	if cond != (store.Condition{}) {
		// The answer that counts is the one under the lock; this one spares a doomed upload.
		if err := holds(root, key, cond); err != nil {
			return store.Object{}, err
		}
	}
	temp, held, err := b.writeTemp(ctx, root, r, size)
	if err != nil {
		return store.Object{}, err
	}
	defer held.Close()
	obj, err := b.commit(ctx, root, temp, key, cond)
	if err != nil {
		root.Remove(temp)
	}
	return obj, err
}

// writeTemp stores exactly size bytes of r in a new, synced file. Until that is closed it is held: no sweep takes
// it for a dead writer's.
func (b *Bucket) writeTemp(ctx context.Context, root *os.Root, r io.Reader, size int64) (name string, held *os.File, err error) {
	if err := b.makeTempDir(root); err != nil {
		return "", nil, classifyWrite(err)
	}
	for held == nil {
		name = path.Join(tempDir, rand.Text())
		f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, b.mode&0o666)
		if err != nil {
			return "", nil, classifyWrite(err)
		}
		if held, err = hold(root, f, name); err != nil {
			root.Remove(name)
			return "", nil, err
		}
	}
	err = copyExactly(held, &contextReader{ctx, r}, size)
	if err == nil {
		err = held.Sync()
	}
	if err != nil {
		held.Close()
		root.Remove(name)
		return "", nil, err
	}
	return name, held, nil
}

// copyExactly copies size bytes and makes sure that r ends there.
func copyExactly(w io.Writer, r io.Reader, size int64) error {
	if size < 0 {
		return fmt.Errorf("negative size %d", size)
	}
	n, err := io.Copy(w, io.LimitReader(r, size))
	if err != nil {
		return err
	}
	if n < size {
		return fmt.Errorf("body ends after %d of %d bytes: %w", n, size, io.ErrUnexpectedEOF)
	}
	var one [1]byte
	switch n, err := io.ReadFull(r, one[:]); {
	case n > 0:
		return fmt.Errorf("body is longer than %d bytes", size)
	case err != io.EOF:
		return err
	}
	return nil
}

// holds checks a condition against what is stored now.
func holds(root *os.Root, key string, cond store.Condition) error {
	var current string
	obj, err := stat(root, key, encode(key))
	switch {
	case err == nil:
		current = obj.ETag
	case !errors.Is(err, fs.ErrNotExist):
		return classify(err)
	}
	switch {
	case cond.IfAbsent && err == nil:
		return store.ErrExist
	case cond.IfMatch != "" && cond.IfMatch != current:
		return store.ErrPrecondition
	}
	return nil
}

// commit makes a temporary file the object. The name is on disk when commit returns.
func (b *Bucket) commit(ctx context.Context, root *os.Root, temp, key string, cond store.Condition) (store.Object, error) {
	unlock, err := b.lock(ctx, root)
	if err != nil {
		return store.Object{}, classifyWrite(err)
	}
	defer unlock()
	target := encode(key)
	if err := holds(root, key, cond); err != nil {
		return store.Object{}, err
	}
	if err := b.makeParents(root, path.Dir(target)); err != nil {
		return store.Object{}, classifyWrite(err)
	}
	obj, err := stat(root, key, temp)
	if err != nil {
		return store.Object{}, fmt.Errorf("%w: %w", errGone, err)
	}
	if err := move(root, temp, target, cond.IfAbsent); err != nil {
		return store.Object{}, err
	}
	if err := syncDir(root, path.Dir(target)); err != nil {
		return store.Object{}, classifyWrite(err)
	}
	return obj, nil
}

// move puts temp in target's place. Create-only goes by link(2), which the kernel keeps to one
// winner even where flock does not reach other machines; file systems without links get a rename.
func move(root *os.Root, temp, target string, createOnly bool) error {
	if createOnly {
		err := root.Link(temp, target)
		switch {
		case err == nil:
			root.Remove(temp)
			return nil
		case errors.Is(err, fs.ErrExist):
			return store.ErrExist
		case !errors.Is(err, syscall.ENOTSUP) && !errors.Is(err, syscall.EPERM) && !errors.Is(err, syscall.EMLINK):
			return classifyWrite(err)
		}
	}
	if err := root.Rename(temp, target); err != nil {
		return classifyWrite(err)
	}
	return nil
}

// makeParents creates dir and what is above it, and syncs every directory it adds an entry to.
func (b *Bucket) makeParents(root *os.Root, dir string) error {
	if dir == "." {
		return nil
	}
	if _, err := root.Lstat(dir); err == nil {
		return nil
	}
	if err := b.makeParents(root, path.Dir(dir)); err != nil {
		return err
	}
	if err := root.Mkdir(dir, b.mode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(root, path.Dir(dir))
}

func syncDir(root *os.Root, dir string) error {
	f, err := root.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	// Some file systems cannot sync a directory and say so with EINVAL; they keep names their own way.
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return err
	}
	return nil
}

// Delete removes an object and the directories that it leaves empty.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	if err := b.remove(ctx, key, func(*os.Root) error { return nil }); err != nil {
		return fmt.Errorf("delete %s: %w", key, err)
	}
	return nil
}

// DeleteIf removes an object unless it has changed since it was described.
func (b *Bucket) DeleteIf(ctx context.Context, obj store.Object) error {
	err := b.remove(ctx, obj.Key, func(root *os.Root) error {
		now, err := stat(root, obj.Key, encode(obj.Key))
		if err == nil && (now.ETag != obj.ETag || !now.Modified.Equal(obj.Modified)) {
			return store.ErrPrecondition
		}
		return classify(err)
	})
	if err != nil {
		return fmt.Errorf("delete %s: %w", obj.Key, err)
	}
	return nil
}

// remove deletes an object if agree, which is asked under the lock, has no objection.
func (b *Bucket) remove(ctx context.Context, key string, agree func(*os.Root) error) error {
	if err := check(ctx, key); err != nil {
		return err
	}
	root, err := b.open(false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return classifyWrite(err)
	}
	target := encode(key)
	if _, err := root.Lstat(target); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	unlock, err := b.lock(ctx, root)
	if err != nil {
		return classifyWrite(err)
	}
	defer unlock()
	if err := agree(root); err != nil {
		return err
	}
	if err := root.Remove(target); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return classifyWrite(err)
	}
	dir := path.Dir(target)
	for dir != "." && root.Remove(dir) == nil { // a directory that is not empty stays
		dir = path.Dir(dir)
	}
	if err := syncDir(root, dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return classifyWrite(err)
	}
	return nil
}
