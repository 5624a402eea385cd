package publish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/internal/bounded"
	"github.com/cultivar/cultivar/internal/tempdir"
	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/store/registry/fetch"
)

// Found is an adapter that was named by a directory or by a version in a registry.
type Found struct {
	Name    string // "name@3", or the directory
	Adapter *adapters.Adapter
	Lineage *adapters.Lineage // nil when it has none
	Size    int64             // of its tensors, in bytes as float32
}

// IsAdapter says whether a directory holds an adapter, sound or not.
func IsAdapter(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, peft.ConfigName))
	return err == nil && info.Mode().IsRegular()
}

// Find reads the adapter that ref names: a directory or, when there is none of that name, a version in
// the registry, which is opened only then; its files are verified.
func Find(ctx context.Context, ref string, open func() (*registry.Registry, error)) (Found, error) {
	if IsAdapter(ref) {
		return read(ref, ref)
	}
	if info, err := os.Stat(ref); err == nil && info.IsDir() {
		_, err := peft.Read(ref) // says what is missing
		return Found{}, err
	}
	reg, err := open()
	if err != nil {
		return Found{}, err
	}
	m, err := reg.Resolve(ctx, ref)
	if err != nil {
		return Found{}, err
	}
	return Version(ctx, reg, m)
}

// Version reads the adapter of a version; its files are verified.
func Version(ctx context.Context, reg *registry.Registry, m registry.Manifest) (Found, error) {
	_, err := ParseBody(m.Body)
	if err == nil {
		err = checkManifest(m)
	}
	if err != nil {
		return Found{}, fmt.Errorf("read adapter %s: %w", m.Ref(), err)
	}
	scratch, err := tempdir.OfUser()
	if err != nil {
		return Found{}, err
	}
	defer func() { _ = scratch.Remove() }()
	dir := filepath.Join(scratch.Path, "adapter")
	if err := fetch.Files(ctx, reg.Bucket(), m, dir); err != nil {
		return Found{}, err
	}
	return read(m.Ref().String(), dir)
}

func read(name, dir string) (Found, error) {
	a, err := peft.Read(dir)
	if err != nil {
		return Found{}, err
	}
	f := Found{Name: name, Adapter: a}
	for _, t := range a.Tensors {
		f.Size += 4 * int64(len(t.Data))
	}
	l, err := ReadLineage(dir)
	switch {
	case err == nil:
		f.Lineage = &l
	case !errors.Is(err, fs.ErrNotExist):
		return Found{}, err
	}
	return f, nil
}

// ReadLineage reads the lineage of an adapter directory; fs.ErrNotExist when it has none.
func ReadLineage(dir string) (adapters.Lineage, error) {
	var l adapters.Lineage
	data, err := bounded.ReadFile(filepath.Join(dir, adapters.LineageFile), maxFacts)
	if err == nil {
		err = json.Unmarshal(data, &l)
	}
	if err != nil {
		err = fmt.Errorf("read lineage: %w", err)
	}
	return l, err
}
