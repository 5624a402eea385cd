// Package publication moves adapters to and from registries, and aliases over versions.
package publication

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/adapters/publish"
	"github.com/cultivar/cultivar/store/cas"
	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/workflows/home"
	"github.com/cultivar/cultivar/workflows/models"
)

// PublishOptions say what to publish, where, and as what.
type PublishOptions struct {
	Home    string
	Store   string // URL, "" for the home's registry
	Dir     string // of the adapter
	Name    string
	Version int    // 0 is the next one
	Alias   string // to point at the version, "" for none
	Who     string
	Why     string
	Now     time.Time // when the version was made; now, when zero
}

// Publish makes a version of an adapter. The adapter is read and checked first: complete, of one
// rank, finite, and no pickle.
func Publish(ctx context.Context, o PublishOptions) (Result, error) {
	reg, err := home.Registry(ctx, o.Home, o.Store)
	if err != nil {
		return Result{}, err
	}
	if newest := models.Checkpoint(o.Dir); newest != "" {
		return Result{}, fmt.Errorf("publish %s: %w: its newest checkpoint is %s", o.Dir, ErrUnfinished, newest)
	}
	var read reading
	r, err := publish.Publish(ctx, reg, o.Dir, publish.Options{
		Name: o.Name, Version: o.Version, Alias: o.Alias, Who: o.Who, Why: o.Why, CreatedAt: o.Now, Validate: read.adapter,
	})
	return Result{r, read.digest}, err
}

// Result is a version that was published or pulled.
type Result struct {
	publish.Result
	AdapterDigest string // of what the adapter computes
}

// Published is a version in a store, for people and programs.
type Published struct {
	Ref     string   `json:"ref"`
	Name    string   `json:"name"`
	Version int      `json:"version"`
	Digest  string   `json:"digest"`
	Created bool     `json:"created"`
	Alias   string   `json:"alias,omitempty"`
	Store   string   `json:"store"`
	Bytes   int64    `json:"bytes"`
	Files   int      `json:"files"`
	Skipped []string `json:"skipped"`
}

// PublishedAs sums up what publishing made, in the store at a URL.
func (o PublishOptions) PublishedAs(r Result, url string) Published {
	m := r.Manifest
	return Published{m.Ref().String(), m.Name, m.Version, m.Digest, r.Created, o.Alias, url, m.Size(), len(m.Files), append([]string{}, r.Skipped...)}
}

// ErrInvalidAdapter means that an adapter's files are not what they must be to be served.
var ErrInvalidAdapter = errors.New("adapter is not sound")

// ErrUnfinished means that a run has not written its adapter yet. What its newest checkpoint is changes, and a version
// never does: one must be named.
var ErrUnfinished = errors.New("the training is not finished")

// reading is a look at an adapter on its way.
type reading struct{ digest string }

// adapter reads the adapter in a directory whole, and refuses one that is not sound.
func (r *reading) adapter(dir string) error {
	a, err := peft.Read(dir)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalidAdapter, err)
	}
	r.digest = peft.Digest(a)
	return nil
}

// CheckPublished reports whether the home's registry has a version with that digest, whole, and an
// alias that points at it.
func CheckPublished(ctx context.Context, location, ref, alias, digest string) error {
	reg, err := home.Registry(ctx, location, "")
	if err != nil {
		return err
	}
	m, err := reg.Resolve(ctx, ref)
	if err != nil {
		return err
	}
	if m.Digest != digest {
		return fmt.Errorf("%s is %s, want %s", ref, m.Digest, digest)
	}
	at, err := reg.Alias(ctx, m.Name, alias)
	if err != nil {
		return err
	}
	if at.Version != m.Version {
		return fmt.Errorf("%s:%s points at version %d, want %d", m.Name, alias, at.Version, m.Version)
	}
	return checkBlobs(ctx, reg, m)
}

// checkBlobs looks whether the files of a version are there, without reading them.
func checkBlobs(ctx context.Context, reg *registry.Registry, m registry.Manifest) error {
	blobs := cas.New(reg.Bucket())
	for _, f := range m.Files {
		obj, err := blobs.Stat(ctx, cas.Digest(f.Digest))
		if err != nil {
			return fmt.Errorf("file %s of %s: %w", f.Path, m.Ref(), err)
		}
		if obj.Size != f.Size {
			return fmt.Errorf("file %s of %s has %d bytes, want %d: %w", f.Path, m.Ref(), obj.Size, f.Size, registry.ErrCorrupt)
		}
	}
	return nil
}
