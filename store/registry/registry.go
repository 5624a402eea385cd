// Package registry keeps named, numbered, immutable versions of artefacts in a bucket, and aliases
// that move over them. It needs no server: every decision is one create-only put, which has one
// winner. What an artefact is, only its manifest's body says, and that is opaque here.
//
//	blobs/sha256/<hex>                      content, written first
//	manifests/<name>/<8 digits>.json        one version, created once
//	refs/<name>/<alias>/<20 digits>.json    one move of an alias, created once
//
// Kinds of artefacts live in one bucket beside each other, each with its manifests and aliases below a
// prefix of its own.
//
// docs/format/registry.md describes the fields and the protocol.
package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/cas"
)

// Sentinel errors, to be tested with errors.Is.
var (
	// ErrVersionExists means that the version asked for holds other content.
	ErrVersionExists = errors.New("version exists with other content")
	// ErrBadName means that a name, alias or reference has the wrong form.
	ErrBadName = errors.New("bad name")
	// ErrNoVersion means that there is no such name or version.
	ErrNoVersion = errors.New("no such version")
	// ErrNoAlias means that there is no such alias, or that it was withdrawn.
	ErrNoAlias = errors.New("no such alias")
	// ErrCorrupt means that stored bytes are not what they must be.
	ErrCorrupt = cas.ErrCorrupt
)

// maxPointer bounds what is read of a manifest or an alias entry, in bytes.
const maxPointer = 16 << 20

// Registry is the registry in a bucket. It is safe for concurrent use, also from several processes.
type Registry struct {
	b     store.Bucket
	kind  Kind
	blobs *cas.Store
}

// New returns the registry of a kind in a bucket.
func New(b store.Bucket, kind Kind) *Registry {
	return &Registry{b: b, kind: kind, blobs: cas.New(b)}
}

// Bucket returns the bucket that the registry lives in.
func (r *Registry) Bucket() store.Bucket { return r.b }

// read returns the bytes of a pointer object.
func (r *Registry) read(ctx context.Context, key string) ([]byte, error) {
	body, obj, err := r.b.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	if obj.Size > maxPointer {
		return nil, fmt.Errorf("%s: %w: %d bytes", key, ErrCorrupt, obj.Size)
	}
	data, err := io.ReadAll(io.LimitReader(body, maxPointer+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	return data, nil
}

const (
	// createTries bounds the repetition of a create whose outcome is open, and of its read-back.
	createTries = 4
	firstPause  = 20 * time.Millisecond
)

// create makes a pointer object exist, and tells whether it is the caller's. The answer to a put may
// be lost although the put was done, and a client in between may repeat a put and be told that the
// key is taken, by itself. So any failure is settled by reading back: the write id in the body says
// who owns the key. Only when the key is free the same body is put again, which is safe because both
// puts carry one id and at most one of them can succeed.
// (The pattern is Icechunk's, earth-mover/icechunk PR 2156.)
func (r *Registry) create(ctx context.Context, key, writeID string, body []byte) (won bool, err error) {
	pause := firstPause
	for try := 1; ; try++ {
		_, err = r.b.Put(ctx, key, bytes.NewReader(body), int64(len(body)), store.Condition{IfAbsent: true})
		if err == nil {
			return true, nil
		}
		if hopeless(ctx, err) {
			return false, err
		}
		owner, readErr := r.owner(ctx, key)
		switch {
		case readErr == nil:
			return owner == writeID, nil
		case !errors.Is(readErr, store.ErrNotExist):
			return false, fmt.Errorf("outcome unknown: %w", errors.Join(err, readErr))
		case try == createTries:
			return false, err
		}
		if !sleep(ctx, &pause) {
			return false, err
		}
	}
}

// hopeless holds for errors that say for certain that nothing was stored and will not be.
func hopeless(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, store.ErrReadOnly) || errors.Is(err, store.ErrNoConditions) || errors.Is(err, store.ErrBadKey)
}

// owner returns the write id of the object under key.
func (r *Registry) owner(ctx context.Context, key string) (string, error) {
	pause := firstPause
	for try := 1; ; try++ {
		data, err := r.read(ctx, key)
		if err == nil {
			var pointer struct {
				WriteID string `json:"write_id"`
			}
			if json.Unmarshal(data, &pointer) != nil {
				return "", nil // taken, by something that is not ours
			}
			return pointer.WriteID, nil
		}
		if errors.Is(err, store.ErrNotExist) || try == createTries || !sleep(ctx, &pause) {
			return "", err
		}
	}
}

// sleep waits, doubling the pause for the next time, and says whether the context goes on.
func sleep(ctx context.Context, pause *time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(*pause):
		*pause *= 2
		return true
	}
}
