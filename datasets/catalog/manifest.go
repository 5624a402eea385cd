package catalog

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/internal/plainjson"
)

const (
	manifestName = "manifest.json"
	cardName     = "card.md"
	// ReportName is the file of a page about a version that may lie in its directory: derived, and no part of it.
	ReportName = "report.html"
	// schemaVersion is the version of the manifest's meaning. Readers refuse others.
	schemaVersion = 1
	// maxManifest bounds what is read into memory: room for a million files.
	maxManifest = 256 << 20
)

// ErrCorrupt means that a dataset version is not what its manifest says, or has no sound manifest.
var ErrCorrupt = errors.New("dataset is damaged")

// Manifest says what a dataset version holds and what it came from.
type Manifest struct {
	SchemaVersion int       `json:"schema_version"`
	Name          string    `json:"name"`
	Version       int       `json:"version"`
	Digest        string    `json:"digest"` // of the content: see contentDigest
	CreatedAt     time.Time `json:"created_at,omitzero"`
	ToolVersion   string    `json:"tool_version"`

	Config       json.RawMessage `json:"config"` // resolved
	ConfigDigest string          `json:"config_digest"`
	Parents      []Parent        `json:"parents"`
	Sources      []Source        `json:"sources"`

	Counts Counts `json:"counts"`
	Files  []File `json:"files"` // sorted by path
}

// Parent is a dataset version that this one was made from.
type Parent struct {
	Name    string `json:"name"`
	Version int    `json:"version"`
	Digest  string `json:"digest"`
}

// Source is where documents came from.
type Source struct {
	URI       string `json:"uri"` // without credentials
	Documents int64  `json:"documents"`
}

// File is one file of a version. Manifest and card are not listed.
type File struct {
	Path   string `json:"path"` // relative, with slashes
	Digest string `json:"digest"`
	Size   int64  `json:"size"`
	Rows   int64  `json:"rows"` // 0 for files that are not tables
}

// Counts reconcile: Input = Documents + Dropped, and the values of DroppedBy add up to Dropped.
type Counts struct {
	Input      int64            `json:"input"`       // documents that came in
	Documents  int64            `json:"documents"`   // documents kept
	Dropped    int64            `json:"dropped"`     // documents dropped whole
	DroppedBy  map[string]int64 `json:"dropped_by"`  // the same, by rule
	SpansBy    map[string]int64 `json:"spans_by"`    // spans cut out of kept or dropped documents, by rule
	RedactedBy map[string]int64 `json:"redacted_by"` // redactions by entity
	Chars      int64            `json:"chars"`       // runes of text in the documents kept
	Examples   int64            `json:"examples"`    // training rows
	Splits     map[string]int64 `json:"splits"`      // the same, by split

	// SkippedBy counts files and folders of the sources that were not looked at, by why: they are no documents and
	// have no exclusions.
	SkippedBy map[string]int64 `json:"skipped_by,omitempty"`
}

// contentDigest identifies what is in a version and what made it: files, configuration and parents,
// in this order, but neither its name and number, nor time, nor the program's version. It is the
// SHA-256 of lines, each ended by a line feed, so that a shell can compute it.
func (m *Manifest) contentDigest() string {
	h := sha256.New()
	fmt.Fprintf(h, "cultivar dataset %d\n", m.SchemaVersion)
	fmt.Fprintf(h, "config %s\n", m.ConfigDigest)
	for _, p := range m.Parents {
		fmt.Fprintf(h, "parent %s\n", p.Digest)
	}
	for _, f := range m.Files {
		fmt.Fprintf(h, "file %s %d %d %s\n", f.Digest, f.Size, f.Rows, f.Path)
	}
	return digestOf(h)
}

func digestOf(h hash.Hash) string { return "sha256:" + hex.EncodeToString(h.Sum(nil)) }

// canonical renders a value as JSON with sorted keys and without white space, and its digest.
func canonical(value any) (json.RawMessage, string, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return nil, "", err
	}
	// Decoding drops the order of struct fields; numbers keep their digits.
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var plain any
	if err := d.Decode(&plain); err != nil {
		return nil, "", err
	}
	if data, err = plainjson.Marshal(plain); err != nil {
		return nil, "", err
	}
	h := sha256.New()
	h.Write(data)
	return data, digestOf(h), nil
}

// encode renders a manifest for people and programs: indented, ended by a line feed.
func (m *Manifest) encode() ([]byte, error) { return plainjson.MarshalFile(m) }

