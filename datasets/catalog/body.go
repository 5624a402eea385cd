package catalog

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"github.com/cultivar/cultivar/store/cas"
	"github.com/cultivar/cultivar/store/registry"
)

// Kind is datasets among the kinds of a registry. A version is named by the digest of the dataset, and
// going back to what an older version holds is a version of its own: "name" means the latest documents.
var Kind = registry.Kind{Prefix: "datasets/", Digest: digestOfVersion, Returns: true}

const kindName = "dataset"

// body is the body of a dataset's manifest in a registry: all that [Manifest] has and the registry's own
// has not.
type body struct {
	Kind         string           `json:"kind"` // "dataset"
	CreatedAt    time.Time        `json:"created_at,omitzero"`
	ToolVersion  string           `json:"tool_version"`
	Config       json.RawMessage  `json:"config"`
	ConfigDigest string           `json:"config_digest"`
	Parents      []Parent         `json:"parents"`
	Sources      []Source         `json:"sources"`
	Counts       Counts           `json:"counts"`
	Rows         map[string]int64 `json:"rows"` // of the files that are tables
}

// draft is what a registry makes a version of; the files are in dir, and stay as they are.
func (m *Manifest) draft(dir string) (registry.Draft, error) {
	b := body{
		Kind: kindName, CreatedAt: m.CreatedAt, ToolVersion: m.ToolVersion, Config: m.Config, ConfigDigest: m.ConfigDigest,
		Parents: m.Parents, Sources: m.Sources, Counts: m.Counts, Rows: map[string]int64{},
	}
	d := registry.Draft{Name: m.Name, Files: map[string]registry.Source{}, CreatedAt: m.CreatedAt}
	for _, f := range m.Files {
		if f.Rows != 0 {
			b.Rows[f.Path] = f.Rows
		}
		d.Files[f.Path] = registry.Sealed(filepath.Join(dir, filepath.FromSlash(f.Path)), cas.Digest(f.Digest), f.Size)
	}
	var err error
	d.Body, err = json.Marshal(b)
	return d, err
}

// fromBody puts a manifest together, without name, number and digest.
func fromBody(files []registry.File, raw json.RawMessage) (Manifest, error) {
	var b body
	if err := json.Unmarshal(raw, &b); err != nil {
		return Manifest{}, fmt.Errorf("read manifest body: %w", err)
	}
	if b.Kind != kindName {
		return Manifest{}, fmt.Errorf("version is of kind %q", b.Kind)
	}
	m := Manifest{
		SchemaVersion: schemaVersion, CreatedAt: b.CreatedAt, ToolVersion: b.ToolVersion, Config: b.Config,
		ConfigDigest: b.ConfigDigest, Parents: b.Parents, Sources: b.Sources, Counts: b.Counts,
	}
	for _, f := range files {
		m.Files = append(m.Files, File{Path: f.Path, Digest: f.Digest, Size: f.Size, Rows: b.Rows[f.Path]})
	}
	return m, nil
}

// digestOfVersion names a version of a registry by the content of the dataset.
func digestOfVersion(files []registry.File, raw json.RawMessage) (string, error) {
	m, err := fromBody(files, raw)
	if err != nil {
		return "", err
	}
	return m.contentDigest(), nil
}

// Parents are the dataset versions that a version in the registry was made from.
func Parents(r registry.Manifest) ([]Parent, error) {
	m, err := fromRegistry(r)
	return m.Parents, err
}

// fromRegistry is the manifest of a dataset version, checked against itself.
func fromRegistry(r registry.Manifest) (Manifest, error) {
	m, err := fromBody(r.Files, r.Body)
	if err != nil {
		return m, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	m.Name, m.Version, m.Digest = r.Name, r.Version, r.Digest
	if err := m.check(); err != nil {
		return m, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return m, nil
}
