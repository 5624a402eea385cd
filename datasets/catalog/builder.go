package catalog

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/table"
	"github.com/cultivar/cultivar/internal/atomicfile"
	"github.com/cultivar/cultivar/internal/tempdir"
)

// Builder collects a new version in a private directory. It is not safe for concurrent use: the
// order of the rows is the order of the calls. Commit or Abort must end it.
type Builder struct {
	catalog *Catalog
	name    string
	temp    *tempdir.Dir
	counts  Counts

	documents  *table.Writer[datasets.Document]
	exclusions *table.Writer[datasets.Exclusion]
	redactions *table.Writer[datasets.Redaction]
	examples   *table.Writer[datasets.Example]
}

// Info is what a version says about its making.
type Info struct {
	ToolVersion string
	Config      any // resolved, marshals to JSON; secrets must not be in it
	Parents     []Parent
	Sources     []Source
	// Input counts the documents that came in. When it is not 0, Commit refuses rows that do not
	// account for every one of them; 0 means those kept and dropped.
	Input int64
	// Skipped counts what the sources have and did not give, by why.
	Skipped map[string]int64
	// CreatedAt is the only thing that differs between two equal runs; zero leaves it out.
	CreatedAt time.Time
}

// Create starts a version of the named dataset, after [Catalog.Settle].
func (c *Catalog) Create(ctx context.Context, name string) (*Builder, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	if err := c.Settle(ctx); err != nil {
		return nil, fmt.Errorf("create dataset %s: %w", name, err)
	}
	b := &Builder{catalog: c, name: name, counts: newCounts()}
	if err := b.start(); err != nil {
		_ = b.Abort()
		return nil, fmt.Errorf("create dataset %s: %w", name, err)
	}
	return b, nil
}

func (b *Builder) start() (err error) {
	if b.temp, err = tempdir.New(b.catalog.place.Scratch); err != nil {
		return err
	}
	if b.documents, err = create[datasets.Document](b.temp.Path); err != nil {
		return err
	}
	if b.exclusions, err = create[datasets.Exclusion](b.temp.Path); err != nil {
		return err
	}
	if b.redactions, err = create[datasets.Redaction](b.temp.Path); err != nil {
		return err
	}
	b.examples, err = create[datasets.Example](b.temp.Path)
	return err
}

func create[T table.Row](dir string) (*table.Writer[T], error) {
	dir = filepath.Join(dir, table.Name[T]())
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	return table.Create[T](dir, table.Options{})
}

// Dir is the directory of the version to be. Files put there before Commit become part of it.
func (b *Builder) Dir() string { return b.temp.Path }

// AddDocument appends a document that is kept.
func (b *Builder) AddDocument(d datasets.Document) error {
	b.counts.document(d)
	return b.documents.Write(d)
}

// AddExclusion appends a reason why a document, or a span of one, was dropped. A document is
// dropped once: by one exclusion with Start -1.
func (b *Builder) AddExclusion(e datasets.Exclusion) error {
	b.counts.exclusion(e)
	return b.exclusions.Write(e)
}

// AddRedaction appends a redaction.
func (b *Builder) AddRedaction(r datasets.Redaction) error {
	b.counts.redaction(r)
	return b.redactions.Write(r)
}

// AddExample appends a training row.
func (b *Builder) AddExample(e datasets.Example) error {
	b.counts.example(e)
	return b.examples.Write(e)
}

// Counts returns what was added so far. The maps are the builder's own: read only.
func (b *Builder) Counts() Counts {
	c := b.counts
	c.Input = c.Documents + c.Dropped
	return c
}

// Commit makes the version visible under the next number. When the latest version has the same
// content, that one is returned, created is false, and the new files are removed. A version may be
// without documents: its exclusions say why. After an error nothing is left behind but blobs that
// nothing names.
func (b *Builder) Commit(ctx context.Context, info Info) (d *Dataset, created bool, err error) {
	// The rename takes the directory away from Abort; until then an error removes it.
	defer func() {
		if left := b.Abort(); err != nil {
			err = errors.Join(err, left)
		}
	}()
	m, err := b.manifest(info)
	if err != nil {
		return nil, false, fmt.Errorf("commit dataset %s: %w", b.name, err)
	}
	d, created, err = b.publish(ctx, m)
	if err != nil {
		return nil, false, fmt.Errorf("commit dataset %s: %w", b.name, err)
	}
	return d, created, nil
}

