// Package catalog keeps dataset versions: immutable, numbered, in store/registry's protocol on any
// bucket. docs/format/dataset.md is the promise.
//
// On this machine each version is also a directory of plain files, for people and for DuckDB:
//
//	<dir>/<name>/v<number>/{documents,exclusions,redactions,examples}/*.parquet
//	<dir>/<name>/v<number>/manifest.json, card.md
//
// Those are names of the blobs' files, made after the version, and made again when they are missing; the
// bucket decides. Versions from before there was a bucket look the same, are read where they are, and
// are moved into it by the next write.
package catalog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/cas"
	"github.com/cultivar/cultivar/store/registry"
)

// Place says where a catalog keeps what.
type Place struct {
	Bucket store.Bucket
	// Dir is where versions are shown as directories, and where those of older programs lie; "" for
	// none, when the bucket is not on this machine.
	Dir string
	// Scratch is where versions are built: on the bucket's file system where there is one.
	Scratch string
	// Cache keeps copies of the files of a bucket that is not on this machine.
	Cache string
}

// Catalog is the datasets in a bucket. It is safe for concurrent use, also from several processes.
type Catalog struct {
	place Place
	reg   *registry.Registry
	files *cas.Files
}

// New returns the catalog at a place, which need not exist yet: only Create writes.
func New(p Place) *Catalog {
	return &Catalog{place: p, reg: registry.New(p.Bucket, Kind), files: cas.NewFiles(cas.New(p.Bucket), p.Cache)}
}

// Registry is where the versions are; their aliases are moved there.
func (c *Catalog) Registry() *registry.Registry { return c.reg }

var validName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

// CheckName reports a name that a dataset cannot have.
func CheckName(name string) error {
	if !validName.MatchString(name) {
		return fmt.Errorf("dataset name %q: want lower-case letters, digits and ._- after a letter or digit, at most 63", name)
	}
	return nil
}

// List returns the names of the datasets that have a version, sorted.
func (c *Catalog) List(ctx context.Context) ([]string, error) {
	names, err := c.reg.Names(ctx)
	if err != nil {
		return nil, fmt.Errorf("list datasets: %w", err)
	}
	shown, err := c.shown(ctx)
	if err != nil {
		return nil, fmt.Errorf("list datasets: %w", err)
	}
	return slices.Compact(slices.Sorted(concat(slices.Values(names), maps.Keys(shown)))), nil
}

// Versions returns the versions of a dataset, oldest first. Unreadable ones are left out and
// reported in the error, so that one damaged manifest does not hide the others.
func (c *Catalog) Versions(ctx context.Context, name string) ([]*Dataset, error) {
	list, problems, err := c.versions(ctx, name)
	return list, errors.Join(append(problems, err)...)
}

