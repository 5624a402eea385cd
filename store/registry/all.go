package registry

import (
	"context"
	"errors"
	"fmt"
	"iter"
)

// Stored is a version as it lies in the bucket.
type Stored struct {
	Ref      Ref
	Key      string // of the manifest's object
	Manifest Manifest
	Removed  bool
	Damage   error // why there is no manifest; an ErrCorrupt
}

// All yields every version of the kind, removed and damaged ones as well, in order. The error is for a bucket
// that cannot be read.
func (r *Registry) All(ctx context.Context) iter.Seq2[Stored, error] {
	return func(yield func(Stored, error) bool) {
		for obj, err := range r.b.List(ctx, r.kind.manifestPrefix()) {
			if err != nil {
				yield(Stored{}, fmt.Errorf("list versions: %w", err))
				return
			}
			name, version, ok := r.kind.parseManifestKey(obj.Key)
			if !ok {
				continue
			}
			s, err := r.Stored(ctx, Ref{Name: name, Version: version})
			if !yield(s, err) || err != nil {
				return
			}
		}
	}
}

// Stored is All of one version. One that is not there is ErrNoVersion.
func (r *Registry) Stored(ctx context.Context, ref Ref) (Stored, error) {
	s := Stored{Ref: ref, Key: r.kind.manifestKey(ref.Name, ref.Version)}
	var err error
	if s.Manifest, err = r.get(ctx, ref.Name, ref.Version); errors.Is(err, ErrCorrupt) {
		s.Damage, err = err, nil
	}
	if err == nil {
		s.Removed, err = r.isRemoved(ctx, ref.Name, ref.Version)
	}
	return s, err
}
