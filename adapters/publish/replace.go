package publish

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/cultivar/cultivar/store/registry"
)

// Replace is Pull into a directory that may hold another adapter, which makes room. A directory that
// holds anything else is left as it is: whoever put a note there wants to keep it.
func Replace(ctx context.Context, reg *registry.Registry, ref, out string, validate func(dir string) error) (Result, error) {
	r, err := Pull(ctx, reg, ref, out, validate)
	if !errors.Is(err, fs.ErrExist) || !IsAdapter(out) {
		return r, err
	}
	if r, err = replace(ctx, reg, ref, filepath.Clean(out), validate); err != nil {
		return Result{}, fmt.Errorf("replace adapter in %s: %w", out, err)
	}
	return r, nil
}

// replace pulls beside the old directory, so that a failure leaves the old one.
func replace(ctx context.Context, reg *registry.Registry, ref, out string, validate func(dir string) error) (Result, error) {
	if err := onlyAdapter(out); err != nil {
		return Result{}, err
	}
	scratch, err := os.MkdirTemp(filepath.Dir(out), ".pull.tmp-")
	if err != nil {
		return Result{}, err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	fresh, old := filepath.Join(scratch, "new"), filepath.Join(scratch, "old")
	r, err := Pull(ctx, reg, ref, fresh, validate)
	if err != nil {
		return Result{}, err
	}
	if err := os.Rename(out, old); err != nil {
		return Result{}, err
	}
	if err := os.Rename(fresh, out); err != nil {
		return Result{}, errors.Join(err, os.Rename(old, out))
	}
	return r, nil
}

// onlyAdapter refuses a directory in which there is more than Pull puts there.
func onlyAdapter(dir string) error {
	d, err := scan(dir)
	if err != nil {
		return err
	}
	defer d.root.Close()
	if len(d.skipped) > 0 {
		return fmt.Errorf("it holds other files (%s): %w", strings.Join(d.skipped, ", "), fs.ErrExist)
	}
	return nil
}
