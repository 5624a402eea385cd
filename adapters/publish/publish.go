// Package publish moves adapters between a directory and a registry: plain PEFT files, by a fixed
// list of names, with what is known about the adapter in the manifest's body.
package publish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/store/probe"
	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/store/registry/fetch"
)

// ErrUnsafe means that a directory or a version holds what must never be published or pulled: a
// pickle, which runs code when it is loaded, or a link out of the directory.
var ErrUnsafe = errors.New("unsafe file")

// Options say how to publish.
type Options struct {
	Name      string    // in the registry
	Version   int       // 0 is the next one
	Alias     string    // to point at the version afterwards, "" for none
	Who, Why  string    // for the alias's history; Who is also the version's author
	CreatedAt time.Time // now, when zero
	// Validate looks at the directory first, and keeps a bad adapter from being published. It reads
	// the tensors, so that this package need not know their format; nil looks at nothing.
	Validate func(dir string) error
}

// Result is what was published or pulled.
type Result struct {
	Manifest registry.Manifest
	Created  bool                // false when the registry had this content already
	Alias    registry.AliasEntry // zero when no alias was asked for
	Skipped  []string            // names in the directory that are no part of an adapter
}

// Body is the body of an adapter's manifest.
type Body struct {
	Kind    string          `json:"kind"`              // "adapter"
	Config  json.RawMessage `json:"adapter_config"`    // adapter_config.json
	Lineage json.RawMessage `json:"lineage,omitempty"` // lineage.json
}

const kind = "adapter"

// Kind is adapters among the kinds of a registry. They were there first, so their keys have no prefix.
var Kind = registry.Kind{}

// ParseBody reads the body of an adapter's manifest; a version of another kind is ErrNotAdapter.
func ParseBody(raw json.RawMessage) (Body, error) {
	var b Body
	if err := json.Unmarshal(raw, &b); err != nil {
		return Body{}, fmt.Errorf("read manifest body: %w", err)
	}
	if b.Kind != kind {
		return Body{}, fmt.Errorf("%w: version is of kind %q", adapters.ErrNotAdapter, b.Kind)
	}
	return b, nil
}

// Publish makes a version of the adapter in dir. Everything is checked before anything is written,
// the store, too: one that does not apply conditional writes is refused. Run again after a kill or
// an unknown outcome, it finishes, and does nothing that was done.
func Publish(ctx context.Context, reg *registry.Registry, dir string, o Options) (Result, error) {
	result, err := publish(ctx, reg, dir, o)
	if err != nil {
		return Result{}, fmt.Errorf("publish adapter %s: %w", dir, err)
	}
	return result, nil
}

func publish(ctx context.Context, reg *registry.Registry, dir string, o Options) (Result, error) {
	if err := registry.CheckName(o.Name); err != nil {
		return Result{}, err
	}
	if o.Alias != "" {
		if err := registry.CheckName(o.Alias); err != nil {
			return Result{}, err
		}
	}
	found, err := scan(dir)
	if err != nil {
		return Result{}, err
	}
	defer found.root.Close()
	body, err := found.body()
	if err != nil {
		return Result{}, err
	}
	if o.Validate != nil {
		if err := o.Validate(dir); err != nil {
			return Result{}, fmt.Errorf("validate: %w", err)
		}
	}
	if err := probe.Ensure(ctx, reg.Bucket()); err != nil {
		return Result{}, err
	}
	m, created, err := reg.Publish(ctx, registry.Draft{
		Name: o.Name, Version: o.Version, Files: found.sources(), Body: body, CreatedBy: o.Who, CreatedAt: o.CreatedAt,
	})
	if err != nil {
		return Result{}, err
	}
	result := Result{Manifest: m, Created: created, Skipped: found.skipped}
	if o.Alias != "" {
		result.Alias, err = point(ctx, reg, m, o)
	}
	return result, err
}

// point moves the alias, unless it is there: then an earlier run of the same publish did it.
func point(ctx context.Context, reg *registry.Registry, m registry.Manifest, o Options) (registry.AliasEntry, error) {
	now, err := reg.Alias(ctx, m.Name, o.Alias)
	if err == nil && now.Version == m.Version && now.Digest == m.Digest {
		return now, nil
	}
	if err != nil && !errors.Is(err, registry.ErrNoAlias) {
		return registry.AliasEntry{}, err
	}
	return reg.SetAlias(ctx, m.Name, o.Alias, m.Version, o.Who, o.Why)
}

// Pull puts the version that ref means into the directory out, which is there whole or not at all:
// digests and, unless it is nil, validate are checked before it appears.
func Pull(ctx context.Context, reg *registry.Registry, ref, out string, validate func(dir string) error) (Result, error) {
	m, err := pull(ctx, reg, ref, out, validate)
	if err != nil {
		return Result{}, fmt.Errorf("pull adapter %s: %w", ref, err)
	}
	return Result{Manifest: m}, nil
}

func pull(ctx context.Context, reg *registry.Registry, ref, out string, validate func(dir string) error) (registry.Manifest, error) {
	m, err := resolve(ctx, reg, ref)
	if err != nil {
		return m, err
	}
	return m, fetch.Files(ctx, reg.Bucket(), m, out, checks(validate)...)
}

// resolve finds the version of an adapter, and refuses one that Publish would not have made.
func resolve(ctx context.Context, reg *registry.Registry, ref string) (registry.Manifest, error) {
	m, err := reg.Resolve(ctx, ref)
	if err != nil {
		return registry.Manifest{}, err
	}
	if _, err := ParseBody(m.Body); err != nil {
		return registry.Manifest{}, err
	}
	return m, checkManifest(m)
}

func checks(validate func(dir string) error) []func(string) error {
	if validate == nil {
		return nil
	}
	return []func(string) error{validate}
}
