package publish

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/cas"
	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/store/registry/fetch"
)

// Replace is Pull into a directory that may hold another adapter, which makes room in one step: whoever looks
// finds the old one or the new one. A directory that holds anything that the store has not, be it a note or an
// adapter that was trained there, is left as it is.
func Replace(ctx context.Context, reg *registry.Registry, ref, out string, validate func(dir string) error) (Result, error) {
	r, err := Pull(ctx, reg, ref, out, validate)
	if !errors.Is(err, fs.ErrExist) || !IsAdapter(out) {
		return r, err
	}
	m, err := replace(ctx, reg, ref, out, validate)
	if err != nil {
		return Result{}, fmt.Errorf("replace adapter in %s: %w", out, err)
	}
	return Result{Manifest: m}, nil
}

func replace(ctx context.Context, reg *registry.Registry, ref, out string, validate func(dir string) error) (registry.Manifest, error) {
	m, err := resolve(ctx, reg, ref)
	if err != nil {
		return m, err
	}
	spare := func(dir string) error { return stored(ctx, reg, dir) }
	if err := spare(out); err != nil { // before anything is fetched
		return m, err
	}
	return m, fetch.Over(ctx, reg.Bucket(), m, out, spare, checks(validate)...)
}

// stored refuses a directory in which there is what could not be pulled again.
func stored(ctx context.Context, reg *registry.Registry, dir string) error {
	d, err := scan(dir)
	if err != nil {
		return err
	}
	defer d.root.Close()
	if len(d.skipped) > 0 {
		return fmt.Errorf("it holds other files (%s): %w", strings.Join(d.skipped, ", "), fs.ErrExist)
	}
	files, err := d.files(ctx, d.names)
	if err != nil {
		return err
	}
	blobs := cas.New(reg.Bucket())
	for _, f := range files {
		obj, err := blobs.Stat(ctx, cas.Digest(f.Digest))
		if errors.Is(err, store.ErrNotExist) || err == nil && obj.Size != f.Size {
			return fmt.Errorf("it holds a %s that is not in the store, and would be lost: %w", f.Path, fs.ErrExist)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
