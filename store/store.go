// Package store is object storage: the Bucket contract, its errors, and nothing that knows what is
// stored. Providers are sub-packages (file, s3), so are decorators; storetest holds every one of
// them to the contract. cas keeps blobs by digest, registry keeps named, versioned manifests and
// aliases on top.
package store

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"
)

// Sentinel errors of every provider, to be tested with errors.Is.
var (
	// ErrNotExist means that no object has that key.
	ErrNotExist = errors.New("object does not exist")
	// ErrExist means that a create-only put found the key taken.
	ErrExist = errors.New("object exists")
	// ErrPrecondition means that a compare-and-swap put found another ETag (or no object).
	ErrPrecondition = errors.New("object has changed")
	// ErrReadOnly means that the store refuses writes.
	ErrReadOnly = errors.New("store is read-only")
	// ErrBadKey means that a key breaks the rules of CheckKey.
	ErrBadKey = errors.New("bad key")
	// ErrNoConditions means that the store does not apply conditional puts, so that nothing which
	// needs a single winner may be kept in it.
	ErrNoConditions = errors.New("store does not apply conditional writes")
)

// Object describes a stored object.
type Object struct {
	Key      string
	Size     int64
	ETag     string // opaque; changes whenever the bytes do
	Modified time.Time
}

// Listed is an object in a list for people and programs.
type Listed struct {
	Key      string `json:"key"`
	Size     int64  `json:"size"`
	Modified string `json:"modified"`
}

// Listed describes the object.
func (o Object) Listed() Listed {
	return Listed{o.Key, o.Size, o.Modified.UTC().Format("2006-01-02T15:04:05Z")}
}

// Condition restricts a put. The zero value puts always.
type Condition struct {
	IfAbsent bool   // create only: ErrExist when the key is taken
	IfMatch  string // compare and swap: ErrPrecondition unless the object has this ETag
}

// Bucket is a flat space of immutable-size objects under slash-separated keys.
//
// All methods are safe for concurrent use, also from several processes. A put is atomic: readers
// see the object before or after, never a part, and a killed writer leaves nothing visible.
// Of several concurrent conditional puts on one key exactly one succeeds. A put whose answer was
// lost may have happened: callers write a unique id into the body and read it back.
// Errors wrap the sentinels above and name the key.
type Bucket interface {
	// Get opens an object for reading; the caller closes it.
	Get(ctx context.Context, key string) (io.ReadCloser, Object, error)
	// Stat describes an object without reading it.
	Stat(ctx context.Context, key string) (Object, error)
	// Put stores size bytes of r under key. A short or long reader is an error and stores nothing.
	Put(ctx context.Context, key string, r io.Reader, size int64, cond Condition) (Object, error)
	// List yields the objects whose key starts with prefix, in ascending byte order of key.
	List(ctx context.Context, prefix string) iter.Seq2[Object, error]
	// Delete removes an object; removing an absent one is no error.
	Delete(ctx context.Context, key string) error
	// URL names the bucket for people: no credentials.
	URL() string
}
