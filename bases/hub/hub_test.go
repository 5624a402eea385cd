package hub

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cultivar/cultivar/bases/hub/hubtest"
	"github.com/cultivar/cultivar/internal/secret"
)

// weights is large enough to arrive in several pieces.
var weights = []byte(strings.Repeat("0123456789abcdef", 1<<15))

func model() map[string][]byte {
	return map[string][]byte{
		"config.json": []byte(`{"model_type":"llama"}`), "tokenizer.json": []byte(`{}`), "model.safetensors": weights,
		"README.md": []byte("# A model"), "pytorch_model.bin": []byte("pickle"), "onnx/model.onnx": []byte("x"),
		"additional_chat_templates/tool_use.jinja": []byte("{{ tools }}"), ".gitattributes": []byte("*"),
	}
}

func sharded() map[string][]byte {
	return map[string][]byte{
		"config.json":                      []byte(`{}`),
		"model.safetensors.index.json":     []byte(`{"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}`),
		"model-00001-of-00002.safetensors": weights, "model-00002-of-00002.safetensors": weights[:1000],
		"consolidated.safetensors": weights,
	}
}

// client returns a hub with a cache of its own that never waits long.
func client(t *testing.T, s *hubtest.Server) (*Hub, *[]time.Duration) {
	t.Helper()
	var mu sync.Mutex
	waited := []time.Duration{}
	return New(Config{
		Endpoint: s.URL, Cache: filepath.Join(t.TempDir(), "hub"), Agent: "test",
		wait: func(ctx context.Context, d time.Duration) error {
			mu.Lock()
			defer mu.Unlock()
			waited = append(waited, d)
			return ctx.Err()
		},
	}), &waited
}

