package registry

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cultivar/cultivar/internal/plainjson"
	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/probe"
)

// Sentinel errors of removals.
var (
	// ErrRemoved means that a version was removed. It is an ErrNoVersion as well.
	ErrRemoved = fmt.Errorf("the version was removed: %w", ErrNoVersion)
	// ErrInUse means that an alias points at a version.
	ErrInUse = errors.New("an alias points at it")
)

// Removal says that a version is no version any more, and keeps its number from being given again. Its files
// stay until they are swept.
type Removal struct {
	SchemaVersion int       `json:"schema_version"`
	Name          string    `json:"name"`
	Version       int       `json:"version"`
	Who           string    `json:"who"`
	Why           string    `json:"why"`
	At            time.Time `json:"at"`
	WriteID       string    `json:"write_id"` // unique to one attempt
}

// Ref is the reference to the version that was removed.
func (r Removal) Ref() Ref { return Ref{Name: r.Name, Version: r.Version} }

// Remove takes a version out of all lists, so that nobody begins to use it, and leaves its files to Sweep. A
// version that an alias points at is ErrInUse; an alias that is moved there at the same moment wins. What is
// removed already comes back as it is.
func (r *Registry) Remove(ctx context.Context, ref Ref, who, why string) (Removal, error) {
	m, err := r.remove(ctx, ref, who, why)
	if err != nil {
		return Removal{}, fmt.Errorf("remove %s: %w", ref, err)
	}
	return m, nil
}

func (r *Registry) remove(ctx context.Context, ref Ref, who, why string) (Removal, error) {
	if err := CheckName(ref.Name); err != nil {
		return Removal{}, err
	}
	if ref.Version == 0 {
		return Removal{}, fmt.Errorf("%w: it names no version; want NAME@VERSION", ErrBadName)
	}
	if old, err := r.removal(ctx, ref); !errors.Is(err, store.ErrNotExist) {
		return old, err
	}
	if _, err := r.get(ctx, ref.Name, ref.Version); err != nil && !errors.Is(err, ErrCorrupt) {
		return Removal{}, err
	}
	if err := r.unused(ctx, ref); err != nil {
		return Removal{}, err
	}
	if err := probe.Ensure(ctx, r.b); err != nil {
		return Removal{}, err
	}
	m := Removal{
		SchemaVersion: SchemaVersion, Name: ref.Name, Version: ref.Version, Who: who, Why: why,
		At: time.Now().UTC().Truncate(time.Millisecond), WriteID: rand.Text(),
	}
	body, err := plainjson.MarshalFile(m)
	if err != nil {
		return Removal{}, err
	}
	key := r.kind.removalKey(ref.Name, ref.Version)
	if won, err := r.create(ctx, key, m.WriteID, body); err != nil || !won {
		return m, err
	}
	// Whoever moved an alias without seeing the removal has moved it by now, or finds the removal first.
	if err := r.unused(ctx, ref); err != nil {
		return Removal{}, errors.Join(err, r.b.Delete(ctx, key))
	}
	return m, nil
}

// unused is ErrInUse when an alias points at a version.
func (r *Registry) unused(ctx context.Context, ref Ref) error {
	aliases, err := r.Aliases(ctx, ref.Name)
	if err != nil {
		return err
	}
	for _, e := range aliases {
		if e.Version == ref.Version {
			return fmt.Errorf("%w: %s:%s", ErrInUse, e.Name, e.Alias)
		}
	}
	return nil
}

// Restore takes a removal back, as long as the version was not swept.
func (r *Registry) Restore(ctx context.Context, ref Ref) error {
	if err := CheckName(ref.Name); err != nil {
		return err
	}
	_, err := r.get(ctx, ref.Name, ref.Version)
	if err == nil {
		err = r.b.Delete(ctx, r.kind.removalKey(ref.Name, ref.Version))
	}
	if err != nil {
		return fmt.Errorf("restore %s: %w", ref, err)
	}
	return nil
}

// Removals lists what was removed and not swept yet, in order.
func (r *Registry) Removals(ctx context.Context) ([]Removal, error) {
	var list []Removal
	for obj, err := range r.b.List(ctx, r.kind.removalPrefix()) {
		if err != nil {
			return nil, fmt.Errorf("list removals: %w", err)
		}
		name, version, ok := r.kind.parseRemovalKey(obj.Key)
		if !ok {
			continue
		}
		if _, err := r.b.Stat(ctx, r.kind.manifestKey(name, version)); errors.Is(err, store.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, err
		}
		m, err := r.removal(ctx, Ref{Name: name, Version: version})
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return list, nil
}

// Sweep deletes the manifest of a version that was removed; what then nobody needs of its files is an orphan.
// One that an alias points at stays, and is ErrInUse.
func (r *Registry) Sweep(ctx context.Context, ref Ref) error {
	_, err := r.removal(ctx, ref)
	if err == nil {
		err = r.unused(ctx, ref)
	}
	if err == nil {
		err = r.b.Delete(ctx, r.kind.manifestKey(ref.Name, ref.Version))
	}
	if err != nil {
		return fmt.Errorf("sweep %s: %w", ref, err)
	}
	return nil
}

// removal reads the removal of a version; store.ErrNotExist when there is none.
func (r *Registry) removal(ctx context.Context, ref Ref) (Removal, error) {
	key := r.kind.removalKey(ref.Name, ref.Version)
	data, err := r.read(ctx, key)
	if err != nil {
		return Removal{}, err
	}
	return r.kind.parseRemoval(data, ref)
}

func (k Kind) parseRemoval(data []byte, ref Ref) (Removal, error) {
	var m Removal
	key := k.removalKey(ref.Name, ref.Version)
	if err := json.Unmarshal(data, &m); err != nil {
		return Removal{}, fmt.Errorf("%s: %w: %w", key, ErrCorrupt, err)
	}
	switch {
	case m.SchemaVersion > SchemaVersion:
		return Removal{}, fmt.Errorf("%s has schema version %d, this program knows up to %d", key, m.SchemaVersion, SchemaVersion)
	case m.SchemaVersion != SchemaVersion || m.Ref() != ref:
		return Removal{}, fmt.Errorf("%s: %w: it says that it is of %s", key, ErrCorrupt, m.Ref())
	}
	return m, nil
}

// isRemoved says whether a version was removed, by the key alone.
func (r *Registry) isRemoved(ctx context.Context, name string, version int) (bool, error) {
	_, err := r.b.Stat(ctx, r.kind.removalKey(name, version))
	if errors.Is(err, store.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// RemovedVersions lists the numbers of a name that were removed, swept or not.
func (r *Registry) RemovedVersions(ctx context.Context, name string) (map[int]bool, error) {
	gone := map[int]bool{}
	for obj, err := range r.b.List(ctx, r.kind.removalPrefix()+name+"/") {
		if err != nil {
			return nil, fmt.Errorf("list removals of %s: %w", name, err)
		}
		if _, version, ok := r.kind.parseRemovalKey(obj.Key); ok {
			gone[version] = true
		}
	}
	return gone, nil
}
