package registry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cultivar/cultivar/internal/plainjson"
	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/cas"
)

// SchemaVersion is the version of the manifest and alias formats that this program writes.
const SchemaVersion = 1

const (
	maxFiles = 10_000
	maxPath  = 512 // bytes
)

// File is one file of a version.
type File struct {
	Path   string `json:"path"` // slash-separated, relative
	Digest string `json:"digest"`
	Size   int64  `json:"size"` // bytes
	// Record marks a file that tells about the making, such as a log with timings. It is kept and
	// verified like any other, but it is no part of the content that Manifest.Digest names.
	Record bool `json:"record,omitempty"`
}

// Manifest describes one version. It never changes.
type Manifest struct {
	SchemaVersion int             `json:"schema_version"`
	Name          string          `json:"name"`
	Version       int             `json:"version"`
	Digest        string          `json:"digest"` // of the content: files that are no records, and body
	Files         []File          `json:"files"`  // sorted by path
	Body          json.RawMessage `json:"body"`   // an object of the artefact's own facts
	CreatedAt     time.Time       `json:"created_at"`
	CreatedBy     string          `json:"created_by,omitempty"`
	WriteID       string          `json:"write_id"` // unique to one attempt to publish
}

// Ref is the reference to exactly this version.
func (m Manifest) Ref() Ref { return Ref{Name: m.Name, Version: m.Version} }

// Size is the sum of the files' sizes.
func (m Manifest) Size() int64 {
	var sum int64
	for _, f := range m.Files {
		sum += f.Size
	}
	return sum
}

// canonical returns JSON in one form for one value: no white space, object keys sorted, numbers as
// they were written. The value must be an object.
func canonical(raw json.RawMessage) (json.RawMessage, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return json.RawMessage("{}"), nil
	}
	if !utf8.Valid(raw) {
		return nil, fmt.Errorf("body is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("body is no JSON object: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("body goes on after its JSON object")
	}
	if v == nil {
		return json.RawMessage("{}"), nil
	}
	return plainjson.Marshal(v)
}

// ContentDigest names the content of a version: SHA-256 of {"body":…,"files":[{"digest":…,"path":…,"size":…},…]}
// in canonical form. Name, version, time and records are left out, so that the same content has the
// same digest wherever and whenever it is published.
func ContentDigest(files []File, body json.RawMessage) (string, error) {
	body, err := canonical(body)
	if err != nil {
		return "", err
	}
	type file struct {
		Digest string `json:"digest"`
		Path   string `json:"path"`
		Size   int64  `json:"size"`
	}
	content := struct {
		Body  json.RawMessage `json:"body"`
		Files []file          `json:"files"`
	}{Body: body, Files: []file{}}
	for _, f := range files {
		if !f.Record {
			content.Files = append(content.Files, file{f.Digest, f.Path, f.Size})
		}
	}
	data, err := plainjson.Marshal(content)
	return string(cas.Sum(data)), err
}

// checkPath says whether a path may be a file of a version: a key, so that it has plain segments
// only, and without the colon, which starts a drive or a stream on some systems.
func checkPath(p string) error {
	if err := store.CheckKey(p); err != nil {
		return fmt.Errorf("bad file path: %w", err)
	}
	if len(p) > maxPath || strings.Contains(p, ":") {
		return fmt.Errorf("bad file path %.80q: colon, or more than %d bytes", p, maxPath)
	}
	return nil
}

// CheckFiles says whether files are in order and can stand in one directory together.
func CheckFiles(files []File) error {
	if len(files) > maxFiles {
		return fmt.Errorf("%d files, the limit is %d", len(files), maxFiles)
	}
	seen := make(map[string]bool, len(files))
	for i, f := range files {
		if err := checkPath(f.Path); err != nil {
			return err
		}
		if _, err := cas.ParseDigest(f.Digest); err != nil {
			return fmt.Errorf("file %s: %w", f.Path, err)
		}
		if f.Size < 0 {
			return fmt.Errorf("file %s: negative size", f.Path)
		}
		if i > 0 && files[i-1].Path >= f.Path {
			return fmt.Errorf("file %s: paths not in order or not unique", f.Path)
		}
		for dir := path.Dir(f.Path); dir != "."; dir = path.Dir(dir) {
			if seen[dir] {
				return fmt.Errorf("file %s: %s is a file, not a directory", f.Path, dir)
			}
		}
		seen[f.Path] = true
	}
	return nil
}

// parseManifest reads a manifest and checks it against itself and its key.
func (k Kind) parseManifest(data []byte, name string, version int) (Manifest, error) {
	var m Manifest
	key := k.manifestKey(name, version)
	if err := json.Unmarshal(data, &m); err != nil {
		return Manifest{}, fmt.Errorf("%s: %w: %w", key, ErrCorrupt, err)
	}
	if m.SchemaVersion > SchemaVersion {
		return Manifest{}, fmt.Errorf("%s has schema version %d, this program knows up to %d", key, m.SchemaVersion, SchemaVersion)
	}
	if err := m.check(k, name, version); err != nil {
		return Manifest{}, fmt.Errorf("%s: %w: %w", key, ErrCorrupt, err)
	}
	return m, nil
}

func (m *Manifest) check(k Kind, name string, version int) error {
	if m.SchemaVersion != SchemaVersion {
		return fmt.Errorf("schema version %d", m.SchemaVersion)
	}
	if m.Name != name || m.Version != version {
		return fmt.Errorf("it says that it is %s@%d", m.Name, m.Version)
	}
	if err := CheckFiles(m.Files); err != nil {
		return err
	}
	body, err := canonical(m.Body)
	if err != nil {
		return err
	}
	m.Body = body
	digest, err := k.digest(m.Files, body)
	if err != nil {
		return err
	}
	if digest != m.Digest {
		return fmt.Errorf("digest is %s, content has %s", m.Digest, digest)
	}
	return nil
}

func sortFiles(files []File) {
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
}
