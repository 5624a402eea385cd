// Package home opens the place where datasets, adapters and the history of runs live: a directory, or a
// prefix of an S3 bucket. It is the one place that knows where in it each of them is.
package home

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/cultivar/cultivar/adapters/publish"
	"github.com/cultivar/cultivar/datasets/catalog"
	"github.com/cultivar/cultivar/internal/tempdir"
	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/file"
	"github.com/cultivar/cultivar/store/open"
	"github.com/cultivar/cultivar/store/registry"
)

// Home is an open home. It is safe for concurrent use; nothing is written by opening it.
type Home struct {
	Dir      string // "" when it is not on this machine
	Bucket   store.Bucket
	Adapters *registry.Registry
	Datasets *catalog.Catalog
}

// Open opens the home at a location: a directory, file:///path, or s3://bucket/prefix.
func Open(ctx context.Context, location string) (*Home, error) {
	h, err := openHome(ctx, location)
	if err != nil {
		return nil, fmt.Errorf("open home: %w", err)
	}
	h.Adapters = registry.New(h.Bucket, publish.Kind)
	return h, nil
}

func openHome(ctx context.Context, location string) (*Home, error) {
	dir, local, err := open.Directory(location)
	if err != nil {
		return nil, err
	}
	if local {
		return openDir(dir)
	}
	b, err := open.Open(ctx, location)
	if err != nil {
		return nil, err
	}
	return &Home{Bucket: b, Datasets: catalog.New(catalog.Place{Bucket: b, Scratch: tempdir.User(), Cache: Cache("blobs")})}, nil
}

// openDir opens a home on this machine. The bucket lies beside the datasets' directories: on one file
// system, so that both are names of the same files.
func openDir(dir string) (*Home, error) {
	b, err := file.OpenPrivate(filepath.Join(dir, "registry"))
	if err != nil {
		return nil, err
	}
	shown := filepath.Join(dir, "datasets")
	return &Home{Dir: dir, Bucket: b, Datasets: catalog.New(catalog.Place{
		Bucket: b, Dir: shown, Scratch: filepath.Join(shown, ".tmp"),
	})}, nil
}

// Reports is the directory of the pages that evaluations leave in the home; "" when it is not on this machine.
func (h *Home) Reports() string {
	if h.Dir == "" {
		return ""
	}
	return filepath.Join(h.Dir, "reports")
}

// Cache is the directory on this machine for a kind of thing that can be had again, such as copies of what
// lies elsewhere.
func Cache(kind string) string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return filepath.Join(tempdir.User(), kind)
	}
	return filepath.Join(dir, "cultivar", kind)
}

// ErrNoStore means that a store to read from is not there or holds nothing: a mistyped name must not look
// like an empty store.
var ErrNoStore = errors.New("there is no store")

// Registry opens the adapters at a store's URL; without one, those of the home.
func Registry(ctx context.Context, location, url string) (*registry.Registry, error) {
	if url == "" {
		h, err := Open(ctx, location)
		if err != nil {
			return nil, err
		}
		return h.Adapters, nil
	}
	b, err := open.Open(ctx, url)
	if err != nil {
		return nil, err
	}
	return registry.New(b, publish.Kind), nil
}

// OfStore is the store at a URL as a home of its own: adapters, and datasets if there are any.
func OfStore(ctx context.Context, url string) (*Home, error) {
	b, err := open.Open(ctx, url)
	if err != nil {
		return nil, err
	}
	return &Home{
		Bucket: b, Adapters: registry.New(b, publish.Kind),
		Datasets: catalog.New(catalog.Place{Bucket: b, Scratch: tempdir.User(), Cache: Cache("blobs")}),
	}, Existing(ctx, b)
}

// Existing refuses a bucket in which nothing was ever published: some other directory, or none.
func Existing(ctx context.Context, b store.Bucket) error {
	for _, prefix := range []string{"blobs/", "manifests/", "refs/", "datasets/", "probe/"} {
		for _, err := range b.List(ctx, prefix) {
			return err
		}
	}
	return fmt.Errorf("%w at %s: nothing was published there", ErrNoStore, b.URL())
}

// ErrNoHome means that there is no home where one was named: a mistyped name must not look like an empty home.
var ErrNoHome = errors.New("there is no home")

// parts are the directories in a home, of which it has one at least once something was made there.
var parts = []string{"registry", "datasets", "reports"}

// There refuses a home that nobody has made: no directory, or one with files of something else alone. An empty
// directory is a home to be.
func (h *Home) There(ctx context.Context) error {
	if h.Dir == "" {
		for _, err := range h.Bucket.List(ctx, "") {
			return err
		}
		return fmt.Errorf("%w at %s: nothing is there", ErrNoHome, h.Bucket.URL())
	}
	entries, err := os.ReadDir(h.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w at %s: there is nothing of that name", ErrNoHome, h.Dir)
	}
	ours := func(e fs.DirEntry) bool { return slices.Contains(parts, e.Name()) }
	if err == nil && len(entries) > 0 && !slices.ContainsFunc(entries, ours) {
		return fmt.Errorf("%w at %s: it holds other files", ErrNoHome, h.Dir)
	}
	return err
}

// Check looks whether every alias, version and file in a home is there, and whether the directories of
// datasets show what the versions hold; with readData it reads all files.
func (h *Home) Check(ctx context.Context, readData bool) (registry.Report, error) {
	report, err := CheckStore(ctx, h.Bucket, readData)
	if err != nil {
		return report, err
	}
	views, err := h.Datasets.CheckViews(ctx)
	if err != nil {
		return report, fmt.Errorf("check datasets: %w", err)
	}
	report.Problems = append(report.Problems, views...)
	return report, nil
}

// CheckStore is Check for a bucket alone.
func CheckStore(ctx context.Context, b store.Bucket, readData bool) (registry.Report, error) {
	return registry.Check(ctx, b, readData, publish.Kind, catalog.Kind)
}
