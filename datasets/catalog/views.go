package catalog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"github.com/cultivar/cultivar/internal/atomicfile"
	"github.com/cultivar/cultivar/internal/tempdir"
	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/cas"
	"github.com/cultivar/cultivar/store/probe"
	"github.com/cultivar/cultivar/store/registry"
)

func concat[T any](lists ...iter.Seq[T]) iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, list := range lists {
			for v := range list {
				if !yield(v) {
					return
				}
			}
		}
	}
}

func (c *Catalog) versionDir(name string, number int) string {
	return filepath.Join(c.place.Dir, name, "v"+strconv.Itoa(number))
}

// viewDir is the directory that shows a version, "" when there is none.
func (c *Catalog) viewDir(m Manifest) string {
	if c.place.Dir == "" {
		return ""
	}
	dir := c.versionDir(m.Name, m.Version)
	if info, err := os.Lstat(dir); err != nil || !info.IsDir() {
		return ""
	}
	return dir
}

// viewNames lists the directories that are named as datasets are; none where nothing is shown.
func (c *Catalog) viewNames() (names []string, err error) {
	if c.place.Dir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(c.place.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		if e.IsDir() && CheckName(e.Name()) == nil {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// shown lists the names with directories of versions.
func (c *Catalog) shown(ctx context.Context) (map[string][]int, error) {
	shown := map[string][]int{}
	names, err := c.viewNames()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		numbers, err := c.shownNumbers(ctx, name)
		if err != nil {
			return nil, err
		}
		if len(numbers) > 0 {
			shown[name] = numbers
		}
	}
	return shown, nil
}

// shownNumbers lists the directories of versions of a name, ascending, without those that were removed.
func (c *Catalog) shownNumbers(ctx context.Context, name string) ([]int, error) {
	numbers, err := c.viewNumbers(name)
	if err != nil || len(numbers) == 0 {
		return nil, err
	}
	gone, err := c.reg.RemovedVersions(ctx, name)
	return slices.DeleteFunc(numbers, func(n int) bool { return gone[n] }), err
}

func (c *Catalog) viewNumbers(name string) ([]int, error) {
	if c.place.Dir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(filepath.Join(c.place.Dir, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list versions: %w", err)
	}
	var numbers []int
	for _, e := range entries {
		if n, ok := parseVersion(e.Name()); ok && e.IsDir() {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// Settle is what whoever writes to a catalog does first. It refuses a bucket that is not safe to publish
// to, removes what killed builders left, moves versions of older programs into the bucket, and makes the
// directories that versions lack.
func (c *Catalog) Settle(ctx context.Context) error {
	if err := tempdir.Prepare(c.place.Scratch, c.place.Dir == ""); err != nil {
		return err
	}
	if err := probe.Ensure(ctx, c.place.Bucket); err != nil {
		return err
	}
	return c.settle(ctx)
}

// settle brings directories and bucket together: versions of older programs move into the bucket, and
// versions without a directory get one. Killed at any point it is done again by the next writer.
func (c *Catalog) settle(ctx context.Context) error {
	if c.place.Dir == "" {
		return nil
	}
	shown, err := c.shown(ctx)
	if err != nil {
		return err
	}
	for name, numbers := range shown {
		for _, n := range numbers { // of pages that were being written
			atomicfile.Sweep(c.versionDir(name, n))
		}
		if err := c.moveName(ctx, name, numbers); err != nil {
			return err
		}
	}
	names, err := c.reg.Names(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		versions, err := c.reg.Versions(ctx, name)
		if err != nil {
			return err
		}
		for _, n := range versions {
			if slices.Contains(shown[name], n) {
				continue
			}
			if err := c.show(ctx, name, n); err != nil {
				return fmt.Errorf("show %s@%d: %w", name, n, err)
			}
		}
	}
	return nil
}

// moveName moves those of the directories into the bucket that are no versions of it.
func (c *Catalog) moveName(ctx context.Context, name string, numbers []int) error {
	versions, err := c.reg.Versions(ctx, name)
	if err != nil {
		return err
	}
	for _, n := range numbers {
		if slices.Contains(versions, n) {
			continue
		}
		if err := c.moveIn(ctx, name, n); err != nil {
			return fmt.Errorf("move %s@%d into the store: %w", name, n, err)
		}
	}
	return nil
}

// moveIn makes a version of the bucket of one that an older program left in a directory, with the same
// name, number and digest. The files stay where they are and become the blobs. A damaged one, or a copy
// of another version, is left alone.
func (c *Catalog) moveIn(ctx context.Context, name string, number int) error {
	dir := c.versionDir(name, number)
	d, err := openDir(dir)
	if err != nil || d.Manifest.Name != name || d.Manifest.Version != number {
		return nil
	}
	for _, f := range d.Manifest.Files {
		path := filepath.Join(dir, filepath.FromSlash(f.Path))
		if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() || info.Size() != f.Size {
			return nil
		}
		if digest, size, err := sealFile(path); err != nil || digest != f.Digest || size != f.Size {
			return nil
		}
	}
	draft, err := d.Manifest.draft(dir)
	if err != nil {
		return err
	}
	draft.Version = number
	m, _, err := c.reg.Publish(ctx, draft)
	if errors.Is(err, registry.ErrVersionExists) {
		return nil
	}
	if err != nil {
		return err
	}
	temp, err := tempdir.New(c.place.Scratch)
	if err != nil {
		return err
	}
	return errors.Join(c.share(ctx, m, dir, temp.Path), temp.Remove())
}

// unmoved is the highest number among directories that are no version of the bucket, 0 when there is
// none: new versions come after it.
func (c *Catalog) unmoved(ctx context.Context, name string) (int, error) {
	numbers, err := c.shownNumbers(ctx, name)
	if err != nil {
		return 0, err
	}
	versions, err := c.reg.Versions(ctx, name)
	if err != nil {
		return 0, err
	}
	for _, n := range slices.Backward(numbers) {
		if !slices.Contains(versions, n) {
			return n, nil
		}
	}
	return 0, nil
}

// show makes the directory of a version.
func (c *Catalog) show(ctx context.Context, name string, number int) error {
	local, ok := c.place.Bucket.(store.Local)
	if !ok {
		return nil
	}
	m, err := c.reg.Get(ctx, name, number)
	if err != nil {
		return ignore(err, registry.ErrCorrupt)
	}
	temp, err := tempdir.New(c.place.Scratch)
	if err != nil {
		return err
	}
	defer func() { _ = temp.Remove() }()
	for _, f := range m.Files {
		path := filepath.Join(temp.Path, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := local.Expose(ctx, cas.Key(cas.Digest(f.Digest)), path); err != nil {
			return ignore(err, store.ErrNotExist) // store check tells of it
		}
	}
	return c.reveal(ctx, m, temp.Path)
}

func ignore(err error, known error) error {
	if errors.Is(err, known) {
		return nil
	}
	return err
}

// reveal turns a directory with the files of a version into the one that shows it, by one rename. When
// another process was first, that one stays.
func (c *Catalog) reveal(ctx context.Context, m registry.Manifest, dir string) error {
	mine, err := fromRegistry(m)
	if err != nil {
		return err
	}
	if err := c.share(ctx, m, dir, dir); err != nil {
		return err
	}
	if err := writeManifest(dir, &mine); err != nil {
		return err
	}
	target := c.versionDir(m.Name, m.Version)
	if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		return err
	}
	err = os.Rename(dir, target)
	if errors.Is(err, fs.ErrExist) || errors.Is(err, syscall.ENOTEMPTY) {
		return nil
	}
	if err != nil {
		return err
	}
	return atomicfile.SyncDir(filepath.Dir(target))
}

// share makes the files in a directory names of the blobs, which is what they are unless a blob was
// there before, and read-only. New names are made aside, in a directory that goes with its process.
func (c *Catalog) share(ctx context.Context, m registry.Manifest, dir, aside string) error {
	local, ok := c.place.Bucket.(store.Local)
	if !ok {
		return nil
	}
	for _, f := range m.Files {
		path := filepath.Join(dir, filepath.FromSlash(f.Path))
		same, err := c.isBlob(ctx, local, f, path)
		if err == nil && !same {
			next := filepath.Join(aside, ".link")
			if err = local.Expose(ctx, cas.Key(cas.Digest(f.Digest)), next); err == nil {
				err = os.Rename(next, path)
			}
		}
		if err == nil {
			err = os.Chmod(path, readOnly)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// isBlob says whether a path is a name of the blob's file.
func (c *Catalog) isBlob(ctx context.Context, local store.Local, f registry.File, path string) (bool, error) {
	blob, err := local.OpenFile(ctx, cas.Key(cas.Digest(f.Digest)))
	if err != nil {
		return false, err
	}
	defer blob.Close()
	a, err := blob.Stat()
	if err != nil {
		return false, err
	}
	b, err := os.Lstat(path)
	return err == nil && os.SameFile(a, b), err
}

// CheckViews compares the directories with the versions that they show. What it finds breaks no version,
// but whoever reads the directories is told something else than the catalog.
func (c *Catalog) CheckViews(ctx context.Context) ([]registry.Problem, error) {
	shown, err := c.shown(ctx)
	if err != nil {
		return nil, err
	}
	var problems []registry.Problem
	for name, numbers := range shown {
		for _, n := range numbers {
			dir := c.versionDir(name, n)
			for _, err := range c.checkView(ctx, name, n, dir) {
				problems = append(problems, registry.Problem{Key: dir, Reason: err.Error()})
			}
		}
	}
	registry.SortProblems(problems)
	return problems, nil
}

func (c *Catalog) checkView(ctx context.Context, name string, number int, dir string) []error {
	m, err := c.reg.Get(ctx, name, number)
	if errors.Is(err, registry.ErrNoVersion) {
		// An older program's, which is whole in itself.
		d, err := openDir(dir)
		if err != nil {
			return []error{err}
		}
		return d.content.verify(ctx, d)
	}
	if err != nil {
		return nil // a problem of the store's
	}
	mine, err := fromRegistry(m)
	if err != nil {
		return nil
	}
	local, _ := c.place.Bucket.(store.Local)
	return verifyDir(ctx, mine, dir, func(f File) bool {
		if local == nil {
			return false
		}
		same, err := c.isBlob(ctx, local, registry.File{Digest: f.Digest}, filepath.Join(dir, filepath.FromSlash(f.Path)))
		return same && err == nil
	})
}
