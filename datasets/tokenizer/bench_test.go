package tokenizer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/internal/testkit"
)

// prose returns about a megabyte of text: the reference corpora when they are there.
func prose(b *testing.B) string {
	b.Helper()
	var all strings.Builder
	root := testkit.Shared(b, "real", "corpora")
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || all.Len() > 4<<20 {
			return err
		}
		data, err := os.ReadFile(path)
		all.WriteString(strings.ToValidUTF8(string(data), ""))
		return err
	})
	if err != nil || all.Len() == 0 {
		b.Skipf("no corpus: %v", err)
	}
	text := all.String()
	return strings.ToValidUTF8(text[:min(len(text), 4<<20)], "")
}

func benchmarkEncode(b *testing.B, name string) {
	tok := mustOpen(b, testkit.Shared(b, "real", "tokenizers", name))
	text := prose(b)
	b.SetBytes(int64(len(text)))
	b.ResetTimer()
	for b.Loop() {
		tok.Encode(text, true)
	}
}

func BenchmarkEncodeLlama2(b *testing.B) { benchmarkEncode(b, "tinyllama") }
func BenchmarkEncodeGPT2(b *testing.B)   { benchmarkEncode(b, "gpt2") }

func BenchmarkOpenLlama2(b *testing.B) {
	dir := testkit.Shared(b, "real", "tokenizers", "tinyllama")
	for b.Loop() {
		mustOpen(b, dir)
	}
}

func BenchmarkDecodeLlama2(b *testing.B) {
	tok := mustOpen(b, testkit.Shared(b, "real", "tokenizers", "tinyllama"))
	text := prose(b)
	ids := tok.Encode(text, true)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		tok.Decode(ids, true)
	}
}
