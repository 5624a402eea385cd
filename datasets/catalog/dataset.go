package catalog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/table"
	"github.com/cultivar/cultivar/internal/bounded"
	"github.com/cultivar/cultivar/internal/plainfile"
	"github.com/cultivar/cultivar/store/cas"
)

// Dataset is one version, open for reading. It is safe for concurrent use.
type Dataset struct {
	Manifest Manifest
	dir      string // "" when it is shown nowhere
	content  content
	whole    sync.Map // paths of files that were read and have their digest
}

// openDir reads and checks the manifest of a directory.
func openDir(dir string) (*Dataset, error) {
	f, _, err := plainfile.Open(filepath.Join(dir, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s has no %s: %w", dir, manifestName, datasets.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := bounded.Read(f, maxManifest)
	if _, large := errors.AsType[*bounded.TooLargeError](err); large {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if err != nil {
		return nil, err
	}
	m, err := decodeManifest(data)
	if err != nil {
		return nil, err
	}
	return &Dataset{Manifest: m, dir: dir, content: plain{dir}}, nil
}

// Dir is the directory with the version's files, "" when it is not on this machine. Nothing in it may be
// changed.
func (d *Dataset) Dir() string { return d.dir }

// Ref names the version: "name@3".
func (d *Dataset) Ref() string { return d.Manifest.Name + "@" + strconv.Itoa(d.Manifest.Version) }

// Parent is how a version made from this one refers to it.
func (d *Dataset) Parent() Parent {
	return Parent{Name: d.Manifest.Name, Version: d.Manifest.Version, Digest: d.Manifest.Digest}
}

// Documents yields the documents in order; the first error ends it.
func (d *Dataset) Documents() iter.Seq2[datasets.Document, error] { return rows[datasets.Document](d) }

// Exclusions yields the exclusions in order; the first error ends it.
func (d *Dataset) Exclusions() iter.Seq2[datasets.Exclusion, error] {
	return rows[datasets.Exclusion](d)
}

// Redactions yields the redactions in order; the first error ends it.
func (d *Dataset) Redactions() iter.Seq2[datasets.Redaction, error] {
	return rows[datasets.Redaction](d)
}

// Examples yields the examples in order; the first error ends it.
func (d *Dataset) Examples() iter.Seq2[datasets.Example, error] { return rows[datasets.Example](d) }

// Document returns the document with that id, or datasets.ErrNotFound.
func (d *Dataset) Document(docID string) (datasets.Document, error) {
	var doc datasets.Document
	err := d.shards("documents", func(name string, f *os.File, size int64) (err error) {
		doc, err = table.FindDocumentAt(docID, name, f, size)
		if err == nil {
			return errStop
		}
		if errors.Is(err, datasets.ErrNotFound) {
			return nil
		}
		return err
	})
	switch {
	case errors.Is(err, errStop):
		return doc, nil
	case err == nil:
		err = fmt.Errorf("document %q in %s: %w", docID, d.Ref(), datasets.ErrNotFound)
	}
	return datasets.Document{}, err
}

// errStop ends a walk over shards early.
var errStop = errors.New("stop")

func rows[T table.Row](d *Dataset) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		err := d.shards(table.Name[T](), func(name string, f *os.File, size int64) error {
			for row, err := range table.ReadAt[T](name, f, size) {
				if err != nil {
					return err
				}
				if !yield(row, nil) {
					return errStop
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStop) {
			var none T
			yield(none, err)
		}
	}
}

// shards opens the tables of one kind in the manifest's order.
func (d *Dataset) shards(kind string, use func(name string, f *os.File, size int64) error) error {
	for _, entry := range d.Manifest.Files {
		if strings.HasPrefix(entry.Path, kind+"/") && strings.HasSuffix(entry.Path, ".parquet") {
			if err := d.shard(entry, use); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Dataset) shard(entry File, use func(string, *os.File, int64) error) error {
	f, err := d.content.open(entry)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := d.isWhole(entry, f); err != nil {
		return err
	}
	return use(d.Ref()+" "+entry.Path, f, entry.Size)
}

// isWhole holds a file to its digest, once while the version is open: rows are not believed for the length of the
// file that they are in.
func (d *Dataset) isWhole(entry File, f *os.File) error {
	if _, done := d.whole.Load(entry.Path); done {
		return nil
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() != entry.Size { // it may be very large
		return damagedSize(entry, info)
	}
	digest, size, err := cas.DigestOf(d.content.context(), f)
	if err != nil {
		return err
	}
	if size != entry.Size || string(digest) != entry.Digest {
		return damagedFile(entry, size, string(digest))
	}
	d.whole.Store(entry.Path, true)
	return nil
}

// Verify reads everything and compares it with the manifest, which is read anew. It reports all
// that is wrong at once: files that are missing, changed, or not listed. Damage is ErrCorrupt.
func (d *Dataset) Verify(ctx context.Context) error {
	if err := d.verify(ctx); err != nil {
		return fmt.Errorf("verify %s: %w", d.Ref(), err)
	}
	return nil
}

func (d *Dataset) verify(ctx context.Context) error {
	return errors.Join(d.content.verify(ctx, d)...)
}
