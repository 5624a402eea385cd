package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/store"
)

// List walks the directory in order of key. Objects that come or go meanwhile may be seen or not.
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		root, err := b.open(false)
		if errors.Is(err, fs.ErrNotExist) {
			err, root = context.Cause(ctx), nil
		}
		if err == nil && root != nil {
			w := walk{ctx: ctx, root: root, prefix: prefix, yield: yield}
			err = w.dir(".", "")
		}
		if err != nil && err != errStop {
			yield(store.Object{}, fmt.Errorf("list %q: %w", prefix, classify(err)))
		}
	}
}

// errStop ends a walk whose consumer wants no more.
var errStop = errors.New("stop")

type walk struct {
	ctx    context.Context
	root   *os.Root
	prefix string
	yield  func(store.Object, error) bool
}

// entry is a file or directory of one level, by its decoded name; a directory's ends in "/", which
// makes the order of names the order of the keys below them.
type entry struct {
	name string
	path string
}

func (w *walk) dir(dir, above string) error {
	entries, err := w.entries(dir, "")
	if err != nil {
		return err
	}
	for _, e := range entries {
		key := above + e.name
		inside := strings.HasPrefix(key, w.prefix)
		if strings.HasSuffix(e.name, "/") {
			if inside || strings.HasPrefix(w.prefix, key) {
				err = w.dir(e.path, key)
			}
		} else if inside {
			err = w.file(key, e.path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) file(key, path string) error {
	if err := context.Cause(w.ctx); err != nil {
		return err
	}
	if store.CheckKey(key) != nil || encode(key) != path {
		return nil // not ours: pieces cut elsewhere, or too long
	}
	obj, err := stat(w.root, key, path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // deleted meanwhile
	case err != nil:
		return err
	case !w.yield(obj, nil):
		return errStop
	}
	return nil
}

// entries returns what a directory holds, in order. before is the part of a cut name that led here.
func (w *walk) entries(dir, before string) ([]entry, error) {
	if err := context.Cause(w.ctx); err != nil {
		return nil, err
	}
	found, err := fs.ReadDir(w.root.FS(), dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // deleted meanwhile
	}
	if err != nil {
		return nil, err
	}
	var entries []entry
	for _, f := range found {
		if strings.HasPrefix(f.Name(), ".") {
			continue
		}
		place := path.Join(dir, f.Name())
		if piece, ok := strings.CutSuffix(f.Name(), moreMark); ok && f.IsDir() {
			rest, err := w.entries(place, before+piece)
			if err != nil {
				return nil, err
			}
			entries = append(entries, rest...)
			continue
		}
		name, isDir := strings.CutSuffix(f.Name(), dirMark)
		segment, err := decodeSegment(before + name)
		if err != nil || isDir != f.IsDir() {
			continue // not ours
		}
		if isDir {
			segment += "/"
		}
		entries = append(entries, entry{segment, place})
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return entries, nil
}
