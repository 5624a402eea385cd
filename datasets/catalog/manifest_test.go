package catalog

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cultivar/cultivar/store/registry"
)

func sampleManifest(t testing.TB) Manifest {
	t.Helper()
	m := Manifest{
		SchemaVersion: schemaVersion, Name: "minutes", Version: 2, ToolVersion: "1.2.3",
		CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Parents:   []Parent{{Name: "minutes", Version: 1, Digest: "sha256:" + strings.Repeat("ab", 32)}},
		Sources:   []Source{{URI: "file:///srv/minutes|<script>\n# not a heading", Documents: 12345}},
		Counts: Counts{
			Input: 12345, Documents: 12000, Dropped: 345, Chars: 9876543, Examples: 20000,
			DroppedBy: map[string]int64{"min_chars": 300, "near_duplicate": 45}, SpansBy: map[string]int64{"boilerplate": 7},
			RedactedBy: map[string]int64{"EMAIL": 2100, "IBAN": 3},
			Splits:     map[string]int64{"train": 19000, "validation": 1000},
		},
		Files: []File{
			{Path: "documents/documents-00000.parquet", Digest: "sha256:" + strings.Repeat("01", 32), Size: 1 << 20, Rows: 8000},
			{Path: "documents/documents-00001.parquet", Digest: "sha256:" + strings.Repeat("23", 32), Size: 1 << 19, Rows: 4000},
			{Path: "examples/examples-00000.parquet", Digest: "sha256:" + strings.Repeat("67", 32), Size: 77, Rows: 20000},
			{Path: "exclusions/exclusions-00000.parquet", Digest: "sha256:" + strings.Repeat("89", 32), Size: 78, Rows: 352},
			{Path: "redactions/redactions-00000.parquet", Digest: "sha256:" + strings.Repeat("ab", 32), Size: 79, Rows: 2103},
			{Path: "report.html", Digest: "sha256:" + strings.Repeat("45", 32), Size: 999},
		},
	}
	var err error
	if m.Config, m.ConfigDigest, err = canonical(map[string]any{"seed": 17, "rate": 1e-3, "big": uint64(1<<63 + 1)}); err != nil {
		t.Fatal(err)
	}
	m.Digest = m.contentDigest()
	return m
}

// golden compares with a file of testdata, which -update would only hide mistakes in: edit it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	want, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil || got != string(want) {
		t.Errorf("%s (%v): got\n%s\nwant\n%s", name, err, got, want)
	}
}

// The bytes of manifest and card are a format: old ones must stay readable and digests the same.
func TestGoldenManifest(t *testing.T) {
	m := sampleManifest(t)
	data, err := m.encode()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "manifest.json", string(data))
	golden(t, "card.md", m.Card())
	back, err := decodeManifest(data)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := back.encode()
	if string(again) != string(data) {
		t.Errorf("manifest changes on the way:\n%s", again)
	}
}

func TestManifestRefusals(t *testing.T) {
	for name, spoil := range map[string]func(m *Manifest){
		"schema version 2":         func(m *Manifest) { m.SchemaVersion = 2 },
		"dataset name":             func(m *Manifest) { m.Name = "../x" },
		"version is 0":             func(m *Manifest) { m.Version = 0 },
		"plain relative path":      func(m *Manifest) { m.Files[0].Path = "../../etc/passwd" },
		"not a plain":              func(m *Manifest) { m.Files[0].Path = "/etc/passwd" },
		"documents/./x":            func(m *Manifest) { m.Files[0].Path = "documents/./x" },
		`documents/a\n`:            func(m *Manifest) { m.Files[0].Path = "documents/a\nfile x" },
		"entry of file":            func(m *Manifest) { m.Files[0].Digest = "md5:1" },
		`"documents/neg" is mal`:   func(m *Manifest) { m.Files[0].Path, m.Files[0].Size = "documents/neg", -1 },
		"manifest.json":            func(m *Manifest) { m.Files[2].Path = "manifest.json" },
		"353 counted":              func(m *Manifest) { m.Counts.SpansBy["boilerplate"]++ },
		"not sorted":               func(m *Manifest) { m.Files[1].Path = m.Files[0].Path },
		"digest of parent":         func(m *Manifest) { m.Parents[0].Digest = "" },
		"config differs":           func(m *Manifest) { m.ConfigDigest = m.Digest },
		"differs from its digest":  func(m *Manifest) { m.Files[0].Rows++ },
		"12345 documents in":       func(m *Manifest) { m.Counts.Documents++ },
		"345 documents dropped":    func(m *Manifest) { m.Counts.DroppedBy["x"] = 1 },
		"20000 examples, 20001 by": func(m *Manifest) { m.Counts.Splits["x"] = 1 },
	} {
		m := sampleManifest(t)
		spoil(&m)
		data, _ := m.encode()
		_, err := decodeManifest(data)
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := decodeManifest([]byte(`{"schema_version"`)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("cut short: %v", err)
	}
}

func FuzzManifest(f *testing.F) {
	m := sampleManifest(f)
	data, _ := m.encode()
	f.Add(data)
	f.Add([]byte(`{"schema_version":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := decodeManifest(data)
		if err != nil {
			return
		}
		// What is accepted has a card and names only files inside the version.
		_ = m.Card()
		for _, file := range m.Files {
			if !filepath.IsLocal(file.Path) {
				t.Errorf("accepted path %q", file.Path)
			}
		}
	})
}

func FuzzParseRef(f *testing.F) {
	for _, s := range []string{"a", "a@1", "a@v12", "a:prod", "a:b@1", "@", "a@@", "a@9999999999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, ref string) {
		got, err := parseRef(ref)
		if err == nil && (CheckName(got.Name) != nil || got.Version < 0) {
			t.Errorf("%q is %+v", ref, got)
		}
	})
}

// FuzzBody: what a registry's manifest holds becomes a manifest that is sound, or an error.
func FuzzBody(f *testing.F) {
	m := sampleManifest(f)
	draft, err := m.draft("")
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(draft.Body))
	f.Add([]byte(`{"kind":"dataset","config":null,"rows":{"a":-1}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r := registry.Manifest{Name: "a", Version: 1, Body: body}
		for _, file := range m.Files {
			r.Files = append(r.Files, registry.File{Path: file.Path, Digest: file.Digest, Size: file.Size})
		}
		var err error
		if r.Digest, err = digestOfVersion(r.Files, body); err != nil {
			return
		}
		got, err := fromRegistry(r)
		if err == nil && (got.check() != nil || len(got.Files) != len(m.Files)) {
			t.Errorf("accepted %s", body)
		}
	})
}
