package cas

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cultivar/cultivar/internal/filelock"
	"github.com/cultivar/cultivar/internal/plainfile"
	"github.com/cultivar/cultivar/store"
)

const (
	// cacheLimit bounds what a cache keeps, in bytes. The blob that was fetched last stays whatever
	// its size.
	cacheLimit = 20 << 30
	fetching   = ".fetch-"
)

// Files opens blobs as files, to be read at any place. Of a bucket that is not on this machine it
// keeps copies in a directory, each verified before it has its name. It is safe for concurrent use,
// also from several processes.
type Files struct {
	blobs *Store
	cache string
	limit int64
}

// NewFiles returns the files of a store. The cache, which a bucket on this machine does without, is
// made when it is needed.
func NewFiles(blobs *Store, cache string) *Files {
	return &Files{blobs: blobs, cache: cache, limit: cacheLimit}
}

// Open opens a blob. Its size is that of the blob; the bytes are those of its digest unless they were
// changed since they were stored or fetched.
func (f *Files) Open(ctx context.Context, d Digest) (*os.File, error) {
	if _, err := ParseDigest(string(d)); err != nil {
		return nil, err
	}
	if local, ok := f.blobs.b.(store.Local); ok {
		return local.OpenFile(ctx, Key(d))
	}
	name := filepath.Join(f.cache, d.Hex())
	file, _, err := plainfile.Open(name)
	if err == nil {
		now := time.Now()
		_ = os.Chtimes(name, now, now) // the oldest go first
		return file, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open cached blob: %w", err)
	}
	file, err = f.fetch(ctx, d, name)
	if err != nil {
		return nil, fmt.Errorf("fetch blob %s: %w", d.Short(), err)
	}
	f.trim(name)
	return file, nil
}

// fetch copies a blob into the cache and returns it open, so that a trim of another process does not
// take it away.
func (f *Files) fetch(ctx context.Context, d Digest, name string) (file *os.File, err error) {
	if err := os.MkdirAll(f.cache, 0o700); err != nil {
		return nil, err
	}
	r, _, err := f.blobs.Get(ctx, d)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	file, err = os.CreateTemp(f.cache, fetching)
	if err != nil {
		return nil, err
	}
	if _, err = filelock.Hold(file); filelock.Missing(err) { // until it is closed nobody takes it for a dead process's
		err = nil
	}
	if err == nil {
		_, err = io.Copy(file, r) // the reader ends with ErrCorrupt unless the digest is right
	}
	for _, step := range []func() error{file.Sync, func() error { return file.Chmod(0o400) }, func() error { return os.Rename(file.Name(), name) }} {
		if err == nil {
			err = step()
		}
	}
	if err != nil {
		return nil, errors.Join(err, file.Close(), os.Remove(file.Name()))
	}
	return file, nil
}

// trim removes the blobs that were not used for longest until the rest keeps within the limit. What it
// cannot remove stays for the next time.
func (f *Files) trim(keep string) {
	list, sum := f.cached()
	for _, info := range list {
		name := filepath.Join(f.cache, info.Name())
		if sum <= f.limit || name == keep {
			continue
		}
		if os.Remove(name) == nil {
			sum -= info.Size()
		}
	}
}

// Unused lists the copies that nobody has opened since a time, and removes them unless it is dry. All of them
// can be fetched again.
func (f *Files) Unused(since time.Time, dry bool) (files int, bytes int64) {
	if f.cache == "" {
		return 0, 0
	}
	list, _ := f.cached()
	for _, info := range list {
		if info.ModTime().Before(since) && (dry || os.Remove(filepath.Join(f.cache, info.Name())) == nil) {
			files++
			bytes += info.Size()
		}
	}
	return files, bytes
}

// cached lists the copies, those first that were not used for longest, with the sum of their sizes, and removes
// what killed processes have left of fetching.
func (f *Files) cached() (list []fs.FileInfo, sum int64) {
	entries, err := os.ReadDir(f.cache)
	if err != nil {
		return nil, 0
	}
	for _, e := range entries {
		info, err := e.Info()
		switch {
		case err != nil:
		case strings.HasPrefix(e.Name(), fetching):
			sweep(filepath.Join(f.cache, e.Name()))
		default:
			list = append(list, info)
			sum += info.Size()
		}
	}
	slices.SortFunc(list, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	return list, sum
}

// sweep removes a file under way whose process is dead.
func sweep(name string) {
	file, _, err := plainfile.Open(name)
	if err != nil {
		return
	}
	defer func() { _ = file.Close() }()
	if filelock.Dead(file) && filelock.Named(file, name) {
		_ = os.Remove(name)
	}
}
