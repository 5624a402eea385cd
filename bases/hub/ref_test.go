package hub

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseRef(t *testing.T) {
	commit := strings.Repeat("a1", 20)
	for text, want := range map[string]Ref{
		"hf://org/name":                        {"org/name", "main", ""},
		"hf://models/org/name":                 {"org/name", "main", ""},
		"hf://Qwen/Qwen2.5-0.5B":               {"Qwen/Qwen2.5-0.5B", "main", ""},
		"hf://org/name@v1.0":                   {"org/name", "v1.0", ""},
		"hf://org/name@" + commit:              {"org/name", commit, ""},
		"hf://org/name@refs/pr/1":              {"org/name", "refs/pr/1", ""},
		"hf://org/name@refs/pr/1/q4.gguf":      {"org/name", "refs/pr/1", "q4.gguf"},
		"hf://org/name@feature%2Fx":            {"org/name", "feature/x", ""},
		"hf://org/name@main/sub/q4_k_m.gguf":   {"org/name", "main", "sub/q4_k_m.gguf"},
		"hf://org/name/q4.gguf":                {"org/name", "main", "q4.gguf"},
		"hf://org/name@refs/convert/parquet-1": {"org/name", "refs/convert/parquet-1", ""},
	} {
		got, err := ParseRef(text)
		if err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", text, got, err, want)
		}
		if again, err := ParseRef(got.String()); err != nil || again != got {
			t.Errorf("%s is written %s, which reads as %+v, %v", text, got, again, err)
		}
	}
	for _, bad := range []string{
		"", "hf://", "org/name", "hf://name", "hf://org/", "hf:///name", "hf://org/name@", "hf://../name", "hf://org/..", "hf://org/a--b",
		"hf://org/name@../x", "hf://org/name@a/../b", "hf://org/name@%2Fx", "hf://org/name@-x", "hf://org/name@a%00b", "hf://org/name@%zz",
		"hf://org/name@a%2F..%2Fb", "hf://org/name/config.json", "hf://org/name/../x.gguf", "hf://org/name@main//x.gguf", `hf://org/name/..\x.gguf`,
		"hf://datasets/org/name", "hf://org/name@a b", "hf://org/na me", "hf://org/name?x", "hf://" + strings.Repeat("a", 60) + "/" + strings.Repeat("b", 60),
	} {
		if got, err := ParseRef(bad); err == nil {
			t.Errorf("%q reads as %+v", bad, got)
		}
	}
}

func FuzzParseRef(f *testing.F) {
	for _, seed := range []string{"hf://org/name@refs/pr/1/q4.gguf", "hf://models/a/b@x%2Fy", "hf://a/b/../c.gguf"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRef(text)
		if err != nil {
			return
		}
		cache := filepath.Join(string(filepath.Separator), "cache")
		repo := openRepo(cache, r.Repo)
		for _, path := range []string{repo.snapshot(strings.Repeat("0", 40), r.Path), filepath.Join(repo.dir, "refs", r.Revision)} {
			if !strings.HasPrefix(path, filepath.Join(cache, folderPrefix)) {
				t.Fatalf("%q leads to %s", text, path)
			}
		}
		if again, err := ParseRef(r.String()); err != nil || again != r {
			t.Fatalf("%q reads as %+v, is written %q, which reads as %+v, %v", text, r, r, again, err)
		}
	})
}

// FuzzListing reads listings and indices that somebody else left in a cache.
func FuzzListing(f *testing.F) {
	sha := strings.Repeat("0", 40)
	f.Add([]byte(`{"format_version":1,"files":{"config.json":{"size":2,"blob_id":"`+sha+`"},"model.safetensors.index.json":{"size":1,"blob_id":"`+sha+`"}}}`), []byte(`{"weight_map":{"a":"b.safetensors"}}`))
	f.Add([]byte(`{"format_version":1,"files":{"../x":{"size":2}}}`), []byte(`{}`))
	f.Fuzz(func(t *testing.T, tree, index []byte) {
		r := openRepo(t.TempDir(), "org/name")
		if err := errors.Join(r.put("trees/"+sha+".json", tree), r.put("snapshots/"+sha+"/"+indexName, index)); err != nil {
			t.Fatal(err)
		}
		ref := Ref{Repo: "org/name", Revision: "main"}
		list, ok := r.listing(sha)
		r.seemsWhole(sha, ref)
		if !ok {
			return
		}
		r.has(sha, ref, list)
		files, _, _ := choose(ref, list)
		more, _ := shards(ref, index, list)
		for _, e := range append(files, more...) {
			if e.valid() != nil || !strings.HasPrefix(r.snapshot(sha, e.Path), r.dir) {
				t.Fatalf("%+v is chosen", e)
			}
		}
	})
}

