// Package fetch makes directories of versions in a registry: each whole and verified, or not there.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/cultivar/cultivar/internal/atomicfile"
	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/cas"
	"github.com/cultivar/cultivar/store/registry"
)

// Files makes dir hold exactly the files of a version. They are written and verified in a private
// directory beside it, which is synced and renamed into place when everything, including the checks,
// is right; so dir is never seen half filled or unverified. A dir that holds the version already is
// verified and left as it is; one that holds anything else is an error (fs.ErrExist).
func Files(ctx context.Context, b store.Bucket, m registry.Manifest, dir string, checks ...func(dir string) error) error {
	if err := files(ctx, b, m, dir, checks); err != nil {
		return fmt.Errorf("fetch %s: %w", m.Ref(), err)
	}
	return nil
}

func files(ctx context.Context, b store.Bucket, m registry.Manifest, dir string, checks []func(string) error) error {
	if err := registry.CheckFiles(m.Files); err != nil {
		return err
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	present, err := holds(ctx, m, dir)
	if err != nil {
		return err
	}
	if present {
		atomicfile.SweepPath(dir) // a fetch that was killed after the last step
		return runChecks(checks, dir)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o777); err != nil {
		return err
	}
	err = atomicfile.WriteDir(dir, func(private string) error { return fillAndCheck(ctx, b, m, private, checks) })
	if errors.Is(err, fs.ErrExist) {
		// Another fetch may have been first; then its directory is as good.
		if present, holdsErr := holds(ctx, m, dir); !present {
			return errors.Join(err, holdsErr)
		}
		return nil
	}
	return err
}

// Over is Files in the place of a directory that holds something else, which goes if spare, asked when
// nobody finds it by its path any more, has no objection.
func Over(ctx context.Context, b store.Bucket, m registry.Manifest, dir string, spare func(old string) error, checks ...func(dir string) error) error {
	err := registry.CheckFiles(m.Files)
	if err == nil {
		err = atomicfile.ReplaceDir(dir, spare, func(private string) error { return fillAndCheck(ctx, b, m, private, checks) })
	}
	if err != nil {
		return fmt.Errorf("fetch %s: %w", m.Ref(), err)
	}
	return nil
}

func fillAndCheck(ctx context.Context, b store.Bucket, m registry.Manifest, dir string, checks []func(string) error) error {
	if err := fill(ctx, cas.New(b), m, dir); err != nil {
		return err
	}
	return runChecks(checks, dir)
}

func runChecks(checks []func(string) error, dir string) error {
	for _, check := range checks {
		if err := check(dir); err != nil {
			return err
		}
	}
	return nil
}

// fill writes all files below dir, verified.
func fill(ctx context.Context, blobs *cas.Store, m registry.Manifest, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, f := range m.Files {
		if err := root.MkdirAll(path.Dir(f.Path), 0o777); err != nil {
			return err
		}
		if err := file(ctx, blobs, root, f); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	return nil
}

func file(ctx context.Context, blobs *cas.Store, root *os.Root, f registry.File) error {
	body, size, err := blobs.Get(ctx, cas.Digest(f.Digest))
	if err != nil {
		return err
	}
	defer body.Close()
	if size != f.Size {
		return fmt.Errorf("%w: blob has %d bytes, the manifest says %d", registry.ErrCorrupt, size, f.Size)
	}
	out, err := root.OpenFile(f.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, body) // the reader ends with ErrCorrupt unless the digest is right
	return errors.Join(err, out.Close())
}

// holds says whether dir is there with exactly the files of a version. A directory that is absent or
// empty is false without an error; anything else is an error.
func holds(ctx context.Context, m registry.Manifest, dir string) (bool, error) {
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !info.IsDir() {
		return false, fmt.Errorf("%s is not a directory: %w", dir, fs.ErrExist)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return false, err
	}
	defer root.Close()
	found, err := plainFiles(root)
	if err != nil {
		return false, err
	}
	if len(found) == 0 && len(m.Files) > 0 {
		return false, nil
	}
	for _, f := range m.Files {
		if !found[f.Path] {
			return false, fmt.Errorf("%s holds other files (%s is missing): %w", dir, f.Path, fs.ErrExist)
		}
		delete(found, f.Path)
		if same, err := hasContent(ctx, root, f); err != nil || !same {
			return false, errors.Join(err, fmt.Errorf("%s holds another %s: %w", dir, f.Path, fs.ErrExist))
		}
	}
	for extra := range found {
		return false, fmt.Errorf("%s holds other files (%s): %w", dir, extra, fs.ErrExist)
	}
	return true, nil
}

// plainFiles lists what is below a directory; whatever is no plain file counts as an odd name that no
// version has.
func plainFiles(root *os.Root) (map[string]bool, error) {
	found := map[string]bool{}
	err := fs.WalkDir(root.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if !d.Type().IsRegular() {
			p += " (" + d.Type().String() + ")"
		}
		found[p] = true
		return nil
	})
	return found, err
}

func hasContent(ctx context.Context, root *os.Root, want registry.File) (bool, error) {
	f, err := root.Open(want.Path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() != want.Size {
		return false, err
	}
	d, size, err := cas.DigestOf(ctx, f)
	return size == want.Size && string(d) == want.Digest, err
}