// Abort drops everything. It does nothing after Commit.
func (b *Builder) Abort() error {
	if b.temp == nil {
		return nil
	}
	b.closeTables()
	err := b.temp.Remove()
	b.temp = nil
	return err
}

func (b *Builder) closeTables() {
	for _, w := range []interface{ Abort() }{b.documents, b.exclusions, b.redactions, b.examples} {
		w.Abort()
	}
}

// manifest finishes the tables and describes them, all but the version number.
func (b *Builder) manifest(info Info) (*Manifest, error) {
	if b.temp == nil {
		return nil, errors.New("dataset is already committed or aborted")
	}
	rows, err := b.finishTables()
	if err != nil {
		return nil, err
	}
	m := &Manifest{
		SchemaVersion: schemaVersion, Name: b.name, ToolVersion: info.ToolVersion, CreatedAt: info.CreatedAt.UTC(),
		Parents: append([]Parent{}, info.Parents...), Sources: append([]Source{}, info.Sources...),
		Counts: b.Counts(),
	}
	m.Counts.SkippedBy = info.Skipped
	if info.Input != 0 {
		m.Counts.Input = info.Input
	}
	if m.Config, m.ConfigDigest, err = canonical(info.Config); err != nil {
		return nil, fmt.Errorf("encode config: %w", err)
	}
	if m.Files, err = hashFiles(b.temp.Path, rows); err != nil {
		return nil, err
	}
	m.Digest = m.contentDigest()
	m.Version = 1 // for the check; publish sets it
	return m, m.check()
}

// finishTables closes all tables and returns the rows of each file by its path. What keeps one from being written
// keeps the others, too: one error tells it.
func (b *Builder) finishTables() (map[string]int64, error) {
	rows := map[string]int64{}
	for _, end := range []func() error{
		func() error { return finish(b.documents, rows) }, func() error { return finish(b.exclusions, rows) },
		func() error { return finish(b.redactions, rows) }, func() error { return finish(b.examples, rows) },
	} {
		if err := end(); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

func finish[T table.Row](w *table.Writer[T], rows map[string]int64) error {
	done, err := w.Close()
	for _, shard := range done {
		rows[table.Name[T]()+"/"+shard.Name] = shard.Rows
	}
	return err
}

// readOnly are the permissions of a version's files: they never change, and documents are their owner's.
const readOnly = 0o400

// hashFiles lists the files below dir, makes them durable and read-only.
func hashFiles(dir string, rows map[string]int64) (files []File, err error) {
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			return atomicfile.SyncDir(path)
		}
		if !e.Type().IsRegular() {
			return fmt.Errorf("%s is not a regular file", path)
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		f := File{Path: filepath.ToSlash(rel)}
		f.Rows = rows[f.Path]
		if f.Digest, f.Size, err = sealFile(path); err != nil {
			return err
		}
		files = append(files, f)
		return nil
	})
	sortFiles(files)
	return files, err
}

func sealFile(path string) (digest string, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	if size, err = io.Copy(h, f); err != nil {
		return "", 0, err
	}
	if err := f.Sync(); err != nil {
		return "", 0, err
	}
	return digestOf(h), size, f.Chmod(readOnly)
}

// publish makes the version, and then shows it.
func (b *Builder) publish(ctx context.Context, m *Manifest) (d *Dataset, created bool, err error) {
	c := b.catalog
	draft, err := m.draft(b.temp.Path)
	if err != nil {
		return nil, false, err
	}
	if draft.Above, err = c.unmoved(ctx, b.name); err != nil {
		return nil, false, err
	}
	version, created, err := c.reg.Publish(ctx, draft)
	if err != nil {
		return nil, false, err
	}
	if created && c.place.Dir != "" {
		// The version exists; what goes wrong from here on is made good by the next writer.
		err = c.reveal(ctx, version, b.temp.Path)
	}
	if err != nil {
		return nil, false, fmt.Errorf("show %s: %w", version.Ref(), err)
	}
	d, err = c.dataset(ctx, version)
	return d, created, err
}

func writeManifest(dir string, m *Manifest) error {
	data, err := m.encode()
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, manifestName), data); err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, cardName), []byte(m.Card())); err != nil {
		return err
	}
	return atomicfile.SyncDir(dir)
}

// writeFile creates or replaces a read-only file in a directory that nobody else sees.
func writeFile(path string, data []byte) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, readOnly)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
