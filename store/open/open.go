// Package open finds the provider for a bucket's URL.
package open

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/file"
	"github.com/cultivar/cultivar/store/s3"
)

// Open returns the bucket at a URL: a plain path, file:///path, or s3://bucket/prefix with the
// parameters of s3.ParseURL. Nothing is created or contacted yet, so a bucket that does not exist is
// noticed by the first operation.
func Open(ctx context.Context, location string) (store.Bucket, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	scheme, _, found := strings.Cut(location, "://")
	switch {
	case location == "":
		return nil, fmt.Errorf("open bucket: empty location")
	case !found:
		return opened(file.Open(location))
	case scheme == "file":
		dir, err := filePath(location)
		if err != nil {
			return nil, err
		}
		return opened(file.Open(dir))
	case scheme == "s3":
		at, err := s3.ParseURL(location)
		if err != nil {
			return nil, err
		}
		return opened(s3.Open(at))
	}
	return nil, fmt.Errorf("open bucket: unknown scheme %q; known are s3://, file:// and plain paths", scheme)
}

// opened keeps a typed nil out of the interface.
func opened[B store.Bucket](b B, err error) (store.Bucket, error) {
	if err != nil {
		return nil, err
	}
	return b, nil
}

func filePath(location string) (string, error) {
	u, err := url.Parse(location)
	if err != nil {
		return "", fmt.Errorf("parse bucket URL: %w", err)
	}
	if u.Host != "" && u.Host != "localhost" || u.Path == "" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("parse bucket URL %s: want file:///path", u.Redacted())
	}
	return u.Path, nil
}
