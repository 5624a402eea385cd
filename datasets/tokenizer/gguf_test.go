package tokenizer

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/internal/gguf"
	"github.com/cultivar/cultivar/internal/testkit"
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
	paths, err := filepath.Glob(filepath.Join(testkit.Shared(t, "real", "tokenizers", "gguf-vocab"), "*.gguf"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d files, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) { checkLlama(t, openGGUF(t, path), path) })
	}
}

// TestSameVocabulary holds that a vocabulary makes the same of a text whatever file it comes from.
func TestSameVocabulary(t *testing.T) {
	root := testkit.Shared(t, "real", "tokenizers")
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

// ggufOf turns a made case into what a converter writes.
func ggufOf(t *testing.T, name string) (GGUF, []vector) {
	t.Helper()
	for _, c := range append(madeCases(t), readCases(t, "testdata/precompiled.json.gz")...) {
		if c.Name != name {
			continue
		}
		tok, err := Parse(c.Tokenizer, nil)
		if err != nil {
			t.Fatal(err)
		}
		g := GGUF{Tokens: tok.tokens, IDs: map[string]int32{}}
		for id := range g.Tokens {
			kind := int32(pieceNormal)
			if tok.IsSpecial(int32(id)) {
				kind = pieceControl
			}
			g.Types = append(g.Types, kind)
		}
		if m, ok := tok.model.(*unigram); ok {
			for _, s := range m.scores {
				g.Scores = append(g.Scores, float32(s))
			}
		}
		var list []vector
		for _, v := range c.Vectors {
			list = append(list, v.vector)
		}
		return g, list
	}
	t.Fatalf("no case %q", name)
	return GGUF{}, nil
}

func TestGGUFBert(t *testing.T) {
	g, vectors := ggufOf(t, "bert {'lowercase': True}")
	g.Model, g.IDs = "bert", map[string]int32{"bos_token_id": 1, "seperator_token_id": 2, "unknown_token_id": 0, "mask_token_id": 3}
	g.Tokens = slices.Clone(g.Tokens)
	for id, s := range g.Tokens {
		if rest, ok := strings.CutPrefix(s, "##"); ok {
			g.Tokens[id] = rest
		} else if !strings.HasPrefix(s, "[") || !strings.HasSuffix(s, "]") {
			g.Tokens[id] = metaspaceChar + s
		}
	}
	g.Types[0] = pieceUnknown
	tok, err := FromGGUF(g)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		if len([]rune(v.Text)) > 20 && !strings.Contains(v.Text, " ") {
			continue // the case looks at words of 20 characters, GGUF does not say
		}
		if got := tok.Encode(v.Text, true); !slices.Equal(got, v.IDs) {
			t.Errorf("%q\n got %v\nwant %v", v.Text, got, v.IDs)
		}
	}
}

func TestGGUFT5(t *testing.T) {
	var cases []spmCase
	readGzip(t, "testdata/spm.json.gz", &cases)
	for _, c := range cases {
		if !strings.HasPrefix(c.Name, "unigram") || strings.HasSuffix(c.Name, "suffix") {
			continue
		}
		f, err := parseSPM(c.Model)
		if err != nil {
			t.Fatal(err)
		}
		g := GGUF{
			Model: "t5", Tokens: f.text, Scores: f.score, Types: f.kind,
			IDs:   map[string]int32{"unknown_token_id": f.unk, "eos_token_id": f.eos, "padding_token_id": 9999},
			Flags: map[string]bool{"add_space_prefix": true, "remove_extra_whitespaces": f.normalizer.squeeze},
		}
		if err := eachField(c.Model, func(w wire) error {
			if w.number != 3 {
				return nil
			}
			return w.each(func(w wire) error {
				if w.number == 2 {
					g.Charsmap = w.bytes
				}
				return nil
			})
		}); err != nil {
			t.Fatal(err)
		}
		tok, err := FromGGUF(g)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range c.Vectors {
			if strings.Contains(v.Text, "<sep>") {
				continue // llama.cpp puts a space after it, SentencePiece does not
			}
			if got, want := tok.Encode(v.Text, true), append(slices.Clone(v.IDs), f.eos); !slices.Equal(got, want) {
				t.Errorf("%s: %q\n got %v\nwant %v", c.Name, v.Text, got, want)
			}
		}
	}
}

// TestGGUFPres holds that every pre-tokenizer compiles and loses nothing.
func TestGGUFPres(t *testing.T) {
	g := GGUF{Model: "gpt2"}
	for _, c := range byteChars {
		g.Tokens = append(g.Tokens, c)
	}
	g.Tokens = append(g.Tokens, "ab", "<eot>")
	g.Merges = []string{"a b"}
	g.IDs = map[string]int32{"eos_token_id": 257, "bos_token_id": 257}
	for name := range ggufPres {
		g.Pre = name
		tok, err := FromGGUF(g)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, text := range scanTexts()[:200] {
			if got := tok.Decode(tok.Encode(text, false), false); got != text {
				t.Errorf("%s: got %q, want %q", name, got, text)
			}
		}
		if got := tok.Encode("ab<eot>", false); !slices.Equal(got, []int32{256, 257}) {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestGGUFRefused(t *testing.T) {
	two := []string{"<unk>", "a"}
	for _, c := range []struct {
		g    GGUF
		want string
	}{
		{GGUF{Model: "rwkv", Tokens: two}, `"rwkv"`},
		{GGUF{Model: "gpt2", Pre: "kimi-k2", Tokens: two}, `"kimi-k2"`},
		{GGUF{Model: "gpt2", Pre: "qwen2"}, "empty"},
		{GGUF{Model: "gpt2", Pre: "qwen2", Tokens: two, Merges: []string{"ab"}}, "merge 0"},
		{GGUF{Model: "gpt2", Pre: "qwen2", Tokens: two, Merges: []string{""}}, "merge 0"},
		{GGUF{Model: "gpt2", Pre: "qwen2", Tokens: []string{"a", "a"}}, "both"},
		{GGUF{Model: "llama", Tokens: two, Scores: []float32{1}}, "scores"},
		{GGUF{Model: "llama", Tokens: two[:1]}, "bos_token"},
		{GGUF{Model: "t5", Tokens: two, Charsmap: []byte{1}}, "charsmap"},
		{GGUF{Model: "bert", Tokens: two}, "unknown token"},
	} {
		if _, err := FromGGUF(c.g); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want an error with %s", c.g, err, c.want)
		}
	}
}
