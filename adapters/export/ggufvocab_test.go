package export

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cultivar/cultivar/datasets/tokenizer/ggufvocab"
	"github.com/cultivar/cultivar/internal/gguf"
)

// The regular expressions of published byte-level tokenizers.
const (
	reGPT4     = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	reOneDigit = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	reTekken   = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	reO200k    = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

// vocabularyOf writes a base with that tokenizer and opens the file.
func vocabularyOf(t *testing.T, tokenizer string, f form) (*gguf.File, GGUFReport) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "v.gguf")
	f.Model = ggufModel(t, "LlamaForCausalLM")
	report, err := fileFrom(context.Background(), ggufDir(t, tokenizer, "model.norm.weight"), f, nil, path, GGUFOptions{Name: "n"})
	if err != nil {
		t.Fatal(err)
	}
	return openGGUF(t, path), report
}

func TestGGUFPreTokenizers(t *testing.T) {
	digits := map[string]any{"type": "Digits", "individual_digits": true}
	for name, tt := range map[string]struct {
		pre     any
		ignores bool
	}{
		"llama-bpe": {sequence(split(reGPT4), plainBytes), true},
		"dbrx":      {sequence(split(reGPT4), plainBytes), false},
		"qwen2":     {sequence(split(reOneDigit), plainBytes), false},
		"tekken":    {sequence(split(reTekken), plainBytes), true},
		"gpt-4o":    {sequence(split(reO200k), plainBytes), false},
		"gpt-2":     {gpt2Bytes, false},
		"smollm":    {sequence(digits, gpt2Bytes), false},
	} {
		f, _ := vocabularyOf(t, byteLevel(t, tt.pre, tt.ignores), form{})
		if got, _ := f.String("tokenizer.ggml.pre"); got != name {
			t.Errorf("pre-tokenizer %q, want %q", got, name)
		}
	}
}

func TestGGUFByteLevelVocabulary(t *testing.T) {
	id := 6
	f, _ := vocabularyOf(t, byteLevel(t, gpt2Bytes, false), form{words: ggufvocab.Model{Template: "{{ x }}", Pad: &id, EOS: []int{4, 6}}})
	tokens, _ := f.Strings("tokenizer.ggml.tokens")
	types, _ := f.Floats("tokenizer.ggml.token_type")
	if len(tokens) != 300 || !slices.Equal(tokens[:8], []string{"a", "b", "ab", "<s>", "</s>", "<tool>", "<|end|>", "[PAD7]"}) || !slices.Equal(types[:8], []float64{1, 1, 1, 3, 3, 4, 3, 5}) {
		t.Errorf("%d tokens %q of types %v", len(tokens), tokens[:8], types[:8])
	}
	if merges, _ := f.Strings("tokenizer.ggml.merges"); !slices.Equal(merges, []string{"a b"}) {
		t.Errorf("merges %q", merges)
	}
	for key, want := range map[string]uint64{"bos": 3, "eos": 4, "padding": 6, "eot": 6} {
		if got, ok := f.Uint("tokenizer.ggml." + key + "_token_id"); !ok || got != want {
			t.Errorf("%s is %d, %v, want %d", key, got, ok, want)
		}
	}
	for key, want := range map[string]bool{"add_bos_token": true, "add_eos_token": false} {
		if got, ok := f.Bool("tokenizer.ggml." + key); !ok || got != want {
			t.Errorf("%s is %v, %v", key, got, ok)
		}
	}
	for key, want := range map[string]string{"tokenizer.ggml.model": "gpt2", "tokenizer.chat_template": "{{ x }}", "general.name": "n", "general.type": "model"} {
		if got, _ := f.String(key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
}

// spm is a tokenizer with byte fallback, whose merges are as given.
func spm(t *testing.T, normalizer string, merges ...[2]string) string {
	t.Helper()
	vocab := map[string]int{"<unk>": 0, "<s>": 1, "</s>": 2, "<0x0A>": 3, "a": 4, "b": 5, "c": 6}
	for _, m := range merges {
		if _, ok := vocab[m[0]+m[1]]; !ok {
			vocab[m[0]+m[1]] = len(vocab)
		}
	}
	text, err := json.Marshal(map[string]any{
		"normalizer":   json.RawMessage(normalizer),
		"added_tokens": []map[string]any{{"id": 0, "content": "<unk>", "special": true}, {"id": 1, "content": "<s>", "special": true}},
		"model":        map[string]any{"type": "BPE", "vocab": vocab, "merges": merges, "byte_fallback": true, "unk_token": "<unk>"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Scores stand for the order of merges: that is exact where every way to halve a token is a merge.
func TestGGUFScores(t *testing.T) {
	for name, tt := range map[string]struct {
		merges [][2]string
		notes  int
	}{
		"exact":     {[][2]string{{"a", "b"}, {"b", "c"}, {"a", "bc"}, {"ab", "c"}}, 0},
		"one way":   {[][2]string{{"a", "b"}, {"b", "c"}, {"ab", "c"}}, 1},
		"scattered": {[][2]string{{"a", "b"}, {"b", "c"}, {"a", "bc"}, {"c", "c"}, {"ab", "c"}}, 1},
	} {
		f, report := vocabularyOf(t, spm(t, `{"type":"Prepend","prepend":"▁"}`, tt.merges...), form{})
		if len(report.Notes) != tt.notes {
			t.Errorf("%s: notes %q", name, report.Notes)
		}
		scores, _ := f.Floats("tokenizer.ggml.scores")
		if scores[7] != 0 || scores[8] != -1 || scores[9] != -2 || scores[4] >= scores[9] {
			t.Errorf("%s: scores %v", name, scores[:10])
		}
	}
}

func TestGGUFByteFallbackVocabulary(t *testing.T) {
	for i, tt := range []struct {
		normalizer string
		prefix     bool
	}{{`{"type":"Prepend","prepend":"▁"}`, true}, {`{"type":"Replace","content":"▁"}`, false}} {
		f, _ := vocabularyOf(t, spm(t, tt.normalizer, [2]string{"a", "b"}), form{})
		types, _ := f.Floats("tokenizer.ggml.token_type")
		if !slices.Equal(types[:9], []float64{2, 3, 1, 6, 1, 1, 1, 1, 5}) {
			t.Errorf("types %v", types[:9])
		}
		if got, ok := f.Bool("tokenizer.ggml.add_space_prefix"); !ok || got != tt.prefix {
			t.Errorf("%d: add_space_prefix is %v, %v", i, got, ok)
		}
		if model, _ := f.String("tokenizer.ggml.model"); model != "llama" || f.Has("tokenizer.ggml.merges") {
			t.Errorf("model %q", model)
		}
		if unk, ok := f.Uint("tokenizer.ggml.unknown_token_id"); !ok || unk != 0 {
			t.Errorf("unknown is %d, %v", unk, ok)
		}
	}
}