func TestFromEnv(t *testing.T) {
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, "mine"), []byte(" hf_file\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	standard := filepath.Join(home, ".cache", "huggingface")
	for _, c := range []struct {
		name                   string
		env                    map[string]string
		endpoint, cache, token string
		offline                bool
		fails                  string
	}{
		{"nothing", nil, defaultEndpoint, filepath.Join(standard, "hub"), "", false, ""},
		{"endpoint", map[string]string{"HF_ENDPOINT": "http://localhost:1/x/"}, "http://localhost:1/x/", filepath.Join(standard, "hub"), "", false, ""},
		{"home", map[string]string{"HF_HOME": "~/h"}, defaultEndpoint, filepath.Join(home, "h", "hub"), "", false, ""},
		{"xdg", map[string]string{"XDG_CACHE_HOME": "/x"}, defaultEndpoint, "/x/huggingface/hub", "", false, ""},
		{"cache", map[string]string{"HF_HUB_CACHE": "$D/c", "D": "/d", "HF_HOME": "/h"}, defaultEndpoint, "/d/c", "", false, ""},
		{"old cache", map[string]string{"HUGGINGFACE_HUB_CACHE": "/o"}, defaultEndpoint, "/o", "", false, ""},
		{"token", map[string]string{"HF_TOKEN": " hf_env\n", "HF_TOKEN_PATH": "~/mine"}, defaultEndpoint, filepath.Join(standard, "hub"), "hf_env", false, ""},
		{"token file", map[string]string{"HF_TOKEN_PATH": "~/mine"}, defaultEndpoint, filepath.Join(standard, "hub"), "hf_file", false, ""},
		{"no implicit token", map[string]string{"HF_TOKEN": "x", "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}, defaultEndpoint, filepath.Join(standard, "hub"), "", false, ""},
		{"offline", map[string]string{"HF_HUB_OFFLINE": "yes"}, defaultEndpoint, filepath.Join(standard, "hub"), "", true, ""},
		{"not offline", map[string]string{"HF_HUB_OFFLINE": "0"}, defaultEndpoint, filepath.Join(standard, "hub"), "", false, ""},
		{"bad endpoint", map[string]string{"HF_ENDPOINT": "huggingface.co"}, "", "", "", false, "HF_ENDPOINT is no URL"},
		{"password", map[string]string{"HF_ENDPOINT": "https://u:pw@host"}, "", "", "", false, "HF_ENDPOINT is no URL"},
		{"token in pieces", map[string]string{"HF_TOKEN": "hf a"}, "", "", "", false, "the hub's token holds characters"},
	} {
		got, err := fromEnv(func(k string) string { return c.env[k] }, func() (string, error) { return home, nil })
		if c.fails != "" {
			if err == nil || !strings.Contains(err.Error(), c.fails) || strings.Contains(err.Error(), "pw") {
				t.Errorf("%s: error %v", c.name, err)
			}
			continue
		}
		if err != nil || got.Endpoint != c.endpoint || got.Cache != c.cache || got.Token.Reveal() != c.token || got.Offline != c.offline {
			t.Errorf("%s: got %+v (token %q), %v", c.name, got, got.Token.Reveal(), err)
		}
	}
	if _, err := fromEnv(func(string) string { return "" }, func() (string, error) { return "", errors.New("no home") }); err == nil || !strings.Contains(err.Error(), "HF_HOME") {
		t.Errorf("without a home: %v", err)
	}
}

func TestName(t *testing.T) {
	commit := strings.Repeat("ab", 20)
	for path, want := range map[string]string{
		"/c/models--org--name/snapshots/" + commit:              "org/name",
		"/c/models--org--name/snapshots/" + commit + "/q4.gguf": "org/name",
		"/c/models--gpt2/snapshots/" + commit:                   "gpt2",
		"/c/models--org--name/snapshots/main":                   "",
		"/c/name":                                               "",
	} {
		if got, _ := Name(path); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}
