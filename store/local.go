package store

import (
	"context"
	"io"
	"os"
)

// Local is what a Bucket implements as well when its objects are files of this machine. It is found by
// type assertion; whoever does without it gets the same objects, more slowly.
type Local interface {
	// OpenFile opens the file of an object, for reading at any place. The caller closes it.
	OpenFile(ctx context.Context, key string) (*os.File, error)
	// Adopt stores the file at path under key: without a copy where the file system has links, so that
	// both are one file and neither may be changed any more.
	Adopt(ctx context.Context, key, path string) (Object, error)
	// Expose makes path, which must not exist, another name of an object's file, or a copy of it where
	// the file system has no links.
	Expose(ctx context.Context, key, path string) error
}

// Comparer is what a Bucket implements as well when it can tell an object's bytes from others without
// moving them.
type Comparer interface {
	// Holds says whether the object under key has the bytes of r; known is false when it cannot tell.
	Holds(ctx context.Context, key string, r io.Reader) (same, known bool, err error)
}

// Sweeper is what a Bucket implements as well when killed writers may leave something behind in it.
type Sweeper interface {
	// Sweep removes what nobody is writing any more. Every first put of an open bucket does so, too.
	Sweep()
}
