package safetensors

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/internal/testkit"
)

// checkpoint writes a directory of two shards with the given index.
func checkpoint(t *testing.T, index string) string {
	t.Helper()
	dir := t.TempDir()
	for shard, name := range map[string]string{"s1.safetensors": "a", "s2.safetensors": "b"} {
		if err := WriteFile(filepath.Join(dir, shard), nil, []Entry{F32Entry(name, []int{1}, []float32{1})}); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, IndexName), []byte(index), 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestOpenSharded(t *testing.T) {
	dir := checkpoint(t, `{"metadata":{"total_size":8},"weight_map":{"b":"s2.safetensors","a":"s1.safetensors"}}`)
	s, err := OpenSharded(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(s.Tensors(), " "); got != "a b" || len(s.Files()) != 2 {
		t.Errorf("tensors %q in %d files", got, len(s.Files()))
	}
	for _, name := range s.Tensors() {
		if x, ok := s.Tensor(name); !ok || x.Name != name || len(x.Data) != 4 {
			t.Errorf("tensor %s: %v, %v", name, x, ok)
		}
	}
	if _, ok := s.Tensor("c"); ok {
		t.Error("a tensor came out of nothing")
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	// A single file wins over an index, as with transformers.
	if err := WriteFile(filepath.Join(dir, SingleName), nil, []Entry{F32Entry("only", nil, []float32{1})}); err != nil {
		t.Fatal(err)
	}
	s, err = OpenSharded(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if _, ok := s.Tensor("only"); !ok || len(s.Tensors()) != 1 {
		t.Errorf("tensors %v", s.Tensors())
	}
}

func TestOpenShardedRefuses(t *testing.T) {
	tests := []struct{ name, index, want string }{
		{"missing shard", `{"weight_map":{"a":"s1.safetensors","c":"s3.safetensors"}}`, "shard s3.safetensors is missing"},
		{"tensor elsewhere", `{"weight_map":{"a":"s2.safetensors"}}`, `tensor "a" is not in s2.safetensors`},
		{"escape upwards", `{"weight_map":{"a":"../s1.safetensors"}}`, "no plain"},
		{"absolute path", `{"weight_map":{"a":"/etc/s1.safetensors"}}`, "no plain"},
		{"backslash", `{"weight_map":{"a":"..\\s1.safetensors"}}`, "no plain"},
		{"pickle shard", `{"weight_map":{"a":"pytorch_model-00001.bin"}}`, "no plain"},
		{"no map", `{"metadata":{}}`, "weight_map is missing or empty"},
		{"empty map", `{"weight_map":{}}`, "weight_map is missing or empty"},
		{"map of numbers", `{"weight_map":{"a":1}}`, "expected a string"},
		{"duplicate", `{"weight_map":{"a":"s1.safetensors","a":"s2.safetensors"}}`, `"a" occurs twice`},
		{"broken JSON", `{"weight_map":{"a":`, "not valid JSON"},
		{"not JSON", `<html>`, "not valid JSON"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := OpenSharded(checkpoint(t, tt.index))
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), IndexName) {
				t.Errorf("error is %v, want %q", err, tt.want)
			}
		})
	}
}

func TestDirectoryWithoutSafetensors(t *testing.T) {
	dir := t.TempDir()
	if _, err := OpenSharded(dir); !errors.Is(err, ErrNoWeights) {
		t.Errorf("empty directory: %v", err)
	}
	if _, err := OpenSharded(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing directory: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "pytorch_model.bin"), []byte("x"), 0o666); err != nil {
		t.Fatal(err)
	}
	_, err := OpenSharded(dir)
	if !errors.Is(err, ErrPickle) || !strings.Contains(err.Error(), "pytorch_model.bin") {
		t.Errorf("pickle: %v", err)
	}
}

func TestSharedCheckpoint(t *testing.T) {
	s, err := OpenSharded(testkit.Shared(t, "goldens", "llama", "base"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	x, ok := s.Tensor("lm_head.weight")
	if !ok || len(s.Files()) != 6 || len(s.Tensors()) != 30 || x.Shape[0] != 700 || x.Shape[1] != 64 {
		t.Errorf("%d tensors in %d files, head %v", len(s.Tensors()), len(s.Files()), x.Shape)
	}
}

func FuzzParseIndex(f *testing.F) {
	f.Add(`{"metadata":{"total_size":8},"weight_map":{"b":"s2.safetensors"}}`)
	f.Add(`{"weight_map":{"a":"../x.safetensors"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		m, err := parseIndex(strings.NewReader(text))
		if err != nil {
			return
		}
		for name, shard := range m {
			if filepath.Base(shard) != shard || filepath.Dir(filepath.Join("d", shard)) != "d" {
				t.Errorf("tensor %q reaches outside: %q", name, shard)
			}
		}
	})
}