// decodeManifest reads a manifest and checks it against itself. Keys it does not know are passed
// over: a later version may add some without changing the meaning of the others.
func decodeManifest(data []byte) (Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return m, fmt.Errorf("%w: decode manifest: %w", ErrCorrupt, err)
	}
	if m.SchemaVersion != schemaVersion {
		return m, fmt.Errorf("manifest has schema version %d, this program reads %d", m.SchemaVersion, schemaVersion)
	}
	if err := m.check(); err != nil {
		return m, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return m, nil
}

var validDigest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

func (m *Manifest) check() error {
	if err := CheckName(m.Name); err != nil {
		return err
	}
	if m.Version < 1 {
		return fmt.Errorf("version is %d", m.Version)
	}
	for i, f := range m.Files {
		if err := f.check(); err != nil {
			return err
		}
		if i > 0 && f.Path <= m.Files[i-1].Path {
			return fmt.Errorf("files are not sorted at %q", f.Path)
		}
	}
	for _, p := range m.Parents {
		if !validDigest.MatchString(p.Digest) {
			return fmt.Errorf("digest of parent %q is malformed", p.Name)
		}
	}
	if _, digest, err := canonical(m.Config); err != nil || digest != m.ConfigDigest {
		return errors.Join(errors.New("config differs from its digest"), err)
	}
	if digest := m.contentDigest(); digest != m.Digest {
		return fmt.Errorf("manifest differs from its digest: want %s, has %s", m.Digest, digest)
	}
	return errors.Join(m.Counts.check(), m.checkRows())
}

// checkRows holds the counts to the rows of the files, which the digest covers.
func (m *Manifest) checkRows() error {
	rows := map[string]int64{}
	for _, f := range m.Files {
		kind, _, _ := strings.Cut(f.Path, "/")
		rows[kind] += f.Rows
	}
	c := m.Counts
	for kind, want := range map[string]int64{
		"documents": c.Documents, "exclusions": c.Dropped + total(c.SpansBy),
		"redactions": total(c.RedactedBy), "examples": c.Examples,
	} {
		if rows[kind] != want {
			return fmt.Errorf("counts do not add up: %d rows of %s, %d counted", rows[kind], kind, want)
		}
	}
	return nil
}

// check keeps a hostile manifest from naming files outside the version. Control characters would
// let one list of files pass for another in contentDigest.
func (f File) check() error {
	bad := f.Path != path.Clean(f.Path) || !filepath.IsLocal(filepath.FromSlash(f.Path)) || f.Path == "." ||
		strings.ContainsFunc(f.Path, func(r rune) bool { return r < ' ' || r == '\\' })
	if bad {
		return fmt.Errorf("file path %q is not a plain relative path", f.Path)
	}
	if f.Path == manifestName || f.Path == cardName || f.Size < 0 || f.Rows < 0 || !validDigest.MatchString(f.Digest) {
		return fmt.Errorf("entry of file %q is malformed", f.Path)
	}
	return nil
}

// check holds the counts to what they promise.
func (c Counts) check() error {
	if c.Input != c.Documents+c.Dropped {
		return fmt.Errorf("counts do not add up: %d documents in, %d kept, %d dropped", c.Input, c.Documents, c.Dropped)
	}
	if n := total(c.DroppedBy); n != c.Dropped {
		return fmt.Errorf("counts do not add up: %d documents dropped, %d by rule", c.Dropped, n)
	}
	if n := total(c.Splits); n != c.Examples {
		return fmt.Errorf("counts do not add up: %d examples, %d by split", c.Examples, n)
	}
	return nil
}

func total(by map[string]int64) (n int64) {
	for _, count := range by {
		n += count
	}
	return n
}

func newCounts() Counts {
	return Counts{
		DroppedBy: map[string]int64{}, SpansBy: map[string]int64{},
		RedactedBy: map[string]int64{}, Splits: map[string]int64{},
	}
}

func (c *Counts) document(d datasets.Document) {
	c.Documents++
	c.Chars += int64(d.NChars)
}

func (c *Counts) exclusion(e datasets.Exclusion) {
	if e.Start >= 0 {
		c.SpansBy[e.Rule]++
		return
	}
	c.Dropped++
	c.DroppedBy[e.Rule]++
}

func (c *Counts) redaction(r datasets.Redaction) { c.RedactedBy[r.Entity]++ }

func (c *Counts) example(e datasets.Example) {
	c.Examples++
	c.Splits[string(e.Split)]++
}

func sortFiles(files []File) {
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
}
