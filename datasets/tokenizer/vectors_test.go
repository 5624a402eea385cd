package tokenizer

import (
	"encoding/json"
	"slices"
	"testing"
)

// madeCase is a small tokenizer with what Hugging Face tokenizers 0.23 make of some texts. They are
// made by testdata/vectors.py and precompiled.py, one for each component and parameter.
type madeCase struct {
	Name      string
	Tokenizer json.RawMessage
	Vectors   []struct {
		vector
		Skipped string // decoded from ids without special tokens
	}
}

func madeCases(t testing.TB) []madeCase {
	t.Helper()
	return readCases(t, "testdata/vectors.json.gz")
}

func readCases(t testing.TB, path string) []madeCase {
	t.Helper()
	var cases []madeCase
	readGzip(t, path, &cases)
	return cases
}

func TestComponents(t *testing.T) {
	for _, c := range append(madeCases(t), readCases(t, "testdata/precompiled.json.gz")...) {
		t.Run(c.Name, func(t *testing.T) {
			tok, err := Parse(c.Tokenizer, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range c.Vectors {
				checkVectors(t, tok, []vector{v.vector})
				if got := tok.Decode(v.IDs, true); got != v.Skipped {
					t.Errorf("decode, skipping special\n got %q\nwant %q", got, v.Skipped)
				}
				checkSpans(t, tok, v.Text)
			}
		})
	}
}

// checkSpans holds that spans are in order, inside of the text and on its characters.
func checkSpans(t *testing.T, tok *Tokenizer, text string) {
	t.Helper()
	ids, spans := tok.EncodeOffsets(text, false)
	if plain := tok.Encode(text, false); !slices.Equal(ids, plain) {
		t.Errorf("%q: ids with spans %v, without %v", text, ids, plain)
	}
	for i, s := range spans {
		if s.Start > s.End || s.Start < 0 || s.End > len(text) || i > 0 && s.Start < spans[i-1].Start {
			t.Errorf("%q: span %d is %v after %v", text, i, s, spans[max(i-1, 0)])
		}
	}
}
