package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/cas"
)

// Problem is something broken.
type Problem struct {
	Key    string `json:"key"`
	Reason string `json:"reason"`
}

// Report is what Check found.
type Report struct {
	Names    int       `json:"names"`
	Versions int       `json:"versions"`
	Aliases  int       `json:"aliases"`
	Blobs    int       `json:"blobs"`
	Bytes    int64     `json:"bytes"`    // of all blobs
	Read     bool      `json:"read"`     // whether the blobs' bytes were verified
	Problems []Problem `json:"problems"` // sorted by key
	// Orphans are blobs that no manifest names, such as those of a publish that was killed or is
	// under way. They break nothing.
	Orphans []string `json:"orphans"`
}

// OK says whether nothing is broken.
func (r Report) OK() bool { return len(r.Problems) == 0 }

// checker walks a registry from the aliases down, so that what is published meanwhile is no problem:
// what an older pointer names was there before it.
type checker struct {
	b         store.Bucket
	blobs     *cas.Store
	report    Report
	mu        sync.Mutex
	manifests map[string]string   // digest of the content by manifest key, "" when corrupt
	needed    map[cas.Digest]File // a file that a blob is needed for
	neededBy  map[cas.Digest]string
	entries   []pointer
	removed   map[string]bool // manifest keys of versions that were removed
}

// pointer is an alias entry and the keys of its own and of what it points at.
type pointer struct {
	AliasEntry
	key, target string
	last        bool // where the alias points now
}

// Check follows every alias of the kinds to its manifest and every manifest to its blobs; with readData
// it also reads all blobs and verifies their digests. What is broken is in the report; the error is for
// a bucket that cannot be read. Blobs of kinds that are left out count as orphans.
func Check(ctx context.Context, b store.Bucket, readData bool, kinds ...Kind) (Report, error) {
	c := &checker{
		b: b, blobs: cas.New(b), manifests: map[string]string{}, needed: map[cas.Digest]File{}, neededBy: map[cas.Digest]string{},
		removed: map[string]bool{},
		report:  Report{Read: readData, Problems: []Problem{}, Orphans: []string{}},
	}
	if err := c.check(ctx, kinds); err != nil {
		return Report{}, fmt.Errorf("check %s: %w", b.URL(), err)
	}
	SortProblems(c.report.Problems)
	return c.report, nil
}

// SortProblems puts problems into order of key.
func SortProblems(list []Problem) {
	slices.SortFunc(list, func(a, b Problem) int { return strings.Compare(a.Key+a.Reason, b.Key+b.Reason) })
}

func (c *checker) check(ctx context.Context, kinds []Kind) error {
	for _, kind := range kinds {
		if err := c.readAliases(ctx, New(c.b, kind)); err != nil {
			return err
		}
	}
	for _, kind := range kinds {
		if err := c.readRemovals(ctx, kind); err != nil {
			return err
		}
		if err := c.readManifests(ctx, New(c.b, kind)); err != nil {
			return err
		}
	}
	c.followAliases()
	return c.matchBlobs(ctx)
}

func (c *checker) problem(key, format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report.Problems = append(c.report.Problems, Problem{key, fmt.Sprintf(format, args...)})
}

// broken notes an error about stored bytes, and returns any other.
func (c *checker) broken(key string, err error) error {
	if err == nil || !errors.Is(err, ErrCorrupt) {
		return err
	}
	c.problem(key, "%v", err)
	return nil
}

func (c *checker) readAliases(ctx context.Context, r *Registry) error {
	next := map[string]uint64{}
	last := map[string]int{} // place in entries, by alias
	for obj, err := range c.b.List(ctx, r.kind.refPrefix()) {
		if err != nil {
			return err
		}
		name, alias, seq, ok := r.kind.parseAliasKey(obj.Key)
		if !ok {
			c.problem(obj.Key, "not the key of an alias entry")
			continue
		}
		log := name + ":" + alias
		if seq != next[log]+1 {
			c.problem(obj.Key, "entries are missing: number %d follows %d", seq, next[log])
		}
		next[log] = seq
		delete(last, log)
		e, err := r.entry(ctx, name, alias, seq)
		if err := c.broken(obj.Key, err); err != nil {
			return err
		}
		if err == nil && e.Version != 0 {
			last[log] = len(c.entries)
			c.entries = append(c.entries, pointer{e, obj.Key, r.kind.manifestKey(name, e.Version), false})
		}
	}
	for _, i := range last {
		c.entries[i].last = true
	}
	c.report.Aliases += len(next)
	return nil
}

