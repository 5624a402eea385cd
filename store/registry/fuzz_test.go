package registry

import (
	"encoding/json"
	"testing"

	"github.com/cultivar/cultivar/internal/plainjson"
	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/cas"
)

func FuzzParseRef(f *testing.F) {
	for _, seed := range []string{"a", "a@1", "a:b", "a@01", "a:b@1", "@", ":", "a@+1", "a\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ref, err := ParseRef(s)
		if err != nil {
			return
		}
		if ref.String() != s || store.CheckKey((Kind{}).manifestKey(ref.Name, max(1, ref.Version))) != nil {
			t.Errorf("ParseRef(%q) = %+v", s, ref)
		}
	})
}

// FuzzManifest: what parses holds all that Fetch relies on, and encodes to what parses again.
func FuzzManifest(f *testing.F) {
	files := []File{{Path: "a/b", Digest: string(cas.Sum(nil))}}
	body := json.RawMessage(`{"k":[1.50,"é<",null]}`)
	digest, err := ContentDigest(files, body)
	if err != nil {
		f.Fatal(err)
	}
	good, err := plainjson.MarshalFile(Manifest{SchemaVersion: 1, Name: "a", Version: 1, Digest: digest, Files: files, Body: body})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"schema_version":1,"name":"a","version":1,"files":null,"body":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := (Kind{}).parseManifest(data, "a", 1)
		if err != nil {
			return
		}
		if err := CheckFiles(m.Files); err != nil || m.Name != "a" || m.Version != 1 {
			t.Errorf("parsed %+v, %v", m, err)
		}
		again, err := plainjson.MarshalFile(m)
		if err != nil {
			return // a time that JSON cannot write
		}
		if back, err := (Kind{}).parseManifest(again, "a", 1); err != nil || back.Digest != m.Digest || string(back.Body) != string(m.Body) {
			t.Errorf("%s\nencodes to %s\nwhich parses to %+v, %v", data, again, back, err)
		}
	})
}

func FuzzEntry(f *testing.F) {
	good, err := plainjson.MarshalFile(AliasEntry{SchemaVersion: 1, Name: "a", Alias: "prod", Seq: 1, Version: 1, Who: "me"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := (Kind{}).parseEntry(data, "a", "prod", 1)
		if err == nil && (e.Name != "a" || e.Alias != "prod" || e.Seq != 1 || e.Version < 0) {
			t.Errorf("parsed %+v", e)
		}
	})
}

// FuzzCanonical: the canonical form is one form.
func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{`{}`, ` {"b":1,"a":{"d":1e5,"c":[]}} `, `{"a":"\u2028<"}`, `null`, ``, `{"a":"\ud800"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		once, err := canonical(data)
		if err != nil {
			return
		}
		twice, err := canonical(once)
		if err != nil || string(once) != string(twice) {
			t.Errorf("%q becomes %q, then %q, %v", data, once, twice, err)
		}
	})
}

func TestKeysRoundTrip(t *testing.T) {
	if name, version, ok := (Kind{}).parseManifestKey((Kind{}).manifestKey("a.b", 12)); name != "a.b" || version != 12 || !ok {
		t.Errorf("manifest key came back as %s %d %v", name, version, ok)
	}
	if name, alias, seq, ok := (Kind{}).parseAliasKey((Kind{}).aliasKey("a", "prod", 3)); name != "a" || alias != "prod" || seq != 3 || !ok {
		t.Errorf("alias key came back as %s %s %d %v", name, alias, seq, ok)
	}
	for _, key := range []string{
		"manifests/a/1.json", "manifests/a/00000000.json", "manifests/a/00000001", "manifests/A/00000001.json", "manifests/00000001.json",
		"manifests/a/b/00000001.json", "manifests/a/+0000001.json", "manifests/a/100000000000.json",
	} {
		if _, _, ok := (Kind{}).parseManifestKey(key); ok {
			t.Errorf("%s taken for a manifest", key)
		}
	}
	for _, key := range []string{"refs/a/00000000000000000001.json", "refs/a/b/1.json", "refs/a/b/00000000000000000000.json", "refs/a/b/99999999999999999999.json"} {
		if _, _, _, ok := (Kind{}).parseAliasKey(key); ok {
			t.Errorf("%s taken for an alias entry", key)
		}
	}
}
