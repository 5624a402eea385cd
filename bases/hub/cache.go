package hub

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/cultivar/cultivar/internal/bounded"
)

// repo is a model's folder in the cache:
//
//	models--org--name/
//	  blobs/DIGEST                  contents
//	  snapshots/COMMIT/FILE         relative links to them
//	  refs/REVISION                 the commit that a branch or tag was when last asked
//	  trees/COMMIT.json             what the hub lists of a commit
//	.locks/models--org--name/DIGEST.lock
//
// Reading follows links wherever they lead, as people move such folders to other disks. Writing
// goes through an os.Root: no name from the network leads out of the folder.
type repo struct {
	dir   string
	locks string
}

func openRepo(cache, name string) *repo {
	folder := folderPrefix + strings.ReplaceAll(name, "/", "--")
	return &repo{dir: filepath.Join(cache, folder), locks: filepath.Join(cache, ".locks", folder)}
}

// root opens the folder for writing.
func (r *repo) root() (*os.Root, error) {
	if err := os.MkdirAll(r.dir, 0o777); err != nil {
		return nil, err
	}
	return os.OpenRoot(r.dir)
}

// snapshot is where the files of a commit lie, or one file of it.
func (r *repo) snapshot(commit, file string) string {
	return filepath.Join(r.dir, "snapshots", commit, filepath.FromSlash(file))
}

// ref returns the commit that a revision was, "" if that is not known.
func (r *repo) ref(revision string) string {
	text, err := bounded.ReadFile(filepath.Join(r.dir, "refs", filepath.FromSlash(revision)), 100)
	if commit := strings.TrimSpace(string(text)); err == nil && isCommit(commit) {
		return commit
	}
	return ""
}

func (r *repo) setRef(revision, commit string) error {
	return r.put(path.Join("refs", revision), []byte(commit))
}

// put writes a small file, whole or not at all.
func (r *repo) put(name string, data []byte) error {
	root, err := r.root()
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	if err := root.MkdirAll(path.Dir(name), 0o777); err != nil {
		return err
	}
	temp := name + "." + rand.Text()[:8] + ".tmp"
	if err := root.WriteFile(temp, data, 0o666); err != nil {
		return errors.Join(err, ignoreMissing(root.Remove(temp)))
	}
	if err := root.Rename(temp, name); err != nil {
		return errors.Join(err, ignoreMissing(root.Remove(temp)))
	}
	return nil
}

// treeFile is trees/COMMIT.json as huggingface_hub 2 writes it.
type treeFile struct {
	Version int                 `json:"format_version"`
	Files   map[string]treeItem `json:"files"`
}

type treeItem struct {
	Size    int64  `json:"size"`
	Blob    string `json:"blob_id"`
	SHA256  string `json:"lfs_sha256,omitempty"`
	LFSSize *int64 `json:"lfs_size,omitempty"`
	Xet     string `json:"xet_hash,omitempty"`
}

// listing returns what the hub listed of a commit. A file that cannot be used is no listing.
func (r *repo) listing(commit string) ([]entry, bool) {
	if !isCommit(commit) {
		return nil, false
	}
	text, err := bounded.ReadFile(filepath.Join(r.dir, "trees", commit+".json"), maxPage)
	var t treeFile
	if err != nil || json.Unmarshal(text, &t) != nil || t.Version != 1 || len(t.Files) == 0 {
		return nil, false
	}
	list := make([]entry, 0, len(t.Files))
	for name, i := range t.Files {
		e := entry{Path: name, Size: i.Size, Blob: i.Blob, SHA256: i.SHA256, Xet: i.Xet}
		if i.LFSSize != nil {
			e.Size = *i.LFSSize
		}
		if e.valid() != nil {
			return nil, false
		}
		list = append(list, e)
	}
	return list, true
}

func (r *repo) setListing(commit string, list []entry) error {
	t := treeFile{1, make(map[string]treeItem, len(list))}
	for _, e := range list {
		i := treeItem{Size: e.Size, Blob: e.Blob, Xet: e.Xet}
		if e.SHA256 != "" {
			i.SHA256, i.LFSSize = e.SHA256, &e.Size
		}
		t.Files[e.Path] = i
	}
	text, err := json.MarshalIndent(t, "", " ")
	if err != nil {
		return err
	}
	return r.put("trees/"+commit+".json", text)
}

// has reports whether a snapshot holds all that is needed of a commit.
func (r *repo) has(commit string, ref Ref, list []entry) bool {
	files, index, err := choose(ref, list)
	if err != nil || !r.all(commit, files) {
		return false
	}
	if !index {
		return true
	}
	text, err := bounded.ReadFile(r.snapshot(commit, indexName), maxIndex)
	if err != nil {
		return false
	}
	files, err = shards(ref, text, list)
	return err == nil && r.all(commit, files)
}

func (r *repo) all(commit string, files []entry) bool {
	for _, e := range files {
		if !r.linked(commit, e) {
			return false
		}
	}
	return true
}

// linked reports whether a file is in the snapshot, whole.
func (r *repo) linked(commit string, e entry) bool {
	info, err := os.Stat(r.snapshot(commit, e.Path))
	return err == nil && info.Mode().IsRegular() && info.Size() == e.Size
}

// stored reports whether a file's content is there, whole.
func (r *repo) stored(e entry) bool {
	info, err := os.Stat(filepath.Join(r.dir, "blobs", e.etag()))
	return err == nil && info.Mode().IsRegular() && info.Size() == e.Size
}

// seemsWhole judges a snapshot that older tools made, which keep no listing: by the files that every
// base has.
func (r *repo) seemsWhole(commit string, ref Ref) bool {
	exists := func(name string) bool {
		_, err := os.Stat(r.snapshot(commit, name))
		return err == nil
	}
	if ref.Path != "" {
		return exists(ref.Path)
	}
	if !exists(configName) {
		return false
	}
	if exists(weightsName) {
		return true
	}
	text, err := bounded.ReadFile(r.snapshot(commit, indexName), maxIndex)
	var x struct {
		Map map[string]string `json:"weight_map"`
	}
	if err != nil || json.Unmarshal(text, &x) != nil || len(x.Map) == 0 {
		return false
	}
	for _, name := range x.Map {
		if !isLocal(name) || !exists(name) {
			return false
		}
	}
	return true
}

// link puts a stored file into a snapshot, in place of what may be there.
func (r *repo) link(root *os.Root, commit string, e entry) error {
	if r.linked(commit, e) {
		return nil
	}
	name := path.Join("snapshots", commit, e.Path)
	up := strings.Repeat("../", strings.Count(name, "/"))
	if err := root.MkdirAll(path.Dir(name), 0o777); err != nil {
		return err
	}
	temp := name + "." + rand.Text()[:8] + ".tmp"
	if err := root.Symlink(up+"blobs/"+e.etag(), temp); err != nil {
		return err
	}
	if err := root.Rename(temp, name); err != nil {
		return errors.Join(err, ignoreMissing(root.Remove(temp)))
	}
	return nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func readOnly(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}
