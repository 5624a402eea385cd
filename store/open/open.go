// Package open finds the provider for a bucket's URL.
package open

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
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
	dir, local, err := Directory(location)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if local {
		return opened(file.Open(dir))
	}
	at, err := s3.ParseURL(location)
	if err != nil {
		return nil, err
	}
	return opened(s3.Open(at))
}

// scheme is how a place elsewhere begins. A single letter is a drive of Windows.
var scheme = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]+):`)

// Directory says which directory of this machine a location means, if any: local is false for
// s3://bucket. What looks like a place elsewhere and is none that is known is an error, so that nothing
// ends up in a directory called "s3:".
func Directory(location string) (dir string, local bool, err error) {
	match := scheme.FindStringSubmatch(location)
	switch {
	case location == "":
		return "", false, misspelt("the location is empty")
	case match == nil && strings.Contains(location, "://"):
		return "", false, misspeltf("%q is no URL; want s3://bucket/prefix, file:///path or a plain path", location)
	case match == nil:
		return location, true, nil
	}
	name, rest := strings.ToLower(match[1]), location[len(match[0]):]
	switch {
	case name != "s3" && name != "file" && strings.HasPrefix(rest, "/"):
		return "", false, misspeltf("unknown scheme %q; known are s3://, file:// and plain paths", match[1])
	case name != "s3" && name != "file":
		return location, true, nil // a file name with a colon in it
	case !strings.HasPrefix(rest, "//"):
		return "", false, misspeltf("%q lacks a slash; want s3://bucket/prefix, file:///path or a plain path", location)
	case name == "s3":
		return "", false, nil
	}
	dir, err = filePath(location)
	return dir, err == nil, err
}

// ErrLocation means that a location is none that there could be: it is misspelt.
var ErrLocation = errors.New("no location of a store")

// misspelt says what is wrong with a location.
type misspelt string

func misspeltf(format string, args ...any) error { return misspelt(fmt.Sprintf(format, args...)) }

func (m misspelt) Error() string { return string(m) }

// Is makes it ErrLocation.
func (m misspelt) Is(target error) bool { return target == ErrLocation }

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