func parse(t *testing.T, text string) Ref {
	t.Helper()
	ref, err := ParseRef(text)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// names lists the files below a directory.
func names(t *testing.T, dir string) []string {
	t.Helper()
	list := []string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			list = append(list, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return list
}

func TestSnapshot(t *testing.T) {
	s := hubtest.New(t)
	s.PageSize = 3
	commit := s.Add("org/name", model())
	h, _ := client(t, s)
	var total, done int64
	h.cfg.OnStart = func(_ int, n, _ int64) { total += n }
	h.cfg.OnBytes = func(n int64) { done = n }
	dir, err := h.Snapshot(t.Context(), parse(t, "hf://org/name"))
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(h.cfg.Cache, "models--org--name")
	if want := filepath.Join(folder, "snapshots", commit); dir != want {
		t.Errorf("snapshot is %s, want %s", dir, want)
	}
	want := []string{"additional_chat_templates/tool_use.jinja", "config.json", "model.safetensors", "tokenizer.json"}
	if got := names(t, dir); !slices.Equal(got, want) {
		t.Errorf("snapshot has %v, want %v", got, want)
	}
	for _, name := range want {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(data) != string(model()[name]) {
			t.Errorf("%s: %d bytes, %v", name, len(data), err)
		}
		link, err := os.Readlink(filepath.Join(dir, name))
		if err != nil || !strings.HasPrefix(link, "../../") || filepath.Dir(filepath.Join(dir, filepath.Dir(name), link)) != filepath.Join(folder, "blobs") {
			t.Errorf("%s links to %q, %v", name, link, err)
		}
	}
	if ref, err := os.ReadFile(filepath.Join(folder, "refs", "main")); err != nil || string(ref) != commit {
		t.Errorf("refs/main is %q, %v", ref, err)
	}
	if blobs := names(t, filepath.Join(folder, "blobs")); len(blobs) != len(want) {
		t.Errorf("blobs are %v", blobs)
	}
	if total != done || total < int64(len(weights)) {
		t.Errorf("progress ends at %d of %d", done, total)
	}
	if repo, c := Name(filepath.Join(dir, "config.json")); repo != "org/name" || c != commit {
		t.Errorf("name is %q, %q", repo, c)
	}
}

func TestShardsAndOneFile(t *testing.T) {
	s := hubtest.New(t)
	s.Add("org/name", sharded())
	s.Add("org/gguf", map[string][]byte{"q4.gguf": weights, "q8.gguf": weights, "README.md": nil})
	h, _ := client(t, s)
	dir, err := h.Snapshot(t.Context(), parse(t, "hf://org/name"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"}
	if got := names(t, dir); !slices.Equal(got, want) {
		t.Errorf("snapshot has %v, want %v", got, want)
	}
	file, err := h.Snapshot(t.Context(), parse(t, "hf://org/gguf/q4.gguf"))
	if err != nil || filepath.Base(file) != "q4.gguf" {
		t.Fatalf("got %s, %v", file, err)
	}
	if got := names(t, filepath.Dir(file)); !slices.Equal(got, []string{"q4.gguf"}) {
		t.Errorf("snapshot has %v", got)
	}
}

// TestWhatIsThere counts requests: a commit that is complete needs none, a branch one.
func TestWhatIsThere(t *testing.T) {
	s := hubtest.New(t)
	first := s.Add("org/name", model())
	h, _ := client(t, s)
	notices := 0
	h.cfg.OnNotice = func(string) { notices++ }
	snapshot := func(ref string) string {
		t.Helper()
		dir, err := h.Snapshot(t.Context(), parse(t, ref))
		if err != nil {
			t.Fatal(err)
		}
		return filepath.Base(dir)
	}
	snapshot("hf://org/name")
	s.Requests()
	if got := snapshot("hf://org/name@" + first); got != first || len(s.Requests()) != 0 {
		t.Errorf("a complete commit: %s, and there were requests", got)
	}
	if got := snapshot("hf://org/name"); got != first || len(s.Requests()) != 1 {
		t.Errorf("a branch that did not move: %s, or there was more than one request", got)
	}

	// The branch moves: what did not change is linked again, not downloaded.
	changed := model()
	changed["config.json"] = []byte(`{"model_type":"qwen2"}`)
	second := s.Add("org/name", changed)
	if got := snapshot("hf://org/name"); got != second {
		t.Errorf("after the branch moved: %s, want %s", got, second)
	}
	for _, r := range s.Requests() {
		if strings.Contains(r.Path, "/resolve/") && !strings.HasSuffix(r.Path, "config.json") {
			t.Errorf("downloaded again: %s", r.Path)
		}
	}
	if got := snapshot("hf://org/name@" + first); got != first {
		t.Errorf("the old commit is %s", got)
	}

	// The hub is down: what is there is used, and that is said.
	s.Fault = func(w http.ResponseWriter, _ *http.Request, _ string, _ int) bool {
		w.WriteHeader(http.StatusBadGateway)
		return true
	}
	if got := snapshot("hf://org/name"); got != second || notices != 1 {
		t.Errorf("without a hub: %s, %d notices", got, notices)
	}
	s.Requests()
	h.cfg.Offline = true
	if got := snapshot("hf://org/name"); got != second || len(s.Requests()) != 0 {
		t.Errorf("offline: %s, or there were requests", got)
	}
	// A snapshot of a tool that keeps no listing serves as well, as long as it looks complete.
	if err := os.RemoveAll(filepath.Join(h.cfg.Cache, "models--org--name", "trees")); err != nil {
		t.Fatal(err)
	}
	if got := snapshot("hf://org/name"); got != second {
		t.Errorf("offline without a listing: %s", got)
	}
	if err := os.Remove(filepath.Join(h.cfg.Cache, "models--org--name", "snapshots", second, "model.safetensors")); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Snapshot(t.Context(), parse(t, "hf://org/name")); !errors.Is(err, ErrOffline) {
		t.Errorf("offline and incomplete: %v", err)
	}
}

// TestToken: the token goes to the hub and to no other host.
func TestToken(t *testing.T) {
	s := hubtest.New(t)
	s.Token = "t0ken"
	s.Add("org/name", model())
	s.Repo("org/name").Private = true
	h, _ := client(t, s)
	h.cfg.Token = secret.New("t0ken")
	if _, err := h.Snapshot(t.Context(), parse(t, "hf://org/name")); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, r := range s.Requests() {
		seen[r.Host] = true
		if (r.Host == "hub") != (r.Authorization == "Bearer t0ken") {
			t.Errorf("%s %s got Authorization %q", r.Host, r.Path, r.Authorization)
		}
	}
	if !seen["hub"] || !seen["files"] {
		t.Errorf("hosts asked: %v", seen)
	}
	if text := fmt.Sprintf("%v %+v", h.cfg, h); strings.Contains(text, "t0ken") {
		t.Error("the token can be printed")
	}
}

func TestMirrorWithoutTree(t *testing.T) {
	s := hubtest.New(t)
	s.NoTree = true
	s.Add("org/name", model())
	h, _ := client(t, s)
	dir, err := h.Snapshot(t.Context(), parse(t, "hf://org/name"))
	if err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); len(got) != 4 {
		t.Errorf("snapshot has %v", got)
	}
	if trees := names(t, filepath.Join(h.cfg.Cache, "models--org--name", "trees")); len(trees) != 0 {
		t.Errorf("a listing of some files passes for one of all: %v", trees)
	}
}

// TestReadOnlyCache: a complete snapshot needs no writing, not even of a branch that came there.
func TestReadOnlyCache(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write everywhere")
	}
	s := hubtest.New(t)
	commit := s.Add("org/name", model())
	h, _ := client(t, s)
	if _, err := h.Snapshot(t.Context(), parse(t, "hf://org/name@"+commit)); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(h.cfg.Cache, "models--org--name")
	if err := os.Chmod(folder, 0o555); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Chmod(folder, 0o755) }()
	if _, err := h.Snapshot(t.Context(), parse(t, "hf://org/name")); err != nil {
		t.Error(err)
	}
}

// TestTogether: several at once download each content once.
func TestTogether(t *testing.T) {
	s := hubtest.New(t)
	s.Add("org/name", sharded())
	h, _ := client(t, s)
	h.cfg.wait = sleep
	var group sync.WaitGroup
	for range 6 {
		group.Go(func() {
			if _, err := New(h.cfg).Snapshot(t.Context(), Ref{Repo: "org/name", Revision: "main"}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	got := map[string]int{}
	for _, r := range s.Requests() {
		if strings.Contains(r.Path, "/resolve/") {
			got[r.Path]++
		}
	}
	for path, n := range got {
		if n != 1 {
			t.Errorf("%s was downloaded %d times", path, n)
		}
	}
	if len(got) != 4 {
		t.Errorf("downloaded %v", got)
	}
}
