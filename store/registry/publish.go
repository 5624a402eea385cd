package registry

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cultivar/cultivar/internal/plainjson"
	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/cas"
	"github.com/cultivar/cultivar/store/reap"
)

// Source is where a file of a draft comes from.
type Source struct {
	Open   func() (io.ReadSeekCloser, error)
	Record bool // see File.Record

	sealed *sealed
}

// sealed is a file that is known and stays as it is.
type sealed struct {
	path   string
	digest cas.Digest
	size   int64
}

// Sealed is a file on disk that nobody changes any more, with its digest and size. A bucket on this
// machine keeps it without a copy: both are then one file.
func Sealed(path string, digest cas.Digest, size int64) Source {
	return Source{sealed: &sealed{path, digest, size}}
}

// Local is a file on disk.
func Local(path string) Source {
	return Source{Open: func() (io.ReadSeekCloser, error) { return os.Open(path) }}
}

// Bytes is content in memory.
func Bytes(data []byte) Source {
	return Source{Open: func() (io.ReadSeekCloser, error) { return nopCloser{bytes.NewReader(data)}, nil }}
}

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }

// Draft is what Publish makes a version of.
type Draft struct {
	Name      string
	Version   int               // 0 is the next one
	Above     int               // the next one is higher than this, too
	Files     map[string]Source // by path in the version
	Body      json.RawMessage   // a JSON object, {} when empty
	CreatedBy string
	CreatedAt time.Time // now, when zero
}

const (
	// publishTries bounds how often a publisher finds its version taken by another one.
	publishTries = 256
	readers      = 16 // manifests read at once
)

// Publish writes the files' blobs, verifies that they arrived, and then creates the manifest, which
// is the moment the version exists. Content that the name already has is not published again: that
// version comes back with created false. So a Publish that was killed, or whose outcome is unknown,
// is simply run again.
func (r *Registry) Publish(ctx context.Context, d Draft) (m Manifest, created bool, err error) {
	m, err = d.manifest()
	if err != nil {
		return Manifest{}, false, fmt.Errorf("publish %s: %w", d.Name, err)
	}
	if m.Files, err = r.store(ctx, d.Files); err != nil {
		return Manifest{}, false, fmt.Errorf("publish %s: %w", d.Name, err)
	}
	if m.Digest, err = r.kind.digest(m.Files, m.Body); err != nil {
		return Manifest{}, false, fmt.Errorf("publish %s: %w", d.Name, err)
	}
	m, created, err = r.claim(ctx, m, d.Above)
	if err != nil {
		return Manifest{}, false, fmt.Errorf("publish %s: %w", d.Name, err)
	}
	return m, created, nil
}

// manifest checks a draft and starts its manifest.
func (d Draft) manifest() (Manifest, error) {
	if err := CheckName(d.Name); err != nil {
		return Manifest{}, err
	}
	if d.Version < 0 || d.Version > maxVersion {
		return Manifest{}, fmt.Errorf("%w: version %d", ErrBadName, d.Version)
	}
	for path := range d.Files {
		if err := checkPath(path); err != nil {
			return Manifest{}, err
		}
	}
	body, err := canonical(d.Body)
	if err != nil {
		return Manifest{}, err
	}
	m := Manifest{
		SchemaVersion: SchemaVersion, Name: d.Name, Version: d.Version, Body: body,
		CreatedAt: d.CreatedAt.UTC(), CreatedBy: d.CreatedBy, WriteID: rand.Text(),
	}
	if d.CreatedAt.IsZero() {
		m.CreatedAt = time.Now().UTC().Truncate(time.Millisecond)
	}
	return m, nil
}

// store puts the files' blobs and looks at each of them again.
func (r *Registry) store(ctx context.Context, sources map[string]Source) ([]File, error) {
	marks, err := reap.Read(ctx, r.b)
	if err != nil {
		return nil, err
	}
	blobs := r.blobs.Renewing(marks)
	files := []File{}
	etags := make(map[string]string, len(sources))
	renewed := false
	for _, path := range slices.Sorted(maps.Keys(sources)) {
		source := sources[path]
		d, obj, err := put(ctx, blobs, source)
		if err != nil {
			return nil, fmt.Errorf("store %s: %w", path, err)
		}
		files = append(files, File{Path: path, Digest: string(d), Size: obj.Size, Record: source.Record})
		etags[path] = obj.ETag
		renewed = renewed || marks.Has(cas.Key(d))
	}
	sortFiles(files)
	if err := CheckFiles(files); err != nil {
		return nil, err
	}
	if renewed && reap.Waits(r.b) {
		if err := wait(ctx, reap.Settle); err != nil {
			return nil, err
		}
	}
	return files, r.verify(ctx, files, etags)
}

