package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// maxIgnoreBytes bounds an ignore file; a larger one is surely something else.
const maxIgnoreBytes = 1 << 20

// versionControl names the folders that are never documents, even where hidden ones are taken.
var versionControl = map[string]bool{".git": true, ".hg": true, ".svn": true, ".bzr": true, "CVS": true}

// Dir is a folder of the local file system, or a single file of one. Symbolic links are not
// followed, and os.Root keeps every read inside the folder even if the tree changes meanwhile.
type Dir struct {
	name string
	root *os.Root
	only string // the single file, "" for the whole folder
	cfg  Config

	hidden, ignored, special atomic.Int64
}

// Left counts the files and folders that a source has and does not give; what is in such a folder is not
// looked at.
type Left struct {
	Hidden  int64 // whose name begins with a dot
	Ignored int64 // by an ignore file or the configuration
	Special int64 // links, devices, pipes
}

// Left returns what the last walk left out. It may be called while one is under way.
func (d *Dir) Left() Left { return Left{d.hidden.Load(), d.ignored.Load(), d.special.Load()} }

// OpenDir opens a folder, or a single file, as a source called name. The name is part of every
// document's identity: keep it when the folder moves. Close the source after use.
func OpenDir(name, dir string, cfg Config) (*Dir, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("open source %s: %w", name, err)
	}
	d := &Dir{name: name, cfg: cfg}
	if !info.IsDir() && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("open source %s: is a pipe, a socket or a device, not a file or a folder", name)
	}
	if !info.IsDir() {
		dir, d.only = filepath.Dir(dir), filepath.Base(dir)
	}
	if d.root, err = os.OpenRoot(dir); err != nil {
		return nil, fmt.Errorf("open source %s: %w", name, err)
	}
	return d, nil
}

// Close releases the folder.
func (d *Dir) Close() error { return d.root.Close() }

// Name is the source's name.
func (d *Dir) Name() string { return d.name }

// Files yields the files in ascending order of name within each folder. A folder that cannot be
// read ends the walk with an error: leaving it out silently would look like a deletion.
func (d *Dir) Files(ctx context.Context) iter.Seq2[File, error] {
	return func(yield func(File, error) bool) {
		err := d.files(ctx, func(f File) bool { return yield(f, nil) })
		if err != nil && !errors.Is(err, fs.SkipAll) {
			yield(File{}, fmt.Errorf("walk source %s: %w", d.name, err))
		}
	}
}

// files walks with fs.SkipAll meaning that the consumer has had enough.
func (d *Dir) files(ctx context.Context, yield func(File) bool) error {
	for _, n := range []*atomic.Int64{&d.hidden, &d.ignored, &d.special} {
		n.Store(0)
	}
	if d.only != "" {
		info, err := d.root.Stat(d.only)
		if err != nil {
			return err
		}
		yield(d.file(d.only, info.Size()))
		return nil
	}
	rules, err := (*ruleset)(nil).below(0, d.cfg.Ignore)
	if err != nil {
		return fmt.Errorf("read ignore patterns: %w", err)
	}
	return d.walk(ctx, ".", nil, rules, yield)
}

func (d *Dir) walk(ctx context.Context, dir string, segments []string, rules *ruleset, yield func(File) bool) error {
	entries, err := fs.ReadDir(d.root.FS(), dir) // sorted by name
	if err != nil {
		return err
	}
	if rules, err = d.rulesOf(dir, len(segments), rules); err != nil {
		return err
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		// A copy: the recursion must not share the tail of the slice between siblings.
		at := append(segments[:len(segments):len(segments)], e.Name())
		if d.skips(e, at, rules) {
			continue
		}
		if err := d.visit(ctx, path.Join(dir, e.Name()), e, at, rules, yield); err != nil {
			return err
		}
	}
	return nil
}

func (d *Dir) visit(ctx context.Context, name string, e fs.DirEntry, at []string, rules *ruleset, yield func(File) bool) error {
	if e.IsDir() {
		return d.walk(ctx, name, at, rules, yield)
	}
	info, err := e.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return nil // gone since the folder was listed
	}
	if err != nil {
		return err
	}
	if !yield(d.file(name, info.Size())) {
		return fs.SkipAll
	}
	return nil
}

// skips reports whether an entry is none of ours: hidden, ignored, a link, a device; and counts it. Ignore
// files and what version control keeps are nobody's documents.
func (d *Dir) skips(e fs.DirEntry, at []string, rules *ruleset) bool {
	name := e.Name()
	switch {
	case name == ignoreName, e.IsDir() && versionControl[name]:
		return true
	case strings.HasPrefix(name, ".") && !d.cfg.Hidden:
		d.hidden.Add(1)
		return true
	case !e.IsDir() && !e.Type().IsRegular():
		d.special.Add(1)
		return true
	case rules.ignored(at, e.IsDir()):
		d.ignored.Add(1)
		return true
	}
	return false
}

// rulesOf adds the folder's own ignore file, when it has one, to the rules from above.
func (d *Dir) rulesOf(dir string, depth int, rules *ruleset) (*ruleset, error) {
	name := path.Join(dir, ignoreName)
	info, err := d.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return rules, nil
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return rules, nil
	}
	text, err := d.file(name, info.Size()).Read(maxIgnoreBytes)
	if err != nil {
		return nil, err
	}
	if rules, err = rules.below(depth, strings.Split(string(text), "\n")); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return rules, nil
}

func (d *Dir) file(name string, size int64) File {
	return File{Path: name, Size: size, Open: func() (io.ReadCloser, error) { return d.root.Open(name) }}
}
