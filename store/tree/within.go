package tree

import (
	"context"
	"io"
	"iter"
	"strings"

	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/cas"
)

// Prefix is where trees lie in a bucket.
const Prefix = "trees/"

// blobsOf are the blobs of trees.
func blobsOf(b store.Bucket) *cas.Store { return cas.New(within{b}) }

// within is the part of a bucket under the prefix.
type within struct{ b store.Bucket }

// Get implements store.Bucket.
func (w within) Get(ctx context.Context, key string) (io.ReadCloser, store.Object, error) {
	r, obj, err := w.b.Get(ctx, Prefix+key)
	return r, inner(obj), err
}

// Stat implements store.Bucket.
func (w within) Stat(ctx context.Context, key string) (store.Object, error) {
	obj, err := w.b.Stat(ctx, Prefix+key)
	return inner(obj), err
}

// Put implements store.Bucket.
func (w within) Put(ctx context.Context, key string, r io.Reader, size int64, cond store.Condition) (store.Object, error) {
	obj, err := w.b.Put(ctx, Prefix+key, r, size, cond)
	return inner(obj), err
}

// List implements store.Bucket.
func (w within) List(ctx context.Context, prefix string) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		for obj, err := range w.b.List(ctx, Prefix+prefix) {
			if !yield(inner(obj), err) {
				return
			}
		}
	}
}

// Delete implements store.Bucket.
func (w within) Delete(ctx context.Context, key string) error { return w.b.Delete(ctx, Prefix+key) }

// URL implements store.Bucket.
func (w within) URL() string { return w.b.URL() }

func inner(obj store.Object) store.Object {
	obj.Key = strings.TrimPrefix(obj.Key, Prefix)
	return obj
}
