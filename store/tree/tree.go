// Package tree keeps the files of a directory in a bucket: each file a blob under its digest, and a
// list of paths and digests, which is a blob itself. A tree is named by the digest of that list, so
// that equal directories are one tree, putting one twice is harmless, and whoever has the name can
// have the files, on any machine, verified.
//
// Trees lie under a prefix of their own, since what keeps or removes the blobs of others in the bucket
// knows nothing of them.
package tree

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/cultivar/cultivar/internal/atomicfile"
	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/cas"
	"github.com/cultivar/cultivar/store/reap"
)

// ErrBadTree means that a list of files is none, or names a path outside of its directory.
var ErrBadTree = errors.New("bad list of files")

// maxList bounds a list of files; a path of 100 bytes takes about 200 in it.
const maxList = 64 << 20

// File is a file of a tree.
type File struct {
	Path   string     `json:"path"` // relative, with slashes
	Size   int64      `json:"size"`
	Digest cas.Digest `json:"digest"`
}

// list is what a tree's name is the digest of. Files are in the order of their paths.
type list struct {
	Files []File `json:"files"`
}

// Put stores the regular files of a file system and returns the tree's name. Links and other things
// that are no regular files are refused, since they would mean something else elsewhere.
func Put(ctx context.Context, b store.Bucket, files fs.FS) (cas.Digest, error) {
	marks, err := reap.Read(ctx, b)
	if err != nil {
		return "", fmt.Errorf("store tree: %w", err)
	}
	blobs := blobsOf(b).Renewing(marks.Under(Prefix))
	text, err := listOf(files, func(r io.ReadSeeker) (cas.Digest, int64, error) {
		d, obj, err := blobs.Put(ctx, r)
		return d, obj.Size, err
	})
	if err != nil {
		return "", fmt.Errorf("store tree: %w", err)
	}
	d, _, err := blobs.Put(ctx, bytes.NewReader(text))
	if err != nil {
		return "", fmt.Errorf("store tree: %w", err)
	}
	return d, nil
}

// DigestOf is what a tree of the directory at a path would be named by; of a file, the digest of its bytes.
// Nothing is stored.
func DigestOf(ctx context.Context, path string) (cas.Digest, error) {
	digest := func(r io.ReadSeeker) (cas.Digest, int64, error) { return cas.DigestOf(ctx, r) }
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("digest: %w", err)
	}
	if !info.IsDir() {
		f, err := readFile(os.DirFS(filepath.Dir(path)), filepath.Base(path), digest)
		return f.Digest, err
	}
	text, err := listOf(os.DirFS(path), digest)
	if err != nil {
		return "", fmt.Errorf("digest of %s: %w", path, err)
	}
	return cas.Sum(text), nil
}

// listOf is the list of all files, each of which is handed to read.
func listOf(files fs.FS, read func(io.ReadSeeker) (cas.Digest, int64, error)) ([]byte, error) {
	all := list{Files: []File{}}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if !d.Type().IsRegular() {
			return fmt.Errorf("%s is no regular file", name)
		}
		f, err := readFile(files, name, read)
		all.Files = append(all.Files, f)
		return err
	})
	if err != nil {
		return nil, err
	}
	return json.Marshal(all)
}

func readFile(files fs.FS, name string, read func(io.ReadSeeker) (cas.Digest, int64, error)) (File, error) {
	f, err := files.Open(name)
	if err != nil {
		return File{}, err
	}
	defer func() { _ = f.Close() }()
	r, ok := f.(io.ReadSeeker)
	if !ok {
		return File{}, fmt.Errorf("%s cannot be read twice", name)
	}
	d, size, err := read(r)
	return File{name, size, d}, err
}

// Files lists the files of a tree in the order of their paths.
func Files(ctx context.Context, b store.Bucket, name cas.Digest) ([]File, error) {
	r, size, err := blobsOf(b).Get(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("read tree: %w", err)
	}
	defer func() { _ = r.Close() }()
	if size > maxList {
		return nil, fmt.Errorf("read tree %s: %w: %d bytes", name, ErrBadTree, size)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read tree: %w", err)
	}
	return parse(text)
}

// parse reads a list of files and holds its paths to their directory.
func parse(text []byte) ([]File, error) {
	var all list
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadTree, err)
	}
	seen := make(map[string]bool, len(all.Files))
	for _, f := range all.Files {
		if !filepath.IsLocal(filepath.FromSlash(f.Path)) || path.Clean(f.Path) != f.Path || f.Path == "." {
			return nil, fmt.Errorf("%w: path %q", ErrBadTree, f.Path)
		}
		if seen[f.Path] {
			return nil, fmt.Errorf("%w: path %q occurs twice", ErrBadTree, f.Path)
		}
		if _, err := cas.ParseDigest(string(f.Digest)); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBadTree, err)
		}
		seen[f.Path] = true
	}
	return all.Files, nil
}

// Verify reads all files of a tree.
func Verify(ctx context.Context, b store.Bucket, name cas.Digest) error {
	files, err := Files(ctx, b, name)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := blobsOf(b).Verify(ctx, f.Digest); err != nil {
			return fmt.Errorf("file %s of tree: %w", f.Path, err)
		}
	}
	return nil
}

// Checkout writes the files of a tree to a directory. Files that are there with the right content are
// left alone, so that a checkout again costs a reading and mends what was changed or cut short; files
// that the tree does not have are left alone too.
func Checkout(ctx context.Context, b store.Bucket, name cas.Digest, dir string) error {
	files, err := Files(ctx, b, name)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := checkoutFile(ctx, b, f, filepath.Join(dir, filepath.FromSlash(f.Path))); err != nil {
			return fmt.Errorf("file %s of tree: %w", f.Path, err)
		}
	}
	return nil
}

func checkoutFile(ctx context.Context, b store.Bucket, f File, target string) error {
	if same(ctx, f, target) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o777); err != nil {
		return err
	}
	r, _, err := blobsOf(b).Get(ctx, f.Digest)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	return atomicfile.WriteFile(target, func(w io.Writer) error {
		_, err := io.Copy(w, r)
		return err
	})
}

// same tells whether a file on disk has the content of a file of a tree.
func same(ctx context.Context, f File, target string) bool {
	old, err := os.Open(target)
	if err != nil {
		return false
	}
	defer func() { _ = old.Close() }()
	if info, err := old.Stat(); err != nil || info.Size() != f.Size {
		return false
	}
	d, size, err := cas.DigestOf(ctx, old)
	return err == nil && size == f.Size && d == f.Digest
}
