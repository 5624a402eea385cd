package tokenizer

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/internal/gguf"
)

// openGGUF reads the vocabulary of a GGUF file.
func openGGUF(t testing.TB, path string) *Tokenizer {
	t.Helper()
	f, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tok, err := FromGGUF(vocabularyOf(f))
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func vocabularyOf(f *gguf.File) GGUF {
	const prefix = "tokenizer.ggml."
	g := GGUF{IDs: map[string]int32{}, Flags: map[string]bool{}}
	g.Model, _ = f.String(prefix + "model")
	g.Pre, _ = f.String(prefix + "pre")
	g.Name, _ = f.String("general.name")
	g.Tokens, _ = f.Strings(prefix + "tokens")
	g.Merges, _ = f.Strings(prefix + "merges")
	g.Charsmap, _ = f.Bytes(prefix + "precompiled_charsmap")
	if scores, ok := f.Floats(prefix + "scores"); ok {
		for _, s := range scores {
			g.Scores = append(g.Scores, float32(s))
		}
	}
	if kinds, ok := f.Floats(prefix + "token_type"); ok {
		for _, k := range kinds {
			g.Types = append(g.Types, int32(k))
		}
	}
	for _, key := range f.Keys() {
		short, ok := strings.CutPrefix(key, prefix)
		if !ok {
			continue
		}
		if id, ok := f.Uint(key); ok && strings.HasSuffix(key, "_token_id") {
			g.IDs[short] = int32(id)
		}
		if on, ok := f.Bool(key); ok {
			g.Flags[short] = on
		}
	}
	return g
}

// llamaVectors reads llama.cpp's texts and what it makes of them.
func llamaVectors(t testing.TB, path string) (texts []string, want [][]int32) {
	t.Helper()
	in, err := os.ReadFile(path + ".inp")
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.ReadFile(path + ".out")
	if err != nil {
		t.Fatal(err)
	}
	texts = strings.Split(string(in), "\n__ggml_vocab_test__\n")
	lines := strings.Split(string(out), "\n")
	for i := range texts {
		ids := []int32{}
		for _, f := range strings.Fields(lines[i]) {
			id, err := strconv.Atoi(f)
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, int32(id))
		}
		want = append(want, ids)
	}
	return texts, want
}

func checkLlama(t *testing.T, tok *Tokenizer, path string) {
	t.Helper()
	texts, want := llamaVectors(t, path)
	for i, text := range texts {
		if got := tok.Encode(text, false); !slices.Equal(got, want[i]) {
			t.Errorf("%q\n got %v\nwant %v", text, got, want[i])
		}
		if got := tok.Decode(want[i], false); got != text {
			t.Errorf("decode\n got %q\nwant %q", got, text)
		}
		checkSpans(t, tok, text)
	}
}

func TestGGUF(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(shared(t, "real", "tokenizers", "gguf-vocab"), "*.gguf"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d files, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) { checkLlama(t, openGGUF(t, path), path) })
	}
}

// TestSameVocabulary holds that a vocabulary makes the same of a text whatever file it comes from.
func TestSameVocabulary(t *testing.T) {
	root := shared(t, "real", "tokenizers")
	spm := mustOpen(t, only(t, filepath.Join(root, "tinyllama"), "tokenizer.model", "tokenizer_config.json"))
	checkLlama(t, spm, filepath.Join(root, "gguf-vocab", "ggml-vocab-llama-spm.gguf"))
	multilingual(t, spm, "tinyllama_multilingual.json")
	checkLlama(t, mustOpen(t, filepath.Join(root, "tinyllama")), filepath.Join(root, "gguf-vocab", "ggml-vocab-llama-spm.gguf"))
	checkLlama(t, mustOpen(t, filepath.Join(root, "gpt2")), filepath.Join(root, "gguf-vocab", "ggml-vocab-gpt-2.gguf"))
	multilingual(t, openGGUF(t, filepath.Join(root, "gguf-vocab", "ggml-vocab-llama-spm.gguf")), "tinyllama_multilingual.json")
	multilingual(t, openGGUF(t, filepath.Join(root, "gguf-vocab", "ggml-vocab-gpt-2.gguf")), "gpt2_multilingual.json")
}

// only copies some files of a directory to a new one.
func only(t *testing.T, dir string, names ...string) string {
	t.Helper()
	out := t.TempDir()
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(out, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return out
}