func (c *checker) readRemovals(ctx context.Context, k Kind) error {
	for obj, err := range c.b.List(ctx, k.removalPrefix()) {
		if err != nil {
			return err
		}
		name, version, ok := k.parseRemovalKey(obj.Key)
		if !ok {
			c.problem(obj.Key, "not the key of a removal")
			continue
		}
		c.removed[k.manifestKey(name, version)] = true
		_, err := New(c.b, k).removal(ctx, Ref{Name: name, Version: version})
		if err := c.broken(obj.Key, err); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) readManifests(ctx context.Context, r *Registry) error {
	names := map[string]bool{}
	for obj, err := range c.b.List(ctx, r.kind.manifestPrefix()) {
		if err != nil {
			return err
		}
		name, version, ok := r.kind.parseManifestKey(obj.Key)
		if !ok {
			c.problem(obj.Key, "not the key of a manifest")
			continue
		}
		names[name] = true
		c.report.Versions++
		m, err := r.get(ctx, name, version)
		if c.removed[obj.Key] && errors.Is(err, ErrCorrupt) {
			continue // it is on its way out
		}
		if err := c.broken(obj.Key, err); err != nil {
			return err
		}
		c.manifests[obj.Key] = m.Digest
		for _, f := range m.Files {
			c.need(obj.Key, f)
		}
	}
	c.report.Names += len(names)
	return nil
}

// need notes that a manifest needs a blob; two manifests that see one blob differently are a problem.
func (c *checker) need(key string, f File) {
	d := cas.Digest(f.Digest)
	if before, ok := c.needed[d]; ok && before.Size != f.Size {
		c.problem(key, "file %s is said to have %d bytes, by %s %d", f.Path, f.Size, c.neededBy[d], before.Size)
		return
	}
	c.needed[d], c.neededBy[d] = f, key
}

func (c *checker) followAliases() {
	for _, e := range c.entries {
		digest, ok := c.manifests[e.target]
		switch {
		case !ok && c.removed[e.target] && !e.last: // history, of what was swept
		case !ok:
			c.problem(e.key, "points at version %d, which does not exist", e.Version)
		case digest != e.Digest && digest != "": // a corrupt manifest is a problem already
			c.problem(e.key, "points at %s, but version %d is %s", e.Digest, e.Version, digest)
		}
	}
}

func (c *checker) matchBlobs(ctx context.Context) error {
	found := map[cas.Digest]bool{}
	g, reading := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for blob, err := range c.blobs.List(ctx) {
		if err != nil {
			return errors.Join(err, g.Wait())
		}
		if blob.Digest == "" {
			c.problem(blob.Object.Key, "not the key of a blob")
			continue
		}
		c.report.Blobs++
		c.report.Bytes += blob.Object.Size
		found[blob.Digest] = true
		if f, ok := c.needed[blob.Digest]; !ok {
			c.report.Orphans = append(c.report.Orphans, blob.Object.Key)
		} else if f.Size != blob.Object.Size {
			c.problem(blob.Object.Key, "has %d bytes, %s says %d", blob.Object.Size, c.neededBy[blob.Digest], f.Size)
			continue
		}
		if c.report.Read {
			g.Go(func() error { return c.broken(blob.Object.Key, c.blobs.Verify(reading, blob.Digest)) })
		}
	}
	for d, f := range c.needed {
		if !found[d] {
			c.problem(cas.Key(d), "is missing, but is file %s of %s", f.Path, c.neededBy[d])
		}
	}
	return g.Wait()
}