func (c *Catalog) versions(ctx context.Context, name string) (list []*Dataset, problems []error, err error) {
	numbers, err := c.numbers(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	for _, n := range numbers {
		d, err := c.get(ctx, name, n)
		if err != nil {
			problems = append(problems, fmt.Errorf("open dataset %s@%d: %w", name, n, err))
			continue
		}
		list = append(list, d)
	}
	return list, problems, nil
}

// Open returns the version that ref names: "name" is the latest, "name@3" the third, "name:prod" where
// that alias points, and a path (with a slash, or of a directory that holds a manifest while no dataset
// has that name) stands for itself. datasets.ErrNotFound means that there is none. Reading the version
// ends when ctx does.
func (c *Catalog) Open(ctx context.Context, ref string) (*Dataset, error) {
	d, err := c.open(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("open dataset %s: %w", ref, err)
	}
	return d, nil
}

func (c *Catalog) open(ctx context.Context, ref string) (*Dataset, error) {
	if strings.ContainsRune(ref, filepath.Separator) || strings.HasPrefix(ref, ".") {
		return openDir(ref)
	}
	parsed, err := parseRef(ref)
	if err == nil {
		var d *Dataset
		if d, err = c.find(ctx, parsed); err == nil || !errors.Is(err, datasets.ErrNotFound) {
			return d, err
		}
	}
	if info, statErr := os.Stat(filepath.Join(ref, manifestName)); statErr == nil && info.Mode().IsRegular() {
		return openDir(ref)
	}
	return nil, err
}

func (c *Catalog) find(ctx context.Context, ref registry.Ref) (*Dataset, error) {
	if ref.Alias != "" {
		m, err := c.reg.Resolve(ctx, ref.String())
		if err != nil {
			return nil, notFound(err)
		}
		return c.dataset(ctx, m)
	}
	if ref.Version != 0 {
		return c.get(ctx, ref.Name, ref.Version)
	}
	numbers, err := c.numbers(ctx, ref.Name)
	if err != nil {
		return nil, err
	}
	return c.get(ctx, ref.Name, numbers[len(numbers)-1])
}

// get opens a version: the bucket's or, when that has none, an older program's.
func (c *Catalog) get(ctx context.Context, name string, number int) (*Dataset, error) {
	m, err := c.reg.Get(ctx, name, number)
	if err == nil {
		return c.dataset(ctx, m)
	}
	if errors.Is(err, registry.ErrNoVersion) && !errors.Is(err, registry.ErrRemoved) && c.place.Dir != "" {
		if d, dirErr := openDir(c.versionDir(name, number)); !errors.Is(dirErr, datasets.ErrNotFound) {
			return d, dirErr
		}
	}
	return nil, notFound(err)
}

// dataset is a version by its manifest.
func (c *Catalog) dataset(ctx context.Context, m registry.Manifest) (*Dataset, error) {
	mine, err := fromRegistry(m)
	if err != nil {
		return nil, err
	}
	return &Dataset{Manifest: mine, dir: c.viewDir(mine), content: &blobs{ctx, c}}, nil
}

// notFound says that a dataset is not there in the room's own word, and that one is damaged.
func notFound(err error) error {
	switch {
	case errors.Is(err, registry.ErrNoVersion), errors.Is(err, registry.ErrNoAlias):
		return fmt.Errorf("%w: %w", err, datasets.ErrNotFound)
	case errors.Is(err, registry.ErrCorrupt):
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return err
}

// parseRef takes "name", "name@3", "name@v3" and "name:alias" apart.
func parseRef(ref string) (registry.Ref, error) {
	name, version, found := strings.Cut(ref, "@")
	if plain, _, _ := strings.Cut(name, ":"); CheckName(plain) != nil {
		return registry.Ref{}, CheckName(plain)
	}
	if found {
		ref = name + "@" + strings.TrimPrefix(version, "v")
	}
	return registry.ParseRef(ref)
}

// parseVersion reads a version's directory name: v1, v2, … without leading zeros.
func parseVersion(dir string) (int, bool) {
	digits, found := strings.CutPrefix(dir, "v")
	n, err := strconv.Atoi(digits)
	return n, found && err == nil && n > 0 && strconv.Itoa(n) == digits
}

// numbers lists the versions of a dataset that must exist, ascending.
func (c *Catalog) numbers(ctx context.Context, name string) ([]int, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	numbers, err := c.reg.Versions(ctx, name)
	if err != nil {
		return nil, err
	}
	old, err := c.shownNumbers(ctx, name)
	if err != nil {
		return nil, err
	}
	numbers = slices.Compact(slices.Sorted(concat(slices.Values(numbers), slices.Values(old))))
	if len(numbers) == 0 {
		return nil, fmt.Errorf("%q in %s: %w", name, c.where(), datasets.ErrNotFound)
	}
	return numbers, nil
}

// where names the catalog for people.
func (c *Catalog) where() string {
	if c.place.Dir != "" {
		return c.place.Dir
	}
	return c.place.Bucket.URL()
}
