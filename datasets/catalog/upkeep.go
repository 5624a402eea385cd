package catalog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/cultivar/cultivar/internal/tempdir"
	"github.com/cultivar/cultivar/store/registry"
)

// ErrForeign means that the directory of a version holds files that are not the version's.
var ErrForeign = errors.New("the directory holds other files")

// Concealed lists the versions that were removed and still have a directory.
func (c *Catalog) Concealed(ctx context.Context) ([]registry.Ref, error) {
	var list []registry.Ref
	names, err := c.viewNames()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		numbers, err := c.viewNumbers(name)
		if err != nil || len(numbers) == 0 {
			continue
		}
		gone, err := c.reg.RemovedVersions(ctx, name)
		if err != nil {
			return nil, err
		}
		for _, n := range numbers {
			if gone[n] {
				list = append(list, registry.Ref{Name: name, Version: n})
			}
		}
	}
	return list, nil
}

// Conceal removes the directory that shows a version. The version itself stays; Settle shows it again unless it
// was removed. A directory with files of somebody else's in it is ErrForeign, and stays; dry only tells.
func (c *Catalog) Conceal(ref registry.Ref, dry bool) error {
	if c.place.Dir == "" {
		return nil
	}
	dir := c.versionDir(ref.Name, ref.Version)
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := foreign(dir); err != nil || dry {
		return err
	}
	if err := tempdir.Prepare(c.place.Scratch, false); err != nil {
		return err
	}
	temp, err := tempdir.New(c.place.Scratch)
	if err != nil {
		return err
	}
	// Renamed first, so that nobody sees it half removed.
	err = os.Rename(dir, filepath.Join(temp.Path, "view"))
	_ = os.Remove(filepath.Dir(dir)) // unless there are other versions
	return errors.Join(err, temp.Remove())
}

// foreign refuses a directory in which there is more than its own manifest lists. Where that cannot be read,
// anything may be somebody's.
func foreign(dir string) error {
	d, err := openDir(dir)
	if err != nil {
		return fmt.Errorf("%s: %w: %w", dir, ErrForeign, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if more := unlisted(root, d.Manifest.listed()); len(more) > 0 {
		return fmt.Errorf("%s: %w: %w", dir, ErrForeign, more[0])
	}
	return nil
}

// Unused lists the copies of far files that nobody has read since a time, and removes them unless it is dry.
func (c *Catalog) Unused(since time.Time, dry bool) (files int, bytes int64) {
	return c.files.Unused(since, dry)
}

// Shown opens a file of the directory that shows a version. It may be anything: whoever reads it compares.
func (c *Catalog) Shown(ref registry.Ref, path string) (*os.File, error) {
	if c.place.Dir == "" {
		return nil, fs.ErrNotExist
	}
	return plain{c.versionDir(ref.Name, ref.Version)}.open(File{Path: path})
}

// OddViews lists the versions whose directories show something else.
func (c *Catalog) OddViews(ctx context.Context) ([]registry.Ref, error) {
	shown, err := c.shown(ctx)
	if err != nil {
		return nil, err
	}
	var odd []registry.Ref
	for _, name := range slices.Sorted(maps.Keys(shown)) {
		for _, n := range shown[name] {
			if len(c.checkView(ctx, name, n, c.versionDir(name, n))) > 0 {
				odd = append(odd, registry.Ref{Name: name, Version: n})
			}
		}
	}
	return odd, nil
}
