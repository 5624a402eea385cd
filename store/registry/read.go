package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cultivar/cultivar/store"
)

// Names returns the names that have a version, in order.
func (r *Registry) Names(ctx context.Context) ([]string, error) {
	gone := map[string]bool{}
	for obj, err := range r.b.List(ctx, r.kind.removalPrefix()) {
		if err != nil {
			return nil, fmt.Errorf("list names: %w", err)
		}
		if name, version, ok := r.kind.parseRemovalKey(obj.Key); ok {
			gone[r.kind.manifestKey(name, version)] = true
		}
	}
	var names []string
	for obj, err := range r.b.List(ctx, r.kind.manifestPrefix()) {
		if err != nil {
			return nil, fmt.Errorf("list names: %w", err)
		}
		name, _, ok := r.kind.parseManifestKey(obj.Key)
		if ok && !gone[obj.Key] && (len(names) == 0 || names[len(names)-1] != name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// Versions returns the versions of a name, ascending; none is no error.
func (r *Registry) Versions(ctx context.Context, name string) ([]int, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	gone, err := r.RemovedVersions(ctx, name)
	if err != nil {
		return nil, err
	}
	numbers, err := r.numbers(ctx, name)
	return slices.DeleteFunc(numbers, func(n int) bool { return gone[n] }), err
}

// numbers lists the manifests of a name, of versions that were removed as well.
func (r *Registry) numbers(ctx context.Context, name string) ([]int, error) {
	var numbers []int
	for obj, err := range r.b.List(ctx, r.kind.manifestPrefix()+name+"/") {
		if err != nil {
			return nil, fmt.Errorf("list versions of %s: %w", name, err)
		}
		if _, version, ok := r.kind.parseManifestKey(obj.Key); ok {
			numbers = append(numbers, version)
		}
	}
	return numbers, nil
}

// Get returns the manifest of a version; ErrRemoved, which is an ErrNoVersion, when it was removed.
func (r *Registry) Get(ctx context.Context, name string, version int) (Manifest, error) {
	m, err := r.get(ctx, name, version)
	if err != nil && !errors.Is(err, ErrNoVersion) || version < 1 || version > maxVersion {
		return m, err
	}
	gone, goneErr := r.isRemoved(ctx, name, version)
	switch {
	case goneErr != nil:
		return Manifest{}, goneErr
	case gone:
		return Manifest{}, fmt.Errorf("%s@%d: %w", name, version, ErrRemoved)
	}
	return m, err
}

// get is Get of what is there, removed or not: an alias that points at a version is older than its removal.
func (r *Registry) get(ctx context.Context, name string, version int) (Manifest, error) {
	if err := CheckName(name); err != nil {
		return Manifest{}, err
	}
	if version < 1 || version > maxVersion {
		return Manifest{}, fmt.Errorf("%s@%d: %w", name, version, ErrNoVersion)
	}
	data, err := r.read(ctx, r.kind.manifestKey(name, version))
	if errors.Is(err, store.ErrNotExist) {
		return Manifest{}, fmt.Errorf("%s@%d: %w", name, version, ErrNoVersion)
	}
	if err != nil {
		return Manifest{}, err
	}
	return r.kind.parseManifest(data, name, version)
}

// Resolve returns the manifest that a reference means now: "name" is the highest version,
// "name@3" that version, "name:alias" where the alias points.
func (r *Registry) Resolve(ctx context.Context, reference string) (Manifest, error) {
	ref, err := ParseRef(reference)
	if err != nil {
		return Manifest{}, err
	}
	switch {
	case ref.Version != 0:
		return r.Get(ctx, ref.Name, ref.Version)
	case ref.Alias != "":
		return r.resolveAlias(ctx, ref)
	}
	versions, err := r.Versions(ctx, ref.Name)
	if err != nil {
		return Manifest{}, err
	}
	if len(versions) == 0 {
		return Manifest{}, fmt.Errorf("%s: %w", ref.Name, ErrNoVersion)
	}
	return r.get(ctx, ref.Name, versions[len(versions)-1])
}

func (r *Registry) resolveAlias(ctx context.Context, ref Ref) (Manifest, error) {
	entry, err := r.Alias(ctx, ref.Name, ref.Alias)
	if err != nil {
		return Manifest{}, err
	}
	m, err := r.get(ctx, ref.Name, entry.Version)
	if err == nil && m.Digest != entry.Digest {
		err = fmt.Errorf("%s points at %s, but version %d is %s: %w", ref, entry.Digest, m.Version, m.Digest, ErrCorrupt)
	}
	if err != nil {
		return Manifest{}, err
	}
	return m, nil
}
