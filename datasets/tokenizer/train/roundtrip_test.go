package train

import (
	"iter"
	"slices"
	"testing"

	"github.com/cultivar/cultivar/datasets/tokenizer"
	"github.com/cultivar/cultivar/internal/corpus"
)

// firstOf yields the first n texts of seq.
func firstOf(n int, seq iter.Seq[string]) iter.Seq[string] {
	return func(yield func(string) bool) {
		left := n
		for text := range seq {
			if left == 0 || !yield(text) {
				return
			}
			left--
		}
	}
}

// TestRoundTrip learns from the corpus of the embedded base and reads the file back with the
// tokenizer that uses it. Its pre-tokenizer must cut where split cut, or merges would be learnt
// that are never applied.
func TestRoundTrip(t *testing.T) {
	v, err := Train(firstOf(400, corpus.Documents(1)), Config{VocabSize: 1024})
	if err != nil {
		t.Fatal(err)
	}
	data, err := v.JSON()
	if err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.Parse(data, nil)
	if err != nil {
		t.Fatal(err)
	}
	if tok.VocabSize() != 1024 {
		t.Errorf("vocabulary of %d, want 1024", tok.VocabSize())
	}
	bos, _ := tok.ID("<|begin_of_text|>")
	chars, tokens := 0, 0
	for text := range firstOf(40, corpus.Documents(2)) {
		ids := tok.Encode(text, true)
		if ids[0] != bos {
			t.Fatalf("sequence begins with %d, want %d", ids[0], bos)
		}
		if got := tok.Decode(ids[1:], false); got != text {
			t.Fatalf("decoded %q, want %q", got, text)
		}
		var pieces []int32
		split(text, func(p string) { pieces = append(pieces, tok.Encode(p, false)...) })
		if !slices.Equal(pieces, ids[1:]) {
			t.Fatalf("pieces of %q encode to %d, the text to %d", text, pieces, ids[1:])
		}
		chars, tokens = chars+len(text), tokens+len(ids)
	}
	if ratio := float64(chars) / float64(tokens); ratio < 2.8 {
		t.Errorf("%.2f characters a token, want at least 2.8", ratio)
	}
	for _, text := range []string{"", "It's 12,345!\r\n\n\t– ½ 中文", "<|eot_id|> is a token"} {
		if got, want := tok.Decode(tok.Encode(text, false), false), text; got != want {
			t.Errorf("decoded %q, want %q", got, want)
		}
	}
}

// TestOrderDoesNotMatter holds the learner to its promise: the same texts in another order give
// the same file.
func TestOrderDoesNotMatter(t *testing.T) {
	texts := slices.Collect(firstOf(60, corpus.Documents(3)))
	one, err := Train(slices.Values(texts), Config{VocabSize: 600})
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(texts)
	two, err := Train(slices.Values(texts), Config{VocabSize: 600})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(one.Merges, two.Merges) {
		t.Error("the order of texts changes the merges")
	}
}
