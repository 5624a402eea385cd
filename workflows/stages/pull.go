package stages

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/adapters/publish"
	"github.com/cultivar/cultivar/store/registry"
)

// PullOptions say which version to pull, and where to.
type PullOptions struct {
	Home    string
	Store   string // URL, "" for the home's registry
	Ref     string // name, name@version or name:alias
	Out     string // directory
	Replace bool   // an adapter that Out holds makes room
}

// Pull puts a version into the directory Out, verified and whole. A directory that holds it already
// is left as it is.
func Pull(ctx context.Context, o PullOptions) (publish.Result, error) {
	reg, err := OpenRegistry(ctx, o.Home, o.Store)
	if err != nil {
		return publish.Result{}, err
	}
	r, err := publish.Pull(ctx, reg, o.Ref, o.Out, validAdapter)
	if o.Replace && errors.Is(err, fs.ErrExist) && isAdapterDir(o.Out) {
		return replace(ctx, reg, o)
	}
	return r, err
}

// replace pulls beside the old directory, so that a failure leaves the old one.
func replace(ctx context.Context, reg *registry.Registry, o PullOptions) (publish.Result, error) {
	out := filepath.Clean(o.Out)
	scratch, err := os.MkdirTemp(filepath.Dir(out), ".pull.tmp-")
	if err != nil {
		return publish.Result{}, err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	fresh, old := filepath.Join(scratch, "new"), filepath.Join(scratch, "old")
	r, err := publish.Pull(ctx, reg, o.Ref, fresh, validAdapter)
	if err != nil {
		return publish.Result{}, err
	}
	if err := os.Rename(out, old); err != nil {
		return publish.Result{}, err
	}
	if err := os.Rename(fresh, out); err != nil {
		return publish.Result{}, errors.Join(err, os.Rename(old, out))
	}
	return r, nil
}

func isAdapterDir(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, peft.ConfigName))
	return err == nil && info.Mode().IsRegular()
}

// FoundAdapter is an adapter that was named by a directory or by a version in a registry.
type FoundAdapter struct {
	Name    string // "name@3", or the directory
	Adapter *adapters.Adapter
	Lineage *adapters.Lineage // nil when it has none
	Size    int64             // of its tensors, in bytes as float32
}

// FindAdapter reads the adapter that ref names: a directory, or a version in the registry, of which
// the files are verified.
func FindAdapter(ctx context.Context, home, store, ref string) (FoundAdapter, error) {
	if isAdapterDir(ref) {
		return readAdapter(ref, ref)
	}
	if info, err := os.Stat(ref); err == nil && info.IsDir() {
		_, err := peft.Read(ref) // says what is missing
		return FoundAdapter{}, err
	}
	reg, err := OpenRegistry(ctx, home, store)
	if err != nil {
		return FoundAdapter{}, err
	}
	m, err := reg.Resolve(ctx, ref)
	if err != nil {
		return FoundAdapter{}, err
	}
	scratch, err := os.MkdirTemp("", "cultivar-adapter-")
	if err != nil {
		return FoundAdapter{}, err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	dir := filepath.Join(scratch, "adapter")
	if _, err := publish.Pull(ctx, reg, m.Ref().String(), dir, nil); err != nil {
		return FoundAdapter{}, err
	}
	return readAdapter(m.Ref().String(), dir)
}

func readAdapter(name, dir string) (FoundAdapter, error) {
	a, err := peft.Read(dir)
	if err != nil {
		return FoundAdapter{}, err
	}
	f := FoundAdapter{Name: name, Adapter: a}
	for _, t := range a.Tensors {
		f.Size += 4 * int64(len(t.Data))
	}
	l, err := ReadLineage(dir)
	switch {
	case err == nil:
		f.Lineage = &l
	case !errors.Is(err, fs.ErrNotExist):
		return FoundAdapter{}, fmt.Errorf("read lineage: %w", err)
	}
	return f, nil
}