// verify looks whether blobs are as they were put.
func (r *Registry) verify(ctx context.Context, files []File, etags map[string]string) error {
	for _, f := range files {
		obj, err := r.blobs.Stat(ctx, cas.Digest(f.Digest))
		if err != nil {
			return fmt.Errorf("verify %s: %w", f.Path, err)
		}
		if obj.Size != f.Size || obj.ETag != etags[f.Path] {
			return fmt.Errorf("verify %s: stored %d bytes with ETag %s, found %d with %s", f.Path, f.Size, etags[f.Path], obj.Size, obj.ETag)
		}
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

func put(ctx context.Context, blobs *cas.Store, s Source) (cas.Digest, store.Object, error) {
	if f := s.sealed; f != nil {
		obj, err := blobs.PutFile(ctx, f.path, f.digest, f.size)
		return f.digest, obj, err
	}
	body, err := s.Open()
	if err != nil {
		return "", store.Object{}, err
	}
	defer body.Close()
	return blobs.Put(ctx, body)
}

// claim creates the manifest under the version asked for, or under the first free one. It puts a
// manifest only when it has seen all versions below, so that of two publishers of one content the
// later one always meets the earlier one's version.
func (r *Registry) claim(ctx context.Context, m Manifest, above int) (Manifest, bool, error) {
	asked := m.Version
	known := map[int]string{} // content digests by version
	for range publishTries {
		last, err := r.survey(ctx, m.Name, known)
		if err != nil {
			return Manifest{}, false, err
		}
		if version := r.same(known, m.Digest, asked, last, above); version != 0 {
			m, err := r.Get(ctx, m.Name, version)
			return m, false, err
		}
		if _, taken := known[asked]; taken {
			return Manifest{}, false, fmt.Errorf("version %d: %w", asked, ErrVersionExists)
		}
		if m.Version = asked; asked == 0 {
			m.Version = max(last, above) + 1
		}
		if m.Version > maxVersion {
			return Manifest{}, false, fmt.Errorf("version %d is too high", m.Version)
		}
		body, err := plainjson.MarshalFile(m)
		if err != nil {
			return Manifest{}, false, err
		}
		won, err := r.create(ctx, r.kind.manifestKey(m.Name, m.Version), m.WriteID, body)
		if won || err != nil {
			return m, won, err
		}
	}
	return Manifest{}, false, errors.New("too many publishers at once")
}

// same returns the version that is what a publisher asks for, 0 when there is none.
func (r *Registry) same(known map[int]string, digest string, asked, last, above int) int {
	versions := slices.Sorted(maps.Keys(known))
	switch {
	case !r.kind.Returns:
	case asked != 0:
		versions = []int{asked}
	case above > last:
		return 0
	case last != 0:
		versions = []int{last}
	}
	for _, version := range versions {
		if known[version] == digest {
			return version
		}
	}
	return 0
}

// survey adds the digests of versions that are not known yet, and returns the highest version. A
// manifest that is corrupt, or was removed, takes its number but equals nothing.
func (r *Registry) survey(ctx context.Context, name string, known map[int]string) (last int, err error) {
	gone, err := r.RemovedVersions(ctx, name)
	if err != nil {
		return 0, err
	}
	for version := range gone {
		last, known[version] = max(last, version), ""
	}
	versions, err := r.numbers(ctx, name)
	if err != nil {
		return 0, err
	}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(readers)
	for _, version := range versions {
		last = max(last, version)
		mu.Lock()
		_, seen := known[version]
		mu.Unlock()
		if seen {
			continue
		}
		g.Go(func() error {
			m, err := r.get(ctx, name, version)
			if err != nil && !errors.Is(err, ErrCorrupt) {
				return err
			}
			mu.Lock()
			known[version] = m.Digest
			mu.Unlock()
			return nil
		})
	}
	return last, g.Wait()
}
