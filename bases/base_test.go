package bases

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cultivar/cultivar/internal/dtype"
	"github.com/cultivar/cultivar/internal/safetensors"
	"github.com/cultivar/cultivar/internal/testkit"
)

// tiny writes a base directory with a tensor of each kind.
func tiny(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	put(t, dir, configName, string(minimal(`,"eos_token_id":3,"transformers_version":"5.0"`)))
	put(t, dir, generationName, `{"eos_token_id":[3,4],"pad_token_id":null,"bos_token_id":1}`)
	put(t, dir, tokenizerName, `{"model":{}}`)
	put(t, dir, templateName, "{{ messages }}")
	err := safetensors.WriteFile(filepath.Join(dir, safetensors.SingleName), map[string]string{"format": "pt"}, []safetensors.Entry{
		safetensors.F32Entry("w", []int{2, 1}, []float32{1, 2}),
		{Name: "h", DType: safetensors.BF16, Shape: []int{1}, Data: []byte{0x80, 0x3f}},
		{Name: "q", DType: safetensors.U8, Shape: []int{1}, Data: []byte{7}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func mustOpen(t *testing.T, dir string) *Base {
	t.Helper()
	b, err := Open(dir, families())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func TestTensors(t *testing.T) {
	b := mustOpen(t, tiny(t))
	if !slices.Equal(b.Tensors(), []string{"h", "q", "w"}) || !b.Has("w") || b.Has("x") {
		t.Errorf("tensors %v", b.Tensors())
	}
	w, err := b.Tensor("w")
	if err != nil || w.Type != dtype.F32 || !slices.Equal(w.F32, []float32{1, 2}) || w.U16 != nil || !slices.Equal(w.Shape, []int{2, 1}) {
		t.Errorf("w: %+v, %v", w, err)
	}
	h, err := b.Tensor("h")
	if err != nil || h.Type != dtype.BF16 || !slices.Equal(h.U16, []uint16{0x3f80}) || h.F32 != nil {
		t.Errorf("h: %+v, %v", h, err)
	}
	if _, err := b.Tensor("q"); err == nil || !strings.Contains(err.Error(), `"q"`) {
		t.Errorf("U8 has a view: %v", err)
	}
	if q, err := b.Raw("q"); err != nil || q.DType != "U8" || q.Data[0] != 7 {
		t.Errorf("q: %+v, %v", q, err)
	}
	if _, err := b.Tensor("x"); !errors.Is(err, ErrNoTensor) {
		t.Errorf("missing tensor: %v", err)
	}
}

func TestGeneration(t *testing.T) {
	dir := tiny(t)
	b := mustOpen(t, dir)
	g := b.Generation()
	if !slices.Equal(b.EOS(), []int{3, 4}) || g.BOS == nil || *g.BOS != 1 || g.Pad != nil {
		t.Errorf("eos %v, generation %+v", b.EOS(), g)
	}
	if err := os.Remove(filepath.Join(dir, generationName)); err != nil {
		t.Fatal(err)
	}
	if got := mustOpen(t, dir).EOS(); !slices.Equal(got, []int{3}) {
		t.Errorf("eos without generation_config.json: %v", got)
	}
	put(t, dir, generationName, `{"eos_token_id":"x"}`)
	if _, err := Open(dir, families()); err == nil || !strings.Contains(err.Error(), generationName) {
		t.Errorf("broken generation_config.json: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	remove := func(name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := []struct {
		name   string
		damage func(t *testing.T, dir string)
		is     error
		want   string
	}{
		{"no config", remove(configName), ErrNotBase, "config.json is missing"},
		{"broken config", func(t *testing.T, dir string) { put(t, dir, configName, "{") }, nil, "config.json: not a JSON object"},
		{"no weights", remove(safetensors.SingleName), safetensors.ErrNoWeights, "model.safetensors"},
		{"pickle", func(t *testing.T, dir string) {
			remove(safetensors.SingleName)(t, dir)
			put(t, dir, "pytorch_model.bin", "x")
		}, safetensors.ErrPickle, "pytorch_model.bin"},
		{"truncated weights", func(t *testing.T, dir string) {
			if err := os.Truncate(filepath.Join(dir, safetensors.SingleName), 200); err != nil {
				t.Fatal(err)
			}
		}, nil, "truncated"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := tiny(t)
			tt.damage(t, dir)
			_, err := Open(dir, families())
			if err == nil || !strings.Contains(err.Error(), tt.want) || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("error is %v, want %q", err, tt.want)
			}
			if err != nil && (!strings.Contains(err.Error(), dir) || strings.Contains(err.Error(), "\n")) {
				t.Errorf("not one line that names the directory: %v", err)
			}
		})
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none"), families()); !errors.Is(err, ErrNotBase) || errors.Is(err, fs.ErrPermission) {
		t.Errorf("missing directory: %v", err)
	}
}

func digest(t *testing.T, dir string) string {
	t.Helper()
	sum, err := mustOpen(t, dir).Digest()
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// The digest is a promise to published adapters: this value may change only with the format's version.
func TestDigestIsStable(t *testing.T) {
	const want = "sha256:087b1dbca913b668360cab9cae1a0f6f058663dff55d8e55d26efe4190b2c875"
	if got := digest(t, tiny(t)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDigestFollowsWhatIsComputed(t *testing.T) {
	plain := digest(t, tiny(t))
	quoted, _ := json.Marshal("{{ messages }}")
	tests := []struct {
		name   string
		change func(t *testing.T, dir string)
		same   bool
	}{
		{"nothing", func(*testing.T, string) {}, true},
		{"cosmetic config", func(t *testing.T, dir string) {
			put(t, dir, configName, string(minimal(`, "eos_token_id": 3,"transformers_version":"6.0","use_cache":true,"pad_token_id":null`)))
		}, true},
		{"generation config", func(t *testing.T, dir string) { put(t, dir, generationName, `{}`) }, true},
		{"template moved", func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, templateName)); err != nil {
				t.Fatal(err)
			}
			put(t, dir, tokenizerConfigName, `{"chat_template":`+string(quoted)+`}`)
		}, true},
		{"sharded", func(t *testing.T, dir string) {
			if err := os.Rename(filepath.Join(dir, safetensors.SingleName), filepath.Join(dir, "model-00001-of-00001.safetensors")); err != nil {
				t.Fatal(err)
			}
			shard := `"model-00001-of-00001.safetensors"`
			put(t, dir, safetensors.IndexName, `{"weight_map":{"w":`+shard+`,"h":`+shard+`,"q":`+shard+`}}`)
		}, true},
		{"config", func(t *testing.T, dir string) { put(t, dir, configName, string(minimal(`,"rope_theta":5`))) }, false},
		{"tokenizer", func(t *testing.T, dir string) { put(t, dir, tokenizerName, `{}`) }, false},
		{"no tokenizer", func(t *testing.T, dir string) { _ = os.Remove(filepath.Join(dir, tokenizerName)) }, false},
		{"template", func(t *testing.T, dir string) { put(t, dir, templateName, "{{ other }}") }, false},
		{"no template", func(t *testing.T, dir string) { _ = os.Remove(filepath.Join(dir, templateName)) }, false},
		{"named templates", func(t *testing.T, dir string) {
			_ = os.Remove(filepath.Join(dir, templateName))
			put(t, dir, tokenizerConfigName, `{"chat_template":[{"name":"default","template":"x"}]}`)
		}, false},
		{"one bit of a weight", func(t *testing.T, dir string) {
			path := filepath.Join(dir, safetensors.SingleName)
			b := testkit.Read(t, path)
			b[len(b)-1] ^= 1
			put(t, dir, safetensors.SingleName, string(b))
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := tiny(t)
			tt.change(t, dir)
			if got := digest(t, dir); (got == plain) != tt.same {
				t.Errorf("got %s for %s", got, plain)
			}
		})
	}
}

// A file that is replaced by one of the same size must not be taken from the cache.
func TestDigestCacheNoticesReplacement(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	var sums []string
	for i, text := range []string{"aa", "bb"} {
		put(t, filepath.Dir(path), "f", text)
		at := time.Unix(1700000000+int64(i), 0)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			sum, err := digestFile(path)
			if err != nil {
				t.Fatal(err)
			}
			sums = append(sums, sum)
		}
	}
	if sums[0] != sums[1] || sums[2] != sums[3] || sums[0] == sums[2] {
		t.Errorf("digests %v", sums)
	}
}

func TestSharedBases(t *testing.T) {
	for _, name := range []string{"llama", "llama3-scaled", "qwen2", "extra/nf4"} {
		b := mustOpen(t, testkit.Shared(t, "goldens", name, "base"))
		if v, err := b.Tensor("model.norm.weight"); err != nil || len(v.Shape) != 1 || v.Shape[0] != b.Config().HiddenSize {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
		if sum, err := b.Digest(); err != nil || len(sum) != len("sha256:")+64 {
			t.Errorf("%s: digest %q, %v", name, sum, err)
		}
	}
}
