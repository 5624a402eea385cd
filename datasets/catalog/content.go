package catalog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cultivar/cultivar/internal/atomicfile"
	"github.com/cultivar/cultivar/internal/plainfile"
	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/cas"
)

// content is where the files of a version are.
type content interface {
	// open opens a file; the caller compares its digest.
	open(f File) (*os.File, error)
	// context ends the reading of rows.
	context() context.Context
	// verify reads everything again and returns all that is wrong.
	verify(ctx context.Context, d *Dataset) []error
}

// blobs is content in the catalog's bucket.
type blobs struct {
	ctx context.Context // that of Open: rows are read long after it, and far away
	c   *Catalog
}

func (b *blobs) open(f File) (*os.File, error) {
	file, err := b.c.files.Open(b.ctx, cas.Digest(f.Digest))
	if errors.Is(err, store.ErrNotExist) || errors.Is(err, cas.ErrCorrupt) {
		err = fmt.Errorf("%w: %s: %w", ErrCorrupt, f.Path, err)
	}
	return file, err
}

func (b *blobs) context() context.Context { return b.ctx }

// verify reads the bucket, never a cache.
func (b *blobs) verify(ctx context.Context, d *Dataset) []error {
	m := d.Manifest
	now, err := b.c.reg.Get(ctx, m.Name, m.Version)
	if err != nil {
		return []error{notFound(err)}
	}
	var problems []error
	if now.Digest != m.Digest {
		problems = append(problems, fmt.Errorf("%w: manifest was replaced", ErrCorrupt))
	}
	for _, f := range m.Files {
		if err := ctx.Err(); err != nil {
			return []error{err}
		}
		if err := b.c.verifyBlob(ctx, f); err != nil {
			problems = append(problems, err)
		}
	}
	if d.dir != "" {
		problems = append(problems, b.c.checkView(ctx, m.Name, m.Version, d.dir)...)
	}
	return problems
}

func (c *Catalog) verifyBlob(ctx context.Context, f File) error {
	r, size, err := cas.New(c.place.Bucket).Get(ctx, cas.Digest(f.Digest))
	if err == nil {
		defer r.Close()
		if size != f.Size {
			return fmt.Errorf("%w: %s has %d bytes, want %d", ErrCorrupt, f.Path, size, f.Size)
		}
		_, err = io.Copy(io.Discard, r)
	}
	if errors.Is(err, store.ErrNotExist) || errors.Is(err, cas.ErrCorrupt) {
		return fmt.Errorf("%w: %s: %w", ErrCorrupt, f.Path, err)
	}
	return err
}

// plain is content in a directory that stands for itself. Names come from a manifest, which may be
// anybody's: they are resolved below the directory and not through links out of it.
type plain struct{ dir string }

func (p plain) open(f File) (*os.File, error) {
	root, err := os.OpenRoot(p.dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	file, _, err := plainfile.OpenIn(root, filepath.FromSlash(f.Path))
	return file, err
}

func (p plain) context() context.Context { return context.Background() }

func (p plain) verify(ctx context.Context, d *Dataset) []error {
	return verifyDir(ctx, d.Manifest, p.dir, func(File) bool { return false })
}

// verifyDir compares a directory with a manifest: files that are missing, changed, or not listed. Those
// that known vouches for are not read.
func verifyDir(ctx context.Context, m Manifest, dir string, known func(File) bool) []error {
	now, err := openDir(dir)
	if err != nil {
		return []error{err}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return []error{err}
	}
	defer root.Close()
	var problems []error
	if now.Manifest.Digest != m.Digest {
		problems = append(problems, fmt.Errorf("%w: manifest was replaced", ErrCorrupt))
	}
	listed := m.listed()
	for _, f := range m.Files {
		if err := ctx.Err(); err != nil {
			return []error{err}
		}
		if known(f) {
			continue
		}
		if err := verifyFile(ctx, root, f); err != nil {
			problems = append(problems, err)
		}
	}
	return append(problems, unlisted(root, listed)...)
}

// listed are the files that the directory of a version may hold.
func (m *Manifest) listed() map[string]bool {
	listed := map[string]bool{manifestName: true, cardName: true, ReportName: true}
	for _, f := range m.Files {
		listed[f.Path] = true
	}
	return listed
}

func verifyFile(ctx context.Context, root *os.Root, entry File) error {
	f, info, err := plainfile.OpenIn(root, filepath.FromSlash(entry.Path))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	defer f.Close()
	if info.Size() != entry.Size { // it may be very large
		return damagedSize(entry, info)
	}
	digest, size, err := cas.DigestOf(ctx, f)
	if err != nil {
		return fmt.Errorf("read %s: %w", entry.Path, err)
	}
	if size != entry.Size || string(digest) != entry.Digest {
		return damagedFile(entry, size, string(digest))
	}
	return nil
}

// damagedFile says that a file has other bytes than its manifest says.
func damagedFile(entry File, size int64, digest string) error {
	return fmt.Errorf("%w: %s is %s with %d bytes, want %s with %d", ErrCorrupt, entry.Path, digest, size, entry.Digest, entry.Size)
}

// damagedSize says that a file is longer or shorter than its manifest says.
func damagedSize(entry File, info fs.FileInfo) error {
	return fmt.Errorf("%w: %s has %d bytes, want %d", ErrCorrupt, entry.Path, info.Size(), entry.Size)
}

func unlisted(root *os.Root, listed map[string]bool) []error {
	var problems []error
	err := fs.WalkDir(root.FS(), ".", func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && !listed[path] && !atomicfile.IsTemp(e.Name()) {
			problems = append(problems, fmt.Errorf("%w: %s is not in the manifest", ErrCorrupt, path))
		}
		return err
	})
	if err != nil {
		problems = append(problems, err)
	}
	return problems
}
