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

	"github.com/cultivar/cultivar/internal/plainfile"
	"github.com/cultivar/cultivar/store"
)

const (
	// cacheLimit bounds what a cache keeps, in bytes. The blob that was fetched last stays whatever
	// its size.
	cacheLimit = 20 << 30
	fetching   = ".fetch-"
	// abandoned is the age at which a file under way is taken for the rest of a killed process.
	abandoned = 24 * time.Hour
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
	_, err = io.Copy(file, r) // the reader ends with ErrCorrupt unless the digest is right
	if err == nil {
		err = errors.Join(file.Sync(), file.Chmod(0o400), os.Rename(file.Name(), name))
	}
	if err != nil {
		return nil, errors.Join(err, file.Close(), os.Remove(file.Name()))
	}
	return file, nil
}

// trim removes the blobs that were not used for longest until the rest keeps within the limit. What it
// cannot remove stays for the next time.
func (f *Files) trim(keep string) {
	entries, err := os.ReadDir(f.cache)
	if err != nil {
		return
	}
	var list []fs.FileInfo
	var sum int64
	for _, e := range entries {
		info, err := e.Info()
		switch {
		case err != nil:
		case strings.HasPrefix(e.Name(), fetching):
			if time.Since(info.ModTime()) > abandoned {
				_ = os.Remove(filepath.Join(f.cache, e.Name()))
			}
		default:
			list = append(list, info)
			sum += info.Size()
		}
	}
	slices.SortFunc(list, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
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
